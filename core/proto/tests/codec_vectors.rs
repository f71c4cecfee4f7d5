//! Packets that other people's encoders made (tests/vectors): decoded, compared by field, encoded again.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use polymqtt_proto::codec::{
    Ack, AckProperties, AuthProperties, ConnAckProperties, ConnectProperties, DisconnectProperties, Packet,
    Publish, Subscribe, SubscriptionIdentifier, UserProperties, Version, Will, take_frames,
};
use polymqtt_proto::qos::PacketId;
use polymqtt_proto::topic::TopicFilter;
use serde_json::{Map, Value, json};

const MQTT_PACKET: &str = include_str!("../../../tests/vectors/mqtt-packet.json");
const PAHO: &str = include_str!("../../../tests/vectors/paho.json");
const OURS: &str = include_str!("../../../tests/vectors/polymqtt.json");

struct Vector {
    name: String,
    version: Version,
    bytes: Vec<u8>,
    packet: Value,
}

fn vectors(json: &str) -> Vec<Vector> {
    let vectors: Vec<Value> = serde_json::from_str(json).unwrap();
    let vector = |it: &Value| Vector {
        name: format!("{} ({})", it["name"], it["version"]),
        version: Version::try_from(it["version"].as_u64().unwrap() as u8).unwrap(),
        bytes: from_hex(it["hex"].as_str().unwrap()),
        packet: it["packet"].clone(),
    };
    vectors.iter().map(vector).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = |start| &text[start..start + 2];
    (0..text.len()).step_by(2).map(|start| u8::from_str_radix(digits(start), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(version: Version, bytes: &[u8]) -> Packet {
    let mut buf = BytesMut::from(bytes);
    let mut frames = take_frames(&mut buf, u32::MAX).unwrap();
    let packet = Packet::decode(version, &frames.next().unwrap()).unwrap_or_else(|error| panic!("{error}"));
    assert!(frames.is_empty() && buf.is_empty());
    packet
}

/// Checks each vector. At least four in five must come back byte for byte; the others differ in the order of their
/// properties, or spell out what can be left out.
fn check(vectors: &[Vector]) {
    let mut identical = 0;
    for Vector { name, version, bytes, packet } in vectors {
        let decoded = decode(*version, bytes);
        assert_eq!(&fields(&decoded), packet, "{name}");
        let mut out = BytesMut::new();
        decoded.encode(*version, &mut out).unwrap();
        if out == bytes {
            identical += 1;
        } else {
            assert!(out.len() <= bytes.len(), "{name}: ours is longer, {}", hex(&out));
            assert_eq!(decode(*version, &out), decoded, "{name}");
        }
    }
    assert!(identical * 5 >= vectors.len() * 4, "{identical} of {}", vectors.len());
}

#[test]
fn of_mqtt_packet() {
    let vectors = vectors(MQTT_PACKET);
    assert!(vectors.len() >= 120, "{} vectors", vectors.len());
    check(&vectors);
}

#[test]
fn of_paho() {
    let vectors = vectors(PAHO);
    assert!(vectors.len() >= 120, "{} vectors", vectors.len());
    check(&vectors);
}

/// Our own encodings stay as they were when mqtt-packet decoded them (see the vectors' README).
#[test]
fn of_our_own() {
    let ours = vectors(OURS);
    let theirs = vectors(MQTT_PACKET);
    assert_eq!(ours.len(), theirs.len());
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!(our.name, their.name);
        let mut out = BytesMut::new();
        decode(their.version, &their.bytes).encode(their.version, &mut out).unwrap();
        assert_eq!(hex(&out), hex(&our.bytes), "{}", our.name);
    }
}

/// Fields by the names of packets.json; those without a value are left out.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn and<T: Into<Value>>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn text<T: AsRef<str>>(self, name: &str, value: Option<&T>) -> Self {
        self.and(name, value.map(|text| text.as_ref().to_owned()))
    }

    fn binary(self, name: &str, value: Option<&Bytes>) -> Self {
        self.and(name, value.map(|bytes| hex(bytes)))
    }

    fn user(self, properties: &UserProperties) -> Self {
        let pairs: Vec<Value> = properties.iter().map(|(k, v)| json!([k.as_str(), v.as_str()])).collect();
        self.and("user_properties", (!pairs.is_empty()).then_some(pairs))
    }

    fn properties(self, properties: Fields) -> Self {
        let properties = (!properties.0.is_empty()).then_some(properties.0);
        self.and("properties", properties)
    }
}

