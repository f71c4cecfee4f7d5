//! The model broker itself: it must notice what a client does against the specification.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use polymqtt_proto::codec::{
    Ack, Connect, ConnectProperties, Delivery, Disconnect, Packet, Publish, Subscribe, SubscribeProperties,
    SubscriptionOptions, Version, take_frames,
};
use polymqtt_proto::qos::{PacketId, QoS};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicName;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig, BrokerMessage, LinkId, ModelBroker};

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

/// A client without any logic of its own.
struct Client {
    broker: ModelBroker,
    link: LinkId,
}

impl Client {
    fn new(config: BrokerConfig) -> Self {
        let mut broker = ModelBroker::new(config, 1);
        let link = broker.open(NOW);
        let mut client = Self { broker, link };
        client.connect(true);
        client
    }

    fn held() -> Self {
        Self::new(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() })
    }

    fn connect(&mut self, clean_start: bool) -> Vec<Packet> {
        let session_expiry_interval = Some(100);
        let properties = ConnectProperties { session_expiry_interval, ..ConnectProperties::default() };
        let client_id = "c".try_into().unwrap();
        self.send(Packet::Connect(Box::new(Connect {
            clean_start,
            client_id,
            properties,
            ..Connect::default()
        })))
    }

    fn reconnect(&mut self) -> Vec<Packet> {
        self.broker.closed(self.link, NOW);
        self.link = self.broker.open(NOW);
        self.connect(false)
    }

    #[expect(clippy::needless_pass_by_value, reason = "packets are made for this call")]
    fn send(&mut self, packet: Packet) -> Vec<Packet> {
        let mut bytes = BytesMut::new();
        packet.encode(Version::V5, &mut bytes).unwrap();
        self.broker.bytes(self.link, NOW, &mut bytes);
        self.answers()
    }

    fn answers(&mut self) -> Vec<Packet> {
        let output = self.broker.output(self.link).unwrap();
        let mut frames = take_frames(output, u32::MAX).unwrap();
        let mut packets = Vec::new();
        while let Some(frame) = frames.next() {
            packets.push(Packet::decode(Version::V5, &frame).unwrap());
        }
        packets
    }

    fn publish(&mut self, qos: QoS, packet_id: u16, dup: bool, payload: &'static str) -> Vec<Packet> {
        let packet_id = id(packet_id);
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
        };
        let mut publish = template();
        publish.delivery = delivery;
        publish.payload = Bytes::from_static(payload.as_bytes());
        self.send(Packet::Publish(publish))
    }

    fn violations(&self) -> Vec<&str> {
        self.broker.violations().iter().map(|violation| violation.statement).collect()
    }
}

