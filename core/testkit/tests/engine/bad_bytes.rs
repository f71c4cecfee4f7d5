//! Any bytes from a server end in packets or in a typed protocol error: DISCONNECT with the right reason code, close,
//! then what the policy says.

use bytes::Bytes;
use polymqtt_proto::codec::{Disconnect, Packet, Version};
use polymqtt_proto::engine::Event;
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::OnConnect;
use polymqtt_testkit::pipe::PipeConfig;
use polymqtt_testkit::world::World;

use crate::support::{Q1, broadcast, connected, message, millis, options, secs, world};

const MALFORMED: ReasonCode = ReasonCode::MalformedPacket;
const PROTOCOL: ReasonCode = ReasonCode::ProtocolError;

/// What is wrong, the bytes, the reason code to close with.
const BAD: &[(&str, &[u8], ReasonCode)] = &[
    ("packet type 0", &[0x00, 0x00], MALFORMED),
    ("a remaining length of five bytes", &[0x30, 0xff, 0xff, 0xff, 0xff, 0x01], MALFORMED),
    ("a remaining length longer than need be", &[0x30, 0x80, 0x80, 0x00], MALFORMED),
    ("more than the maximum packet size", &[0x30, 0xff, 0xff, 0xff, 0x7f], ReasonCode::PacketTooLarge),
    ("QoS 3", &[0x36, 0x06, 0x00, 0x01, b'a', 0x00, 0x01, 0x00], MALFORMED),
    ("DUP with QoS 0", &[0x38, 0x04, 0x00, 0x01, b'a', 0x00], MALFORMED),
    ("a PUBLISH that is cut", &[0x30, 0x03, 0x00, 0x05, b'a'], MALFORMED),
    ("a packet identifier of 0", &[0x32, 0x06, 0x00, 0x01, b'a', 0x00, 0x00, 0x00], PROTOCOL),
    ("a topic that is not UTF-8", &[0x30, 0x05, 0x00, 0x02, 0xc3, 0x28, 0x00], MALFORMED),
    ("a wildcard in a topic name", &[0x30, 0x04, 0x00, 0x01, b'#', 0x00], ReasonCode::TopicNameInvalid),
    ("no topic and no alias", &[0x30, 0x03, 0x00, 0x00, 0x00], PROTOCOL),
    ("a property that does not exist", &[0x30, 0x06, 0x00, 0x01, b'a', 0x02, 0x7f, 0x00], MALFORMED),
    ("a property of another packet", &[0x30, 0x07, 0x00, 0x01, b'a', 0x03, 0x21, 0x00, 0x05], MALFORMED),
    ("a property twice", &[0x30, 0x08, 0x00, 0x01, b'a', 0x04, 0x01, 0x01, 0x01, 0x01], PROTOCOL),
    ("a property length beyond the packet", &[0x30, 0x04, 0x00, 0x01, b'a', 0x09], MALFORMED),
    (
        "a topic alias above ours",
        &[0x30, 0x07, 0x00, 0x01, b'a', 0x03, 0x23, 0x00, 0xff],
        ReasonCode::TopicAliasInvalid,
    ),
    ("reserved flags of PUBREL", &[0x60, 0x02, 0x00, 0x01], MALFORMED),
    ("reserved flags of PINGRESP", &[0xd1, 0x00], MALFORMED),
    ("PINGRESP with a body", &[0xd0, 0x01, 0x00], MALFORMED),
    ("PUBACK for an identifier of 0", &[0x40, 0x02, 0x00, 0x00], PROTOCOL),
    ("PUBACK with a reason code that does not exist", &[0x40, 0x03, 0x00, 0x01, 0x77], PROTOCOL),
    ("SUBACK that nobody asked for", &[0x90, 0x04, 0x00, 0x09, 0x00, 0x00], PROTOCOL),
    ("UNSUBACK that nobody asked for", &[0xb0, 0x04, 0x00, 0x09, 0x00, 0x00], PROTOCOL),
    ("a second CONNACK", &[0x20, 0x03, 0x00, 0x00, 0x00], PROTOCOL),
    ("a CONNECT from a server", &[0x10, 0x00], PROTOCOL),
    ("a SUBSCRIBE from a server", &[0x82, 0x07, 0x00, 0x01, 0x00, 0x00, 0x01, b'a', 0x00], PROTOCOL),
    ("a PINGREQ from a server", &[0xc0, 0x00], PROTOCOL),
    ("AUTH without an authentication method", &[0xf0, 0x00], PROTOCOL),
];

#[test]
fn each_kind_of_bad_packet_is_answered_by_its_reason_code() {
    for (what, bytes, reason) in BAD {
        let mut world = connected(options());
        world.broker.send_raw("c", bytes);
        world.run_for(secs(3));
        assert_eq!(world.broker.record().disconnects, [*reason], "{what}");
        let told = world.events.iter().find_map(|event| match event {
            Event::Disconnected { error: Some(error), retry_in } => {
                Some((error.reason_code(), retry_in.is_some()))
            }
            _ => None,
        });
        let (told, goes_on) = told.unwrap();
        assert_eq!(told, Some(*reason), "{what}");
        // The policy: reasons of which a retry may rid us.
        assert_eq!(goes_on, world.opened.len() > 1, "{what}");
        world.assert_clean();
    }
}

