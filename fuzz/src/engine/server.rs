//! The packets of a server: one by one as the program says, or all that a good server would answer.

use std::num::NonZeroU16;

use bytes::Bytes;
use polymqtt_proto::codec::{
    Ack, Auth, AuthProperties, ConnAck, ConnAckProperties, Connect, Delivery, Disconnect,
    DisconnectProperties, Packet, Publish, PublishProperties, SubAck, SubscriptionIdentifier, UnsubAck,
};
use polymqtt_proto::qos::{PacketId, QoS};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;

use super::peer::Peer;
use super::program::{Granted, Id, ServerPacket};

/// Topics to publish to, and that a server sends.
pub(super) const TOPICS: [&str; 6] = ["a", "a/b", "b/c/d", "$SYS/x", "polymqtt/responses", "ü"];

/// Where redirects lead.
const REFERENCES: [&str; 6] = ["three", "one:1", "mqtts://four:9 five", "unix:///run/x", "http://x", "\u{1}"];

pub(super) fn qos(number: u8) -> QoS {
    QoS::try_from(number % 3).unwrap_or_default()
}

pub(super) fn choose<T: Copy>(among: &[T], number: u8) -> T {
    among[usize::from(number) % among.len()]
}

pub(super) fn reason(number: u8) -> ReasonCode {
    // Half of them are success.
    if number < 128 { ReasonCode::Success } else { choose(ReasonCode::ALL, number - 128) }
}

/// The packet that a step stands for; `None` where there is nothing to answer.
pub(super) fn packet(peer: &Peer, packet: &ServerPacket) -> Option<Packet> {
    let id = |id: Id| match id {
        Id::Waiting(number) => peer.waiting(number),
        Id::Number(number) => PacketId::new(number.into()),
    };
    let ack = |chosen: Id, code: u8| Some(Ack::with_reason(id(chosen)?, reason(code)));
    Some(match *packet {
        ServerPacket::ConnAck(ref granted) => Packet::ConnAck(Box::new(connack(granted))),
        ServerPacket::Publish { topic, qos, dup, retain, id, alias, subscriptions, properties, size } => {
            let packet_id = PacketId::new(u16::from(id) + 1)?;
            let identifiers = subscriptions.into_iter().flatten();
            Packet::Publish(Publish {
                delivery: match self::qos(qos) {
                    QoS::AtMostOnce => Delivery::AtMostOnce,
                    QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
                    QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
                },
                retain,
                topic: match topic {
                    u8::MAX => Utf8String::default(),
                    topic => Utf8String::from_static(choose(&TOPICS, topic)),
                },
                topic_alias: alias.and_then(|alias| NonZeroU16::new(alias.into())),
                subscription_identifiers: identifiers
                    .filter_map(|number| SubscriptionIdentifier::new(number.into()))
                    .collect(),
                properties: properties.map(|bits| Box::new(message_properties(bits))),
                payload: Bytes::from(vec![b'x'; usize::from(size)]),
            })
        }
        ServerPacket::PubAck { id, reason } => Packet::PubAck(ack(id, reason)?),
        ServerPacket::PubRec { id, reason } => Packet::PubRec(ack(id, reason)?),
        ServerPacket::PubRel { id, reason } => Packet::PubRel(ack(id, reason)?),
        ServerPacket::PubComp { id, reason } => Packet::PubComp(ack(id, reason)?),
        ServerPacket::SubAck { id: chosen, reasons, both } => {
            let reason_codes =
                reasons.iter().take(if both { 2 } else { 1 }).map(|code| reason(*code)).collect();
            Packet::SubAck(SubAck { packet_id: id(chosen)?, reason_codes, properties: None })
        }
        ServerPacket::UnsubAck { id: chosen, reason: code } => {
            let reason_codes = vec![reason(code)];
            Packet::UnsubAck(UnsubAck { packet_id: id(chosen)?, reason_codes, properties: None })
        }
        ServerPacket::PingResp => Packet::PingResp,
        ServerPacket::Disconnect { reason: code, reference } => {
            let server_reference = reference.map(self::reference);
            let properties = DisconnectProperties { server_reference, ..DisconnectProperties::default() };
            Packet::Disconnect(Disconnect {
                reason_code: reason(code),
                properties: Some(Box::new(properties)),
            })
        }
        ServerPacket::Auth { reason: code, method, data } => {
            let data = data.map(|data| Bytes::from(vec![data; 3]));
            auth(reason(code), if method { "OTHER" } else { "SCRAM-SHA-256" }, data)
        }
    })
}

fn reference(number: u8) -> Utf8String {
    Utf8String::try_from(choose(&REFERENCES, number)).unwrap_or_default()
}

fn connack(granted: &Granted) -> ConnAck {
    let maximum_qos = |above: bool| if above { QoS::AtLeastOnce } else { QoS::AtMostOnce };
    ConnAck {
        session_present: granted.session_present,
        reason_code: reason(granted.reason),
        properties: ConnAckProperties {
            receive_maximum: granted.receive_maximum.map(|most| u16::from(most % 8)),
            maximum_qos: granted.maximum_qos.map(maximum_qos),
            retain_available: granted.retain,
            maximum_packet_size: granted.packet_size.map(u32::from),
            topic_alias_maximum: granted.aliases.map(|most| u16::from(most % 4)),
            wildcard_subscription_available: granted.wildcards,
            subscription_identifiers_available: granted.identifiers,
            shared_subscription_available: granted.shared,
            server_keep_alive: granted.keep_alive.map(u16::from),
            session_expiry_interval: granted.session_expiry.map(u32::from),
            assigned_client_identifier: granted.client_id.then(|| Utf8String::from_static("assigned")),
            response_information: granted.response_information.map(|usable| {
                if usable { Utf8String::from_static("mine") } else { Utf8String::from_static("+/#") }
            }),
            server_reference: granted.reference.map(reference),
            authentication_method: granted
                .method
                .map(|other| Utf8String::from_static(if other { "OTHER" } else { "SCRAM-SHA-256" })),
            ..ConnAckProperties::default()
        },
    }
}