/// A PUBLISH to "t", by way of the codec.
fn template() -> Publish {
    let mut bytes = BytesMut::from(&[0x30, 0x04, 0x00, 0x01, b't', 0x00][..]);
    let mut frames = take_frames(&mut bytes, u32::MAX).unwrap();
    Publish::decode(Version::V5, &frames.next().unwrap()).unwrap()
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

#[test]
fn an_orderly_client_breaks_no_rule() {
    let mut client = Client::new(BrokerConfig::default());
    assert!(matches!(client.publish(Q1, 1, false, "a")[..], [Packet::PubAck(_)]));
    assert!(matches!(client.publish(Q2, 1, false, "b")[..], [Packet::PubRec(_)]));
    assert!(matches!(client.send(Packet::PubRel(Ack::success(id(1))))[..], [Packet::PubComp(_)]));
    assert!(matches!(client.publish(Q1, 1, false, "c")[..], [Packet::PubAck(_)]));
    client.send(Packet::Disconnect(Disconnect::default()));
    assert!(client.violations().is_empty());
    assert_eq!(client.broker.record().payloads("t"), ["a", "b", "c"]);
}

#[test]
fn the_first_packet_is_connect_and_only_the_first() {
    let mut client = Client::new(BrokerConfig::default());
    client.connect(true);
    assert_eq!(client.violations(), ["MQTT-3.1.0-2"]);
    let mut early = Client::new(BrokerConfig::default());
    early.broker.closed(early.link, NOW);
    early.link = early.broker.open(NOW);
    early.send(Packet::PingReq);
    assert_eq!(early.violations(), ["MQTT-3.1.0-1"]);
}

#[test]
fn identifiers_in_use_are_noticed() {
    let mut client = Client::held();
    client.publish(Q1, 1, false, "a");
    client.publish(Q1, 1, false, "b");
    assert_eq!(client.violations(), ["MQTT-2.2.1-3"]);

    let mut mixed = Client::held();
    mixed.publish(Q2, 1, false, "a");
    let filters = vec![("f".try_into().unwrap(), SubscriptionOptions::default())];
    let properties = SubscribeProperties::default();
    mixed.send(Packet::Subscribe(Subscribe { packet_id: id(1), filters, properties }));
    assert_eq!(mixed.violations(), ["MQTT-2.2.1-3"]);
}

#[test]
fn sending_again_on_a_live_connection_is_noticed() {
    let mut client = Client::held();
    client.publish(Q1, 1, false, "a");
    client.publish(Q1, 1, true, "a");
    assert!(client.violations().contains(&"MQTT-4.4.0-1"));
}

#[test]
fn dup_without_a_session_and_no_dup_with_one_are_noticed() {
    let mut client = Client::new(BrokerConfig::default());
    client.publish(Q1, 1, true, "a");
    assert_eq!(client.violations(), ["MQTT-3.3.1-1"]);

    let mut resumed = Client::held();
    resumed.publish(Q1, 1, false, "a");
    resumed.reconnect();
    resumed.publish(Q1, 1, false, "a");
    assert_eq!(resumed.violations(), ["MQTT-3.3.1-1"]);
}

#[test]
fn sending_again_out_of_order_is_noticed() {
    let mut client = Client::held();
    client.publish(Q1, 1, false, "a");
    client.publish(Q2, 2, false, "b");
    client.reconnect();
    client.publish(Q2, 2, true, "b");
    client.publish(Q1, 1, true, "a");
    assert_eq!(client.violations(), ["MQTT-4.6.0-1"]);
}

#[test]
fn a_pubrel_needs_a_pubrec_and_keeps_their_order() {
    let mut client = Client::held();
    client.publish(Q2, 1, false, "a");
    client.send(Packet::PubRel(Ack::success(id(1))));
    assert_eq!(client.violations(), ["MQTT-4.3.3-4"]);

    let mut unordered = Client::new(BrokerConfig::default());
    unordered.publish(Q2, 1, false, "a");
    unordered.publish(Q2, 2, false, "b");
    unordered.send(Packet::PubRel(Ack::success(id(2))));
    unordered.send(Packet::PubRel(Ack::success(id(1))));
    assert_eq!(unordered.violations(), ["MQTT-4.6.0-4"]);

    let mut again = Client::new(BrokerConfig::default());
    again.publish(Q2, 1, false, "a");
    again.send(Packet::PubRel(Ack::success(id(1))));
    again.send(Packet::PubRel(Ack::success(id(1))));
    assert_eq!(again.violations(), ["MQTT-4.3.3-4"]);
}

#[test]
fn a_publish_after_its_pubrel_is_noticed() {
    let mut client = Client::held();
    client.publish(Q2, 1, false, "a");
    client.broker.release_acks(NOW);
    client.send(Packet::PubRel(Ack::success(id(1))));
    client.reconnect();
    client.publish(Q2, 1, true, "a");
    assert_eq!(client.violations(), ["MQTT-4.3.3-6"]);
}

#[test]
fn exactly_once_survives_a_reconnect() {
    let mut client = Client::new(BrokerConfig::default());
    client.publish(Q2, 1, false, "a");
    client.reconnect();
    client.publish(Q2, 1, true, "a");
    client.send(Packet::PubRel(Ack::success(id(1))));
    // The PUBCOMP got lost.
    client.reconnect();
    let answer = client.send(Packet::PubRel(Ack::success(id(1))));
    let [Packet::PubComp(ack)] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(ack.reason_code, ReasonCode::PacketIdentifierNotFound);
    assert_eq!(client.broker.record().payloads("t"), ["a"]);
    assert!(client.violations().is_empty());
}

#[test]
fn limits_of_connack_are_enforced() {
    let config = |change: fn(&mut BrokerConfig)| {
        let mut config = BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() };
        change(&mut config);
        Client::new(config)
    };
    let mut client = config(|config| config.receive_maximum = 2);
    for packet_id in 1..=3 {
        client.publish(Q1, packet_id, false, "a");
    }
    assert_eq!(client.violations(), ["MQTT-3.3.4-7"]);
    assert!(client.broker.wants_close(client.link));

    let mut client = config(|config| config.maximum_qos = Q1);
    client.publish(Q2, 1, false, "a");
    assert_eq!(client.violations(), ["MQTT-3.2.2-11"]);

    let mut client = config(|config| config.maximum_packet_size = Some(30));
    client.publish(Q1, 1, false, "a payload that makes it larger than that");
    assert_eq!(client.violations(), ["MQTT-3.2.2-15"]);

    let mut client = config(|config| config.retain_available = false);
    client.send(Packet::Publish(Publish { retain: true, ..template() }));
    assert_eq!(client.violations(), ["MQTT-3.2.2-14"]);

    let mut client = config(|config| config.topic_alias_maximum = 3);
    client.send(Packet::Publish(Publish { topic_alias: std::num::NonZeroU16::new(4), ..template() }));
    assert_eq!(client.violations(), ["MQTT-3.2.2-17"]);
}

