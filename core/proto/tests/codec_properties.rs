//! What holds for any packet and for any bytes: round trips, chunking, and that nothing panics.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use polymqtt_proto::codec::{
    Ack, AckProperties, Auth, AuthProperties, ConnAck, ConnAckProperties, Connect, ConnectProperties,
    DecodeError, Delivery, Disconnect, DisconnectProperties, Packet, PacketLog, PacketType, Publish,
    PublishProperties, RetainHandling, SubAck, Subscribe, SubscribeProperties, SubscriptionIdentifier,
    SubscriptionIdentifiers, SubscriptionOptions, UnsubAck, Unsubscribe, UserProperties, Version, Will,
    WillProperties, missing, take_frames,
};
use polymqtt_proto::qos::{PacketId, QoS};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::topic::{TopicFilter, TopicName};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 300,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x6d71_7474),
        ..ProptestConfig::default()
    }
}

fn text() -> impl Strategy<Value = Utf8String> {
    vec(
        prop_oneof![
            Just('/'),
            Just('ü'),
            Just('\u{feff}'),
            proptest::char::range('\u{1}', '\u{7f}'),
            any::<char>()
        ],
        0..12,
    )
    .prop_map(|characters| {
        let text: String = characters.into_iter().filter(|character| *character != '\0').collect();
        Utf8String::try_from(text).unwrap()
    })
}

fn topic() -> impl Strategy<Value = TopicName> {
    text().prop_map(|text| TopicName::try_from(format!("t{}", text.replace(['+', '#'], "_"))).unwrap())
}

fn response_topic() -> impl Strategy<Value = Utf8String> {
    topic().prop_map(TopicName::into_text)
}

fn filter() -> impl Strategy<Value = TopicFilter> {
    (
        prop_oneof![Just(""), Just("$share/g/"), Just("+/")],
        topic(),
        prop_oneof![Just(""), Just("/#"), Just("/+/")],
    )
        .prop_map(|(before, topic, behind)| {
            TopicFilter::try_from(format!("{before}{topic}{behind}")).unwrap()
        })
}

fn binary() -> impl Strategy<Value = Bytes> {
    prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 100..300)].prop_map(Bytes::from)
}

fn user_properties() -> impl Strategy<Value = UserProperties> {
    vec((text(), text()), 0..3)
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn reason(packet: PacketType) -> impl Strategy<Value = ReasonCode> {
    let allowed: Vec<ReasonCode> =
        ReasonCode::ALL.iter().copied().filter(|code| code.is_allowed_in(packet)).collect();
    proptest::sample::select(allowed)
}

/// A packet has a list of properties or none: an empty one reads as none.
fn unless_empty<T: Default + PartialEq>(properties: T) -> Option<Box<T>> {
    (properties != T::default()).then(|| Box::new(properties))
}

fn will() -> impl Strategy<Value = Will> {
    let properties = (
        of(any::<u32>()),
        of(any::<bool>()),
        of(any::<u32>()),
        of(text()),
        of(response_topic()),
        of(binary()),
        user_properties(),
    )
        .prop_map(
            |(delay, format, expiry, content_type, response_topic, correlation_data, user_properties)| {
                WillProperties {
                    delay_interval: delay,
                    payload_format_indicator: format,
                    message_expiry_interval: expiry,
                    content_type,
                    response_topic,
                    correlation_data,
                    user_properties,
                }
            },
        );
    (topic(), binary(), qos(), any::<bool>(), properties).prop_map(
        |(topic, payload, qos, retain, properties)| Will { topic, payload, qos, retain, properties },
    )
}

fn connect() -> impl Strategy<Value = Packet> {
    let properties = (
        of(any::<u32>()),
        of(1..=u16::MAX),
        of(1..=u32::MAX),
        of(any::<u16>()),
        of(any::<bool>()),
        of(any::<bool>()),
        of((text(), of(binary()))),
        user_properties(),
    )
        .prop_map(|(expiry, receive, size, alias, response, problem, method, user_properties)| {
            let (authentication_method, authentication_data) = method.unzip();
            ConnectProperties {
                session_expiry_interval: expiry,
                receive_maximum: receive,
                maximum_packet_size: size,
                topic_alias_maximum: alias,
                request_response_information: response,
                request_problem_information: problem,
                authentication_method,
                authentication_data: authentication_data.flatten(),
                user_properties,
            }
        });
    (any::<bool>(), any::<u16>(), text(), of(text()), of(binary()), of(will()), properties).prop_map(
        |(clean_start, keep_alive, client_id, username, password, will, properties)| {
            Packet::Connect(Box::new(Connect {
                version: Version::V5,
                clean_start,
                keep_alive,
                client_id,
                username,
                password,
                will,
                properties,
            }))
        },
    )
}

fn connack() -> impl Strategy<Value = Packet> {
    let limits = (
        of(any::<u32>()),
        of(1..=u16::MAX),
        of(prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce)]),
        of(1..=u32::MAX),
        of(any::<u16>()),
        of(any::<u16>()),
        (of(any::<bool>()), of(any::<bool>()), of(any::<bool>()), of(any::<bool>())),
    );
    let texts = (of(text()), of(text()), of(text()), of(text()), of(text()), of(binary()), user_properties());
    (any::<bool>(), reason(PacketType::ConnAck), limits, texts).prop_map(
        |(present, reason_code, limits, texts)| {
            let (
                expiry,
                receive,
                maximum_qos,
                size,
                alias,
                keep_alive,
                (retain, wildcard, identifiers, shared),
            ) = limits;
            let (client_id, reason_string, response, reference, method, data, user_properties) = texts;
            Packet::ConnAck(Box::new(ConnAck {
                session_present: present && reason_code == ReasonCode::Success,
                reason_code,
                properties: ConnAckProperties {
                    session_expiry_interval: expiry,
                    receive_maximum: receive,
                    maximum_qos,
                    retain_available: retain,
                    maximum_packet_size: size,
                    assigned_client_identifier: client_id,
                    topic_alias_maximum: alias,
                    reason_string,
                    wildcard_subscription_available: wildcard,
                    subscription_identifiers_available: identifiers,
                    shared_subscription_available: shared,
                    server_keep_alive: keep_alive,
                    response_information: response,
                    server_reference: reference,
                    authentication_method: method,
                    authentication_data: data,
                    user_properties,
                },
            }))
        },
    )
}

