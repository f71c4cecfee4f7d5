//! Each packet as a line.

use std::num::NonZeroU16;

use bytes::Bytes;

use super::super::testing::decode;
use super::super::{
    AuthProperties, ConnAckProperties, ConnectProperties, Delivery, DisconnectProperties,
    SubscribeProperties, SubscriptionIdentifier, SubscriptionIdentifiers, Version, WillProperties,
};
use super::*;
use crate::qos::{PacketId, QoS};
use crate::topic::{TopicFilter, TopicName};

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn text(text: &str) -> Utf8String {
    Utf8String::try_from(text).unwrap()
}

fn message(topic: &str, payload: &'static str) -> Publish {
    Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: text(topic),
        topic_alias: None,
        subscription_identifiers: SubscriptionIdentifiers::NONE,
        properties: None,
        payload: Bytes::from_static(payload.as_bytes()),
    }
}

#[test]
fn connects() {
    let plain = Connect { clean_start: true, keep_alive: 60, ..Connect::default() };
    let line = Packet::Connect(Box::new(plain)).to_string();
    assert_eq!(line, r#"CONNECT v5.0 client="" clean-start keep-alive=60"#);

    let packet = Connect {
        version: Version::V5,
        clean_start: false,
        keep_alive: 10,
        client_id: text("c"),
        username: Some(text("ann")),
        password: Some(Bytes::from_static(b"s3cret-password")),
        will: Some(Will {
            topic: TopicName::try_from("w").unwrap(),
            payload: Bytes::from_static(b"s3cret-will"),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: WillProperties {
                delay_interval: Some(5),
                correlation_data: Some(Bytes::from_static(b"s3cret-correlation")),
                ..WillProperties::default()
            },
        }),
        properties: ConnectProperties {
            session_expiry_interval: Some(u32::MAX),
            receive_maximum: Some(10),
            authentication_method: Some(text("SCRAM-SHA-256")),
            authentication_data: Some(Bytes::from_static(b"s3cret-data")),
            user_properties: vec![(text("token"), text("s3cret-property"))],
            ..ConnectProperties::default()
        },
    };
    assert_eq!(
        Packet::Connect(Box::new(packet)).to_string(),
        "CONNECT v5.0 client=\"c\" keep-alive=10 user=\"ann\", password of 15 bytes, \
         will topic=\"w\" qos=1 retain 11 bytes, will delay 5 s, will correlation data of 18 bytes, \
         session expiry never, receive maximum 10, authentication \"SCRAM-SHA-256\", \
         authentication data of 11 bytes, user properties named \"token\""
    );
}

#[test]
fn connacks() {
    let refused =
        ConnAck { session_present: false, reason_code: ReasonCode::NotAuthorized, ..ConnAck::default() };
    assert_eq!(Packet::ConnAck(Box::new(refused)).to_string(), "CONNACK not authorized (0x87)");
    let granted = ConnAck {
        session_present: true,
        reason_code: ReasonCode::Success,
        properties: ConnAckProperties {
            assigned_client_identifier: Some(text("x1")),
            server_keep_alive: Some(30),
            maximum_qos: Some(QoS::AtLeastOnce),
            retain_available: Some(false),
            authentication_data: Some(Bytes::from_static(b"s3cret")),
            ..ConnAckProperties::default()
        },
    };
    assert_eq!(
        Packet::ConnAck(Box::new(granted)).to_string(),
        "CONNACK success (0x00) session-present, assigned client \"x1\", keep alive 30 s, maximum QoS 1, \
         retain no, authentication data of 6 bytes"
    );
}

#[test]
fn publishes() {
    let plain = Packet::Publish(message("a/b", "s3cret"));
    assert_eq!(plain.to_string(), r#"PUBLISH qos=0 topic="a/b" 6 bytes"#);
    let packet = Publish {
        delivery: Delivery::AtLeastOnce { packet_id: id(7), dup: true },
        retain: true,
        subscription_identifiers: [1, 2].into_iter().filter_map(SubscriptionIdentifier::new).collect(),
        properties: Some(Box::new(PublishProperties {
            payload_format_indicator: Some(true),
            message_expiry_interval: Some(30),
            response_topic: Some(text("r")),
            correlation_data: Some(Bytes::from_static(b"s3cret")),
            content_type: Some(text("text/plain")),
            user_properties: vec![(text("k"), text("v")), (text("k"), text("w"))],
        })),
        ..message("a/b", "s")
    };
    assert_eq!(
        Packet::Publish(packet).to_string(),
        "PUBLISH id=7 qos=1 dup retain topic=\"a/b\" 1 byte, subscription 1, 2, expiry 30 s, \
         payload format UTF-8, content type \"text/plain\", response topic \"r\", correlation data of 6 bytes, \
         user properties \"k\"=\"v\", \"k\"=\"w\""
    );
    let aliased = Publish { topic_alias: NonZeroU16::new(3), ..message("", "") };
    assert_eq!(Packet::Publish(aliased).to_string(), "PUBLISH qos=0 alias=3 0 bytes");
}

#[test]
fn acks() {
    assert_eq!(Packet::PubAck(Ack::success(id(7))).to_string(), "PUBACK id=7");
    assert_eq!(Packet::PubRel(Ack::success(id(7))).to_string(), "PUBREL id=7");
    assert_eq!(Packet::PubComp(Ack::success(id(7))).to_string(), "PUBCOMP id=7");
    let properties = AckProperties { reason_string: Some(text("no")), user_properties: Vec::new() };
    let refused =
        Ack { properties: Some(Box::new(properties)), ..Ack::with_reason(id(7), ReasonCode::QuotaExceeded) };
    assert_eq!(Packet::PubRec(refused).to_string(), r#"PUBREC id=7 quota exceeded (0x97), reason "no""#);
}

#[test]
fn subscribing_and_unsubscribing() {
    let options = SubscriptionOptions {
        maximum_qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let packet = Subscribe {
        packet_id: id(1),
        filters: vec![
            (TopicFilter::try_from("a/#").unwrap(), options),
            (TopicFilter::try_from("b").unwrap(), SubscriptionOptions::default()),
        ],
        properties: SubscribeProperties {
            subscription_identifier: SubscriptionIdentifier::new(9),
            ..SubscribeProperties::default()
        },
    };
    assert_eq!(
        Packet::Subscribe(packet).to_string(),
        "SUBSCRIBE id=1 \"a/#\" qos=2 no-local retain-as-published no-retained, \"b\" qos=0, identifier 9"
    );
    let reason_codes = vec![ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized, ReasonCode::Success];
    let suback = SubAck { packet_id: id(1), reason_codes, properties: None };
    assert_eq!(Packet::SubAck(suback).to_string(), "SUBACK id=1 qos=2, not authorized (0x87), qos=0");
    let unsubscribe = Unsubscribe {
        packet_id: id(2),
        filters: vec![TopicFilter::try_from("a/#").unwrap()],
        user_properties: UserProperties::new(),
    };
    assert_eq!(Packet::Unsubscribe(unsubscribe).to_string(), r#"UNSUBSCRIBE id=2 "a/#""#);
    let reason_codes = vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    let unsuback = UnsubAck { packet_id: id(2), reason_codes, properties: None };
    assert_eq!(
        Packet::UnsubAck(unsuback).to_string(),
        "UNSUBACK id=2 success (0x00), no subscription existed (0x11)"
    );
}

#[test]
fn the_rest() {
    assert_eq!(Packet::PingReq.to_string(), "PINGREQ");
    assert_eq!(Packet::PingResp.to_string(), "PINGRESP");
    assert_eq!(
        Packet::Disconnect(Disconnect::default()).to_string(),
        "DISCONNECT normal disconnection (0x00)"
    );
    let properties = DisconnectProperties {
        server_reference: Some(text("other:1883")),
        session_expiry_interval: Some(0),
        ..DisconnectProperties::default()
    };
    let moved = Disconnect { reason_code: ReasonCode::ServerMoved, properties: Some(Box::new(properties)) };
    assert_eq!(
        Packet::Disconnect(moved).to_string(),
        "DISCONNECT server moved (0x9D), session expiry 0 s, server reference \"other:1883\""
    );
    let auth = Auth {
        reason_code: ReasonCode::ContinueAuthentication,
        properties: AuthProperties {
            authentication_method: Some(text("M")),
            authentication_data: Some(Bytes::from_static(b"s3cret")),
            user_properties: vec![(text("n"), text("s3cret"))],
            ..AuthProperties::default()
        },
    };
    assert_eq!(
        Packet::Auth(auth).to_string(),
        "AUTH continue authentication (0x18), authentication \"M\", authentication data of 6 bytes, \
         user properties named \"n\""
    );
}

#[test]
fn packets_of_version_3_1_1() {
    let line = |bytes| decode(Version::V311, bytes).unwrap().to_string();
    assert_eq!(
        line(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01c"),
        r#"CONNECT v3.1.1 client="c" clean-start keep-alive=10"#
    );
    assert_eq!(line(b"\x20\x02\x00\x05"), "CONNACK not authorized (0x87)");
    assert_eq!(line(b"\x32\x08\x00\x03a/b\x00\x01x"), r#"PUBLISH id=1 qos=1 topic="a/b" 1 byte"#);
    assert_eq!(line(b"\x90\x04\x00\x0a\x02\x80"), "SUBACK id=10 qos=2, unspecified error (0x80)");
    assert_eq!(line(b"\xb0\x02\x00\x0a"), "UNSUBACK id=10");
    assert_eq!(line(b"\xe0\x00"), "DISCONNECT normal disconnection (0x00)");
}

#[test]
fn a_line_stays_a_line_and_short() {
    let wild = "\n\u{1b}[31m\u{202e}\"\\".to_owned() + &"x".repeat(60_000);
    let pairs = vec![(text(&wild), text(&wild)); 500];
    let packet = Publish {
        properties: Some(Box::new(PublishProperties {
            content_type: Some(text(&wild)),
            user_properties: pairs,
            ..PublishProperties::default()
        })),
        ..message(&wild, "")
    };
    let line = Packet::Publish(packet).to_string();
    assert!(!line.chars().any(|it| it.is_control() || it == '\u{202e}'), "{line}");
    assert!(line.contains("... (60011 bytes)") && line.ends_with("and 484 more"), "{line}");
    assert!(line.len() < 10_000, "{}", line.len());
}