fn fields(packet: &Packet) -> Value {
    let it = Fields::default().with("type", packet.packet_type().name());
    let it = match packet {
        Packet::Connect(connect) => it
            .with("clean_start", connect.clean_start)
            .with("keep_alive", connect.keep_alive)
            .with("client_id", connect.client_id.as_str())
            .text("username", connect.username.as_ref())
            .binary("password", connect.password.as_ref())
            .and("will", connect.will.as_ref().map(will))
            .properties(connect_properties(&connect.properties)),
        Packet::ConnAck(connack) => it
            .with("session_present", connack.session_present)
            .with("reason_code", connack.reason_code as u8)
            .properties(connack_properties(&connack.properties)),
        Packet::Publish(packet) => publish(it, packet),
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => ack(it, packet),
        Packet::Subscribe(packet) => subscribe(it, packet),
        Packet::SubAck(suback) => it
            .with("packet_id", suback.packet_id.get())
            .with("reason_codes", suback.reason_codes.iter().map(|code| *code as u8).collect::<Vec<_>>())
            .properties(ack_properties(suback.properties.as_deref())),
        Packet::Unsubscribe(unsubscribe) => it
            .with("packet_id", unsubscribe.packet_id.get())
            .with("filters", unsubscribe.filters.iter().map(TopicFilter::as_str).collect::<Vec<_>>())
            .properties(Fields::default().user(&unsubscribe.user_properties)),
        Packet::UnsubAck(unsuback) => it
            .with("packet_id", unsuback.packet_id.get())
            .with("reason_codes", unsuback.reason_codes.iter().map(|code| *code as u8).collect::<Vec<_>>())
            .properties(ack_properties(unsuback.properties.as_deref())),
        Packet::PingReq | Packet::PingResp => it,
        Packet::Disconnect(disconnect) => it
            .with("reason_code", disconnect.reason_code as u8)
            .properties(disconnect_properties(disconnect.properties.as_deref())),
        Packet::Auth(auth) => {
            it.with("reason_code", auth.reason_code as u8).properties(auth_properties(&auth.properties))
        }
    };
    Value::Object(it.0)
}

fn connect_properties(it: &ConnectProperties) -> Fields {
    Fields::default()
        .and("session_expiry_interval", it.session_expiry_interval)
        .and("receive_maximum", it.receive_maximum)
        .and("maximum_packet_size", it.maximum_packet_size)
        .and("topic_alias_maximum", it.topic_alias_maximum)
        .and("request_response_information", it.request_response_information)
        .and("request_problem_information", it.request_problem_information)
        .text("authentication_method", it.authentication_method.as_ref())
        .binary("authentication_data", it.authentication_data.as_ref())
        .user(&it.user_properties)
}

fn will(will: &Will) -> Value {
    let it = &will.properties;
    let properties = Fields::default()
        .and("delay_interval", it.delay_interval)
        .and("payload_format_indicator", it.payload_format_indicator)
        .and("message_expiry_interval", it.message_expiry_interval)
        .text("content_type", it.content_type.as_ref())
        .text("response_topic", it.response_topic.as_ref())
        .binary("correlation_data", it.correlation_data.as_ref())
        .user(&it.user_properties);
    let fields = Fields::default()
        .with("topic", will.topic.as_str())
        .binary("payload", Some(&will.payload))
        .with("qos", will.qos as u8)
        .with("retain", will.retain)
        .properties(properties);
    Value::Object(fields.0)
}

