//! How a server would say it: the parts that packets are made of, in hexadecimal digits.

use polymqtt_conformance::hex;
use polymqtt_conformance::peer::Peer;
use polymqtt_proto::codec::{SubscriptionOptions, Version};
use polymqtt_proto::engine::{StreamId, SubscribeRequest};
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;

pub(crate) const Q0: QoS = QoS::AtMostOnce;
pub(crate) const Q1: QoS = QoS::AtLeastOnce;
pub(crate) const Q2: QoS = QoS::ExactlyOnce;

/// A UTF-8 Encoded String of these bytes.
pub(crate) fn string(digits: &str) -> String {
    format!("{:04x} {digits}", hex::bytes(digits).len())
}

/// Properties with their length in front, which must be below 128.
pub(crate) fn properties(digits: &str) -> String {
    format!("{:02x} {digits}", hex::bytes(digits).len())
}

/// A CONNACK of version 5 that grants with these properties.
pub(crate) fn connack(digits: &str) -> String {
    format!("20 _ 00 00 {}", properties(digits))
}

/// A client whose server has granted with these properties.
#[track_caller]
pub(crate) fn granted(digits: &str) -> Peer {
    Peer::accept(polymqtt_conformance::peer::options(), &connack(digits))
}

pub(crate) fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    Message::new(topic, payload.to_owned()).unwrap().with_qos(qos)
}

/// A subscription to one filter.
pub(crate) fn to(filter: &str, qos: QoS) -> SubscribeRequest {
    let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
    SubscribeRequest { filters: vec![(filter.try_into().unwrap(), options)], ..SubscribeRequest::default() }
}

/// The packet identifier of a packet that begins with it, as of SUBSCRIBE.
pub(crate) fn packet_id(packet: &str) -> String {
    hex::text(&hex::bytes(packet)[2..4])
}

/// Subscribes to the filter at QoS 2, and the server grants it.
#[track_caller]
pub(crate) fn subscribed(peer: &mut Peer, filter: &str) -> StreamId {
    let (stream, _) = peer.subscribe(to(filter, Q2));
    grant(peer);
    stream
}

/// As [`subscribed`], with acknowledgements by hand.
#[track_caller]
pub(crate) fn subscribed_by_hand(peer: &mut Peer, filter: &str) -> StreamId {
    let mut request = to(filter, Q2);
    request.stream.manual_ack = true;
    let (stream, _) = peer.subscribe(request);
    grant(peer);
    stream
}

/// Answers the SUBSCRIBE that was sent last.
#[track_caller]
fn grant(peer: &mut Peer) {
    let packet_id = packet_id(peer.sent().last().unwrap());
    let version = peer.engine.grant().unwrap().limits.version;
    let no_properties = if version == Version::V5 { "00" } else { "" };
    peer.send(&format!("90 _ {packet_id} {no_properties} 02"));
}

/// Takes the payloads that wait in the stream, and acknowledges them.
#[track_caller]
pub(crate) fn take_all(peer: &mut Peer, stream: StreamId) -> Vec<String> {
    std::iter::from_fn(|| peer.receive(stream)).map(|message| message.text().unwrap().to_owned()).collect()
}