fn publish() -> impl Strategy<Value = Packet> {
    let delivery = prop_oneof![
        Just(Delivery::AtMostOnce),
        (packet_id(), any::<bool>()).prop_map(|(packet_id, dup)| Delivery::AtLeastOnce { packet_id, dup }),
        (packet_id(), any::<bool>()).prop_map(|(packet_id, dup)| Delivery::ExactlyOnce { packet_id, dup }),
    ];
    let properties = (
        of(any::<bool>()),
        of(any::<u32>()),
        of(response_topic()),
        of(binary()),
        of(text()),
        user_properties(),
    )
        .prop_map(|(format, expiry, response_topic, correlation_data, content_type, user)| {
            PublishProperties {
                payload_format_indicator: format,
                message_expiry_interval: expiry,
                response_topic,
                correlation_data,
                content_type,
                user_properties: user,
            }
        });
    let properties = prop_oneof![Just(PublishProperties::default()), properties];
    let alias = of(1..=u16::MAX).prop_map(|alias| alias.and_then(NonZeroU16::new));
    let identifiers = vec(1..=SubscriptionIdentifier::MAX, 0..3);
    (delivery, any::<bool>(), topic(), any::<bool>(), alias, identifiers, properties, binary()).prop_map(
        |(delivery, retain, topic, by_alias, topic_alias, identifiers, properties, payload)| {
            let by_alias = by_alias && topic_alias.is_some();
            Packet::Publish(Publish {
                delivery,
                retain,
                topic: if by_alias { Utf8String::default() } else { topic.into_text() },
                topic_alias,
                subscription_identifiers: identifiers
                    .into_iter()
                    .filter_map(SubscriptionIdentifier::new)
                    .collect(),
                properties: unless_empty(properties),
                payload,
            })
        },
    )
}

fn ack_properties() -> impl Strategy<Value = Option<Box<AckProperties>>> {
    (of(text()), user_properties()).prop_map(|(reason_string, user_properties)| {
        unless_empty(AckProperties { reason_string, user_properties })
    })
}

fn ack(packet: PacketType, wrap: fn(Ack) -> Packet) -> impl Strategy<Value = Packet> {
    (packet_id(), reason(packet), ack_properties()).prop_map(move |(packet_id, reason_code, properties)| {
        wrap(Ack { packet_id, reason_code, properties })
    })
}