fn connack_properties(it: &ConnAckProperties) -> Fields {
    Fields::default()
        .and("session_expiry_interval", it.session_expiry_interval)
        .and("receive_maximum", it.receive_maximum)
        .and("maximum_qos", it.maximum_qos.map(|qos| qos as u8))
        .and("retain_available", it.retain_available)
        .and("maximum_packet_size", it.maximum_packet_size)
        .text("assigned_client_identifier", it.assigned_client_identifier.as_ref())
        .and("topic_alias_maximum", it.topic_alias_maximum)
        .text("reason_string", it.reason_string.as_ref())
        .and("wildcard_subscription_available", it.wildcard_subscription_available)
        .and("subscription_identifiers_available", it.subscription_identifiers_available)
        .and("shared_subscription_available", it.shared_subscription_available)
        .and("server_keep_alive", it.server_keep_alive)
        .text("response_information", it.response_information.as_ref())
        .text("server_reference", it.server_reference.as_ref())
        .text("authentication_method", it.authentication_method.as_ref())
        .binary("authentication_data", it.authentication_data.as_ref())
        .user(&it.user_properties)
}

fn publish(it: Fields, publish: &Publish) -> Fields {
    it.with("qos", publish.delivery.qos() as u8)
        .with("dup", publish.delivery.dup())
        .with("retain", publish.retain)
        .and("packet_id", publish.delivery.packet_id().map(PacketId::get))
        .with("topic", publish.topic.as_str())
        .binary("payload", Some(&publish.payload))
        .properties(publish_properties(publish))
}

fn publish_properties(publish: &Publish) -> Fields {
    let it = publish.properties.as_deref().cloned().unwrap_or_default();
    let identifiers: Vec<u32> =
        publish.subscription_identifiers.iter().map(SubscriptionIdentifier::get).collect();
    Fields::default()
        .and("payload_format_indicator", it.payload_format_indicator)
        .and("message_expiry_interval", it.message_expiry_interval)
        .and("topic_alias", publish.topic_alias.map(NonZeroU16::get))
        .text("response_topic", it.response_topic.as_ref())
        .binary("correlation_data", it.correlation_data.as_ref())
        .text("content_type", it.content_type.as_ref())
        .and("subscription_identifiers", (!identifiers.is_empty()).then_some(identifiers))
        .user(&it.user_properties)
}

fn ack(it: Fields, ack: &Ack) -> Fields {
    it.with("packet_id", ack.packet_id.get())
        .with("reason_code", ack.reason_code as u8)
        .properties(ack_properties(ack.properties.as_deref()))
}

fn ack_properties(it: Option<&AckProperties>) -> Fields {
    let fields = |it: &AckProperties| {
        Fields::default().text("reason_string", it.reason_string.as_ref()).user(&it.user_properties)
    };
    it.map(fields).unwrap_or_default()
}

fn subscribe(it: Fields, subscribe: &Subscribe) -> Fields {
    let filters: Vec<Value> = subscribe
        .filters
        .iter()
        .map(|(filter, options)| {
            json!({
                "filter": filter.as_str(),
                "qos": options.maximum_qos as u8,
                "no_local": options.no_local,
                "retain_as_published": options.retain_as_published,
                "retain_handling": options.retain_handling as u8,
            })
        })
        .collect();
    let properties = Fields::default()
        .and(
            "subscription_identifier",
            subscribe.properties.subscription_identifier.map(SubscriptionIdentifier::get),
        )
        .user(&subscribe.properties.user_properties);
    it.with("packet_id", subscribe.packet_id.get()).with("filters", filters).properties(properties)
}

fn disconnect_properties(it: Option<&DisconnectProperties>) -> Fields {
    let fields = |it: &DisconnectProperties| {
        Fields::default()
            .and("session_expiry_interval", it.session_expiry_interval)
            .text("reason_string", it.reason_string.as_ref())
            .user(&it.user_properties)
            .text("server_reference", it.server_reference.as_ref())
    };
    it.map(fields).unwrap_or_default()
}

fn auth_properties(it: &AuthProperties) -> Fields {
    Fields::default()
        .text("authentication_method", it.authentication_method.as_ref())
        .binary("authentication_data", it.authentication_data.as_ref())
        .text("reason_string", it.reason_string.as_ref())
        .user(&it.user_properties)
}