fn message_properties(bits: u8) -> PublishProperties {
    let is_set = |bit: u8| bits & (1 << bit) != 0;
    PublishProperties {
        payload_format_indicator: is_set(0).then(|| is_set(1)),
        message_expiry_interval: is_set(2).then(|| u32::from(bits >> 6)),
        response_topic: is_set(3).then(|| Utf8String::from_static("r")),
        correlation_data: is_set(4).then(|| Bytes::from_static(b"c")),
        content_type: is_set(5).then(|| Utf8String::from_static("t")),
        ..PublishProperties::default()
    }
}

fn auth(reason_code: ReasonCode, method: &'static str, data: Option<Bytes>) -> Packet {
    let authentication_method = Some(Utf8String::from_static(method));
    let properties =
        AuthProperties { authentication_method, authentication_data: data, ..AuthProperties::default() };
    Packet::Auth(Auth { reason_code, properties })
}

/// What a good server answers to this packet.
pub(super) fn answer(peer: &Peer, packet: &Packet, session_present: bool, connected: bool) -> Option<Packet> {
    Some(match packet {
        Packet::Connect(connect) => answer_connect(peer, connect, session_present),
        Packet::Auth(auth) => {
            let method = auth.properties.authentication_method.as_deref().unwrap_or_default();
            answer_auth(peer, method, auth.reason_code, connected)
        }
        Packet::Publish(publish) => match publish.delivery {
            Delivery::AtMostOnce => return None,
            Delivery::AtLeastOnce { packet_id, .. } => Packet::PubAck(Ack::success(packet_id)),
            Delivery::ExactlyOnce { packet_id, .. } => Packet::PubRec(Ack::success(packet_id)),
        },
        Packet::PubRel(ack) => Packet::PubComp(Ack::success(ack.packet_id)),
        Packet::PubRec(ack) if !ack.reason_code.is_error() => Packet::PubRel(Ack::success(ack.packet_id)),
        Packet::Subscribe(subscribe) => Packet::SubAck(SubAck {
            packet_id: subscribe.packet_id,
            reason_codes: vec![ReasonCode::Success; subscribe.filters.len()],
            properties: None,
        }),
        Packet::Unsubscribe(unsubscribe) => Packet::UnsubAck(UnsubAck {
            packet_id: unsubscribe.packet_id,
            reason_codes: vec![ReasonCode::Success; unsubscribe.filters.len()],
            properties: None,
        }),
        Packet::PingReq => Packet::PingResp,
        _ => return None,
    })
}

fn answer_connect(peer: &Peer, connect: &Connect, session_present: bool) -> Packet {
    if let Some(method) = &connect.properties.authentication_method {
        return answer_auth(peer, method, ReasonCode::ReAuthenticate, false);
    }
    let session_present = session_present && !connect.clean_start;
    let properties = ConnAckProperties {
        receive_maximum: Some(4),
        topic_alias_maximum: Some(2),
        ..ConnAckProperties::default()
    };
    Packet::ConnAck(Box::new(ConnAck { session_present, reason_code: ReasonCode::Success, properties }))
}

/// One question, then success. Of SCRAM it can't say the last word, which proves that it knows the password.
fn answer_auth(peer: &Peer, method: &str, said: ReasonCode, connected: bool) -> Packet {
    if said == ReasonCode::ReAuthenticate {
        let first = peer.said.as_deref().unwrap_or_default();
        let nonce = String::from_utf8_lossy(first);
        let nonce = nonce.rsplit_once("r=").map_or("", |(_, nonce)| nonce);
        let challenge = Bytes::from(format!("r={nonce}server,s=c2FsdA==,i=4"));
        let method = if method == "OTHER" { "OTHER" } else { "SCRAM-SHA-256" };
        return auth(ReasonCode::ContinueAuthentication, method, Some(challenge));
    }
    if connected {
        let method = if method == "OTHER" { "OTHER" } else { "SCRAM-SHA-256" };
        return auth(ReasonCode::Success, method, None);
    }
    let authentication_method = Utf8String::try_from(method).ok();
    let properties = ConnAckProperties { authentication_method, ..ConnAckProperties::default() };
    Packet::ConnAck(Box::new(ConnAck {
        session_present: false,
        reason_code: ReasonCode::Success,
        properties,
    }))
}

/// The answer to the last request.
pub(super) fn response(peer: &Peer, wrong: bool, level: u8) -> Option<Packet> {
    let properties = peer.request.as_ref()?.properties.as_ref()?;
    let correlation_data =
        if wrong { Some(Bytes::from_static(b"?")) } else { properties.correlation_data.clone() };
    let packet_id = PacketId::new(200)?;
    let delivery = match qos(level) {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: false },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
    };
    Some(Packet::Publish(Publish {
        delivery,
        retain: false,
        topic: properties.response_topic.clone()?,
        topic_alias: None,
        subscription_identifiers: Default::default(),
        properties: Some(Box::new(PublishProperties { correlation_data, ..PublishProperties::default() })),
        payload: Bytes::from_static(b"answer"),
    }))
}