fn subscribe() -> impl Strategy<Value = Packet> {
    let handling = prop_oneof![
        Just(RetainHandling::SendAtSubscribe),
        Just(RetainHandling::SendIfNew),
        Just(RetainHandling::DoNotSend)
    ];
    let options = (qos(), any::<bool>(), any::<bool>(), handling);
    let filters = vec((filter(), options), 1..4).prop_map(|filters| {
        let options =
            |(filter, (maximum_qos, no_local, retain_as_published, retain_handling)): (TopicFilter, _)| {
                let no_local = no_local && !filter.is_shared();
                (filter, SubscriptionOptions { maximum_qos, no_local, retain_as_published, retain_handling })
            };
        filters.into_iter().map(options).collect()
    });
    (packet_id(), filters, of(1..=SubscriptionIdentifier::MAX), user_properties()).prop_map(
        |(packet_id, filters, identifier, user_properties)| {
            let subscription_identifier = identifier.and_then(SubscriptionIdentifier::new);
            let properties = SubscribeProperties { subscription_identifier, user_properties };
            Packet::Subscribe(Subscribe { packet_id, filters, properties })
        },
    )
}

fn suback() -> impl Strategy<Value = Packet> {
    (packet_id(), vec(reason(PacketType::SubAck), 1..5), ack_properties()).prop_map(
        |(packet_id, reason_codes, properties)| {
            Packet::SubAck(SubAck { packet_id, reason_codes, properties })
        },
    )
}

fn unsubscribe() -> impl Strategy<Value = Packet> {
    (packet_id(), vec(filter(), 1..4), user_properties()).prop_map(|(packet_id, filters, user_properties)| {
        Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties })
    })
}

fn unsuback() -> impl Strategy<Value = Packet> {
    (packet_id(), vec(reason(PacketType::UnsubAck), 1..5), ack_properties()).prop_map(
        |(packet_id, reason_codes, properties)| {
            Packet::UnsubAck(UnsubAck { packet_id, reason_codes, properties })
        },
    )
}

fn disconnect() -> impl Strategy<Value = Packet> {
    (reason(PacketType::Disconnect), of(any::<u32>()), of(text()), user_properties(), of(text())).prop_map(
        |(reason_code, session_expiry_interval, reason_string, user_properties, server_reference)| {
            let properties = DisconnectProperties {
                session_expiry_interval,
                reason_string,
                user_properties,
                server_reference,
            };
            Packet::Disconnect(Disconnect { reason_code, properties: unless_empty(properties) })
        },
    )
}

fn auth() -> impl Strategy<Value = Packet> {
    (reason(PacketType::Auth), text(), of(binary()), of(text()), user_properties()).prop_map(
        |(reason_code, method, authentication_data, reason_string, user_properties)| {
            let authentication_method = Some(method);
            let properties =
                AuthProperties { authentication_method, authentication_data, reason_string, user_properties };
            Packet::Auth(Auth { reason_code, properties })
        },
    )
}

/// Any packet of version 5.
fn packet_v5() -> impl Strategy<Value = Packet> {
    prop_oneof![
        connect(),
        connack(),
        publish(),
        prop_oneof![
            ack(PacketType::PubAck, Packet::PubAck),
            ack(PacketType::PubRec, Packet::PubRec),
            ack(PacketType::PubRel, Packet::PubRel),
            ack(PacketType::PubComp, Packet::PubComp),
        ],
        subscribe(),
        suback(),
        unsubscribe(),
        prop_oneof![unsuback(), Just(Packet::PingReq), Just(Packet::PingResp)],
        disconnect(),
        auth(),
    ]
}

/// Any packet of version 3.1.1: what is left of one of version 5.
fn packet_v311() -> impl Strategy<Value = Packet> {
    packet_v5().prop_map(|mut packet| {
        match &mut packet {
            Packet::Connect(connect) => {
                connect.version = Version::V311;
                connect.properties = ConnectProperties::default();
                if connect.username.is_none() {
                    connect.password = None;
                }
                if let Some(will) = &mut connect.will {
                    will.properties = WillProperties::default();
                }
            }
            Packet::ConnAck(connack) => {
                connack.properties = ConnAckProperties::default();
                let return_code = connack.reason_code.to_connack_v311();
                connack.reason_code = ReasonCode::from_connack_v311(return_code).unwrap();
            }
            Packet::Publish(publish) => {
                publish.properties = None;
                publish.topic_alias = None;
                publish.subscription_identifiers = SubscriptionIdentifiers::NONE;
                if publish.topic.is_empty() {
                    publish.topic = Utf8String::from_static("t");
                }
            }
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
                *ack = Ack::success(ack.packet_id);
            }
            Packet::Subscribe(subscribe) => {
                subscribe.properties = SubscribeProperties::default();
                for (_, options) in &mut subscribe.filters {
                    *options = SubscriptionOptions { maximum_qos: options.maximum_qos, ..Default::default() };
                }
            }
            Packet::SubAck(suback) => {
                suback.properties = None;
                for code in suback.reason_codes.iter_mut().filter(|code| code.is_error()) {
                    *code = ReasonCode::UnspecifiedError;
                }
            }
            Packet::Unsubscribe(unsubscribe) => unsubscribe.user_properties.clear(),
            Packet::UnsubAck(unsuback) => {
                unsuback.properties = None;
                unsuback.reason_codes.clear();
            }
            Packet::Disconnect(disconnect) => *disconnect = Disconnect::default(),
            Packet::Auth(_) => packet = Packet::PingReq,
            Packet::PingReq | Packet::PingResp => {}
        }
        packet
    })
}

