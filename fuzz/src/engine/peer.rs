//! The server's end of one connection: reads what the client sends, and finds it within the specification.

use std::collections::{BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use polymqtt_proto::codec::{Packet, Publish, Version, take_frames};
use polymqtt_proto::connection::Limits;
use polymqtt_proto::qos::PacketId;

/// What the server knows of a connection.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) version: Version,
    /// Sent by the client and not answered yet, in order.
    pub(super) unanswered: VecDeque<Packet>,
    /// The last message that wants a response.
    pub(super) request: Option<Publish>,
    /// The last that the client said in its authentication.
    pub(super) said: Option<Bytes>,
    /// The identifiers of messages that the server has not finished, unless [`Peer::sent_raw`].
    in_flight: BTreeSet<PacketId>,
    /// Bytes were sent to the client that nobody has read here: what is in flight is not known any more.
    pub(super) sent_raw: bool,
    buf: BytesMut,
    connected: bool,
    left: bool,
}

impl Peer {
    /// These bytes came from the client, which was granted these limits.
    pub(super) fn receive(&mut self, bytes: &[u8], limits: Option<&Limits>) {
        self.buf.extend_from_slice(bytes);
        let mut frames = take_frames(&mut self.buf, u32::MAX).expect("the client sends packets");
        while let Some(frame) = frames.next() {
            let packet = match Packet::decode(self.version, &frame) {
                Ok(packet) => packet,
                Err(error) => panic!("the client sent what can't be decoded: {error}: {:02x?}", frame.body()),
            };
            if let Some(limits) = limits {
                let most = limits.maximum_packet_size.unwrap_or(u32::MAX);
                assert!(frame.size() <= most as usize, "above {most} bytes [MQTT-3.2.2-15]: {packet:?}");
            }
            self.take(packet, limits);
        }
        // Whole packets come in one piece.
        assert!(self.buf.is_empty(), "{:?}", self.buf);
    }

    fn take(&mut self, packet: Packet, limits: Option<&Limits>) {
        assert!(!self.left, "behind DISCONNECT [MQTT-3.14.4-2]: {packet:?}");
        assert_eq!(!self.connected, matches!(packet, Packet::Connect(_)), "[MQTT-3.1.0-1]: {packet:?}");
        match &packet {
            Packet::Connect(connect) => {
                self.connected = true;
                self.version = connect.version;
                self.said.clone_from(&connect.properties.authentication_data);
            }
            Packet::Publish(publish) => self.take_publish(publish, limits),
            Packet::Auth(auth) => self.said.clone_from(&auth.properties.authentication_data),
            Packet::Disconnect(_) => self.left = true,
            Packet::Subscribe(subscribe) => {
                let wildcards = limits.is_none_or(|limits| limits.wildcard_subscriptions);
                let shared = limits.is_none_or(|limits| limits.shared_subscriptions);
                let identifiers = limits.is_none_or(|limits| limits.subscription_identifiers);
                for (filter, _) in &subscribe.filters {
                    assert!(wildcards || !filter.has_wildcards(), "{filter:?}");
                    assert!(shared || !filter.is_shared(), "{filter:?}");
                }
                assert!(identifiers || subscribe.properties.subscription_identifier.is_none());
            }
            Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_) => {}
            Packet::Unsubscribe(_) | Packet::PingReq => {}
            other => panic!("a client does not send {other:?}"),
        }
        self.unanswered.push_back(packet);
    }

    fn take_publish(&mut self, publish: &Publish, limits: Option<&Limits>) {
        assert!(publish.subscription_identifiers.is_empty(), "[MQTT-3.3.4-6]: {publish:?}");
        if publish.properties.as_ref().is_some_and(|properties| properties.response_topic.is_some()) {
            self.request = Some(publish.clone());
        }
        if let Some(packet_id) = publish.delivery.packet_id() {
            let is_new = self.in_flight.insert(packet_id);
            assert!(is_new || self.sent_raw, "a packet identifier in use [MQTT-2.2.1-3]: {publish:?}");
        }
        let Some(limits) = limits else {
            return;
        };
        assert!(publish.delivery.qos() <= limits.maximum_qos, "[MQTT-3.2.2-11]: {publish:?}");
        assert!(limits.retain_available || !publish.retain, "[MQTT-3.2.2-14]: {publish:?}");
        let alias = publish.topic_alias.map_or(0, std::num::NonZero::get);
        assert!(alias <= limits.topic_alias_maximum, "[MQTT-3.2.2-17]: {publish:?}");
        let most = usize::from(limits.receive_maximum);
        assert!(self.in_flight.len() <= most || self.sent_raw, "[MQTT-3.3.4-7]: above {most} in flight");
    }

    /// The server sends this: the client may count its message as done.
    pub(super) fn send(&mut self, packet: &Packet) {
        match packet {
            Packet::PubAck(ack) | Packet::PubComp(ack) => drop(self.in_flight.remove(&ack.packet_id)),
            Packet::PubRec(ack) if ack.reason_code.is_error() => drop(self.in_flight.remove(&ack.packet_id)),
            _ => {}
        }
    }

    /// The packet identifier of the `number`th packet that waits for an answer.
    pub(super) fn waiting(&self, number: u8) -> Option<PacketId> {
        let ids: Vec<PacketId> = self.unanswered.iter().filter_map(packet_id).collect();
        ids.get(usize::from(number) % ids.len().max(1)).copied()
    }
}

fn packet_id(packet: &Packet) -> Option<PacketId> {
    match packet {
        Packet::Publish(publish) => publish.delivery.packet_id(),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            Some(ack.packet_id)
        }
        Packet::Subscribe(subscribe) => Some(subscribe.packet_id),
        Packet::Unsubscribe(unsubscribe) => Some(unsubscribe.packet_id),
        _ => None,
    }
}