fn subscribed() -> Client {
    let mut client = Client::new(BrokerConfig::default());
    let options = SubscriptionOptions { maximum_qos: Q2, ..SubscriptionOptions::default() };
    let filters = vec![("#".try_into().unwrap(), options)];
    let properties = SubscribeProperties::default();
    client.send(Packet::Subscribe(Subscribe { packet_id: id(1), filters, properties }));
    client
}

fn deliver(client: &mut Client, qos: QoS, number: usize) -> Vec<PacketId> {
    let topic = TopicName::try_from("t").unwrap();
    for _ in 0..number {
        client.broker.publish(NOW, BrokerMessage::new(&topic, "x", qos));
    }
    let packet_id = |packet: Packet| match packet {
        Packet::Publish(publish) => publish.delivery.packet_id(),
        _ => None,
    };
    client.answers().into_iter().filter_map(packet_id).collect()
}

#[test]
fn acknowledgements_out_of_order_or_for_nothing_are_noticed() {
    let mut client = subscribed();
    let ids = deliver(&mut client, Q1, 2);
    client.send(Packet::PubAck(Ack::success(ids[1])));
    client.send(Packet::PubAck(Ack::success(ids[0])));
    assert!(client.violations().contains(&"MQTT-4.6.0-2"));

    let mut client = subscribed();
    let ids = deliver(&mut client, Q2, 2);
    client.send(Packet::PubRec(Ack::success(ids[1])));
    assert_eq!(client.violations(), ["MQTT-4.6.0-3"]);

    let mut client = subscribed();
    let ids = deliver(&mut client, Q2, 1);
    client.send(Packet::PubComp(Ack::success(ids[0])));
    assert_eq!(client.violations(), ["MQTT-4.3.3-11"]);

    let mut client = subscribed();
    client.send(Packet::PubAck(Ack::success(id(9))));
    assert!(client.violations().contains(&"MQTT-2.2.1-5"));
}

#[test]
fn what_was_delivered_and_not_acknowledged_is_sent_again_in_order() {
    let mut client = subscribed();
    let ones = deliver(&mut client, Q1, 2);
    let twos = deliver(&mut client, Q2, 2);
    client.send(Packet::PubAck(Ack::success(ones[0])));
    client.send(Packet::PubRec(Ack::success(twos[0])));
    let again = client.reconnect();
    let shape: Vec<_> = again
        .iter()
        .map(|packet| match packet {
            Packet::Publish(publish) => (publish.delivery.packet_id().unwrap(), publish.delivery.dup()),
            Packet::PubRel(ack) => (ack.packet_id, false),
            other => (id(99), matches!(other, Packet::ConnAck(connack) if connack.session_present)),
        })
        .collect();
    assert_eq!(shape, [(id(99), true), (ones[1], true), (twos[1], true), (twos[0], false)]);
}

#[test]
fn packets_after_disconnect_are_noticed() {
    let mut client = Client::new(BrokerConfig::default());
    client.send(Packet::Disconnect(Disconnect::default()));
    client.send(Packet::PingReq);
    assert_eq!(client.violations(), ["MQTT-3.14.4-1"]);
}

#[test]
fn silence_of_one_and_a_half_keep_alive_intervals_ends_the_connection() {
    let mut broker =
        ModelBroker::new(BrokerConfig { server_keep_alive: Some(10), ..BrokerConfig::default() }, 1);
    let link = broker.open(NOW);
    let mut client = Client { broker, link };
    client.connect(true);
    assert_eq!(client.broker.deadline(), Some(NOW + Duration::from_secs(15)));
    client.broker.advance(NOW + Duration::from_secs(15));
    assert!(client.broker.wants_close(client.link));
}