/// Decodes all that is whole in `buf`.
fn decode_all(version: Version, buf: &mut BytesMut, packets: &mut Vec<Packet>) -> Result<(), DecodeError> {
    loop {
        let mut frames = take_frames(buf, 1 << 20)?;
        if frames.is_empty() {
            return Ok(());
        }
        while let Some(frame) = frames.next() {
            packets.push(Packet::decode(version, &frame)?);
        }
    }
}

fn round_trip(version: Version, packet: Packet) -> Result<(), TestCaseError> {
    let mut buf = BytesMut::new();
    prop_assert_eq!(packet.encode(version, &mut buf), Ok(()));
    prop_assert_eq!(buf.len(), packet.encoded_len(version));
    let mut packets = Vec::new();
    prop_assert_eq!(decode_all(version, &mut buf, &mut packets), Ok(()));
    prop_assert!(buf.is_empty());
    prop_assert_eq!(packets, vec![packet]);
    Ok(())
}

/// Neither panics nor takes more than there is, and what is shown of it is one line.
fn survive(version: Version, bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut lines = Vec::new();
    let mut log = PacketLog::new();
    log.sent(bytes, |packet| lines.push(packet.to_string()));
    bytes.chunks(3).for_each(|piece| log.received(piece, |packet| lines.push(packet.to_string())));
    prop_assert!(lines.iter().all(|line| !line.chars().any(char::is_control)), "{:?}", lines);
    let mut buf = BytesMut::from(bytes);
    let mut packets = Vec::new();
    let outcome = decode_all(version, &mut buf, &mut packets);
    prop_assert!(buf.len() <= bytes.len());
    if let Err(error) = outcome {
        prop_assert!(error.reason_code().is_error());
        prop_assert!(!error.to_string().is_empty());
    }
    // What can be decoded can be encoded, and is then the same packet.
    for packet in packets {
        let mut out = BytesMut::new();
        packet.encode(version, &mut out).unwrap();
        let mut again = Vec::new();
        prop_assert_eq!(decode_all(version, &mut out, &mut again), Ok(()));
        prop_assert_eq!(again, vec![packet]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn packets_of_version_5_come_back(packet in packet_v5()) {
        round_trip(Version::V5, packet)?;
    }

    #[test]
    fn packets_of_version_3_1_1_come_back(packet in packet_v311()) {
        round_trip(Version::V311, packet)?;
    }

    #[test]
    fn chunks_make_no_difference(packets in vec(packet_v5(), 1..6), sizes in vec(1_usize..40, 1..20)) {
        let mut stream = BytesMut::new();
        for packet in &packets {
            packet.encode(Version::V5, &mut stream).unwrap();
        }
        let mut received = Vec::new();
        let mut buf = BytesMut::new();
        for size in sizes.iter().cycle() {
            if stream.is_empty() {
                break;
            }
            let missing_before = missing(&buf);
            let chunk = stream.split_to((*size).min(stream.len()));
            buf.extend_from_slice(&chunk);
            let count = received.len();
            prop_assert_eq!(decode_all(Version::V5, &mut buf, &mut received), Ok(()));
            if let Some(missing) = missing_before {
                prop_assert_eq!(received.len() > count, chunk.len() >= missing);
            }
        }
        prop_assert!(buf.is_empty());
        prop_assert_eq!(received, packets);
    }

    #[test]
    fn random_bytes_are_survived(bytes in vec(any::<u8>(), 0..120)) {
        for version in [Version::V311, Version::V5] {
            survive(version, &bytes)?;
        }
    }

    #[test]
    fn random_bodies_are_survived(first_byte in any::<u8>(), body in vec(prop_oneof![0_u8..4, any::<u8>()], 0..60)) {
        let bytes = [&[first_byte, body.len() as u8][..], &body].concat();
        for version in [Version::V311, Version::V5] {
            survive(version, &bytes)?;
        }
    }

    #[test]
    fn damaged_packets_are_survived(
        packet in packet_v5(),
        places in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = BytesMut::new();
        packet.encode(Version::V5, &mut bytes).unwrap();
        for (place, value) in places {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        survive(Version::V5, &bytes)?;
    }
}