#[test]
fn a_server_of_another_protocol_is_told_at_its_first_byte() {
    for words in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH\r\n", b"+OK ready\r\n"] {
        let mut world = world(options());
        world.broker.on_connect.push_back(OnConnect::Raw(Bytes::copy_from_slice(words)));
        let before = world.now;
        let error = world.connect().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("CONNACK"), "{error}");
        assert!(world.now < before + secs(5));
    }
}

#[test]
fn in_any_pieces() {
    for (what, bytes, reason) in BAD {
        for seed in 0..4 {
            let mut world = World::new(options().check().unwrap(), Default::default(), seed);
            world.network = PipeConfig { largest_piece: 2, ..PipeConfig::default() };
            world.connect().unwrap();
            world.broker.send_raw("c", bytes);
            world.run_for(secs(3));
            assert_eq!(world.broker.record().disconnects, [*reason], "{what}");
        }
    }
}

#[test]
fn nothing_follows_disconnect_though_what_follows_the_bad_packet_is_bad_too() {
    let mut world = connected(options().reconnect(None));
    let sent = world.engine.metrics().bytes_sent;
    // AUTH with reserved flags, then a remaining length longer than need be.
    world.broker.send_raw("c", &[0xff, 0x00, 0xff, 0xff, 0x00]);
    world.run_for(secs(3));
    assert_eq!(world.broker.record().disconnects, [MALFORMED]);
    let disconnect = Packet::Disconnect(Disconnect::with_reason(MALFORMED)).encoded_len(Version::V5) as u64;
    assert_eq!(world.engine.metrics().bytes_sent - sent, disconnect);
    world.assert_clean();
}

#[test]
fn what_came_before_a_bad_packet_is_delivered() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q1).unwrap();
    world.broker.send_raw("c", &[0x30, 0x04, 0x00, 0x01, b'a', 0x00, 0x00, 0x00]);
    world.run_for(secs(1));
    assert_eq!(world.receive(stream).topic(), "a");
}

#[test]
fn version_3_1_1_closes_without_a_word() {
    for (what, bytes, _) in BAD.iter().take(5) {
        let mut world = connected(options().version(Version::V311).clean_start(false));
        world.broker.send_raw("c", bytes);
        world.run_for(millis(100));
        assert!(world.broker.record().disconnects.is_empty(), "{what}");
        let closed =
            world.events.iter().any(|event| matches!(event, Event::Disconnected { error: Some(_), .. }));
        assert!(closed, "{what}");
        world.assert_clean();
    }
}

#[test]
fn bad_bytes_instead_of_connack_fail_the_first_connect() {
    let answers: &[&[u8]] = &[
        &[0x00, 0x00],
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 11\r\nConnection: close\r\n\r\nBad Request",
        &[0xd0, 0x00],
        &[0x30, 0x04, 0x00, 0x01, b'a', 0x00],
        &[0x20, 0x03, 0x02, 0x00, 0x00],
        &[0x20, 0x03, 0x00, 0x77, 0x00],
        &[0x20, 0x02, 0x00, 0x01],
        &[0x20, 0x03, 0x01, 0x87, 0x00],
    ];
    for answer in answers {
        let mut world = world(options());
        world.broker.on_connect.push_back(OnConnect::Raw(Bytes::copy_from_slice(answer)));
        let error = world.connect().unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Unsupported | ErrorKind::PacketTooLarge),
            "{answer:?}: {error:?}"
        );
        world.run_for(secs(60));
        assert_eq!(world.opened.len(), 1);
    }
}

#[test]
fn random_bytes_never_end_in_anything_else() {
    let mut rng = fastrand::Rng::with_seed(7);
    for round in 0..2_000 {
        let v5 = round % 4 != 0;
        let version = if v5 { Version::V5 } else { Version::V311 };
        let mut world = connected(options().version(version).maximum_packet_size(4_096));
        let publish = world.publish(message("t", "x", Q1)).unwrap();
        let mut bytes: Vec<u8> = (0..rng.usize(1..60)).map(|_| rng.u8(..)).collect();
        if rng.bool() {
            // A plausible first byte and length, so that more of it gets past the frame.
            bytes[0] = rng.u8(2..16) << 4 | [0, 2][rng.usize(..2)];
            bytes.insert(1, u8::try_from(bytes.len() - 1).unwrap());
        }
        world.broker.send_raw("c", &bytes);
        world.run_for(secs(2));
        let told = &world.broker.record().disconnects;
        assert!(told.iter().all(|reason| reason.is_error() && v5), "{bytes:?}: {told:?}");
        world.run_for(secs(300));
        let _ended = world.try_complete(publish);
        assert!(world.completed().values().all(|times| *times == 1), "{bytes:?}");
    }
}

#[test]
fn the_client_goes_on_with_the_session_where_the_policy_says_so() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q1).unwrap();
    // A topic alias that stands for nothing: a new connection begins without aliases.
    world.broker.send_raw("c", &[0x30, 0x06, 0x00, 0x00, 0x03, 0x23, 0x00, 0x01]);
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
}
