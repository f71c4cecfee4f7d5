//! A strict reader: what is wrong in a packet of the server ends the connection, with the right reason code as the
//! last word of the client.

use polymqtt_conformance::hex;
use polymqtt_conformance::peer::{CONNACK, CONNACK_311, Closed, Peer, options, options_311};

use crate::said::{properties, string};

const MALFORMED: u8 = 0x81;
const PROTOCOL: u8 = 0x82;
const TOPIC_NAME: u8 = 0x90;
const TOPIC_ALIAS: u8 = 0x94;
const TOO_LARGE: u8 = 0x95;

/// What is wrong, the bytes, and the reason code of the DISCONNECT.
type Case = (String, String, u8);

fn case(what: &str, bytes: &str, reason: u8) -> Case {
    (what.to_owned(), bytes.to_owned(), reason)
}

/// How a client ends: its last packets, and the reason code that its user is told.
fn end(mut peer: Peer, pieces: &[String]) -> (Vec<String>, Option<Closed>, Option<u8>) {
    peer.sent();
    pieces.iter().for_each(|piece| peer.send(piece));
    let (sent, closed) = (peer.sent(), peer.closed());
    if closed.is_some() {
        peer.lose();
    }
    (sent, closed, peer.reason())
}

/// The bytes in one piece, and each by itself.
fn ways(bytes: &str) -> [Vec<String>; 2] {
    [vec![bytes.to_owned()], hex::bytes(bytes).iter().map(|byte| hex::text(&[*byte])).collect()]
}

/// Asserts that the client ends each of these connections with the reason code.
#[track_caller]
fn assert_ends(client: impl Fn() -> Peer, cases: &[Case]) {
    let mut wrong = Vec::new();
    for (what, bytes, reason) in cases {
        for pieces in ways(bytes) {
            let (sent, closed, told) = end(client(), &pieces);
            let word = format!("e0 01 {reason:02x}");
            if (&sent[..], closed, told) != (&[word][..], Some(Closed::InOrder), Some(*reason)) {
                wrong.push(format!(
                    "{what} ({bytes}): {reason:02x} expected, but {sent:?} {closed:?} {told:x?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Asserts that the client takes each of these.
#[track_caller]
fn assert_taken(client: impl Fn() -> Peer, cases: &[(&str, &str)]) {
    for (what, bytes) in cases {
        for pieces in ways(bytes) {
            let (sent, closed, _) = end(client(), &pieces);
            assert_eq!((sent, closed), (vec![], None), "{what}: {bytes}");
        }
    }
}

/// A client that has sent a PUBLISH of each QoS with the identifiers 1 and 2, and a SUBSCRIBE and UNSUBSCRIBE with 3
/// and 4, none of which is answered.
fn waiting() -> Peer {
    use crate::said::{Q1, Q2, message, to};
    let mut peer = Peer::connected();
    peer.publish(message("a", "x", Q1)).unwrap();
    peer.publish(message("a", "x", Q2)).unwrap();
    peer.subscribe(to("a", Q2));
    let token = peer.token();
    peer.engine.unsubscribe_filters(peer.now, vec!["b".try_into().unwrap()], Vec::new(), token).unwrap();
    assert_eq!(peer.sent().len(), 4);
    peer
}

#[test]
fn reserved_flags() {
    let packets = [
        ("40", "02 0001"),
        ("50", "02 0002"),
        ("62", "02 0001"),
        ("70", "02 0002"),
        ("90", "04 0003 00 00"),
        ("b0", "04 0004 00 00"),
        ("d0", "00"),
        ("e0", "00"),
        ("f0", "00"),
    ];
    let mut cases = Vec::new();
    for (first, rest) in packets {
        let right = u8::from_str_radix(first, 16).unwrap();
        let wrong = (right & 0xf0..=right | 0x0f).filter(|byte| *byte != right);
        cases.extend(wrong.map(|byte| case("reserved flags", &format!("{byte:02x} {rest}"), MALFORMED)));
    }
    assert_ends(waiting, &cases);
    let connack =
        (0x21..=0x2f).map(|first| case("reserved flags", &format!("{first:02x} 03 000000"), PROTOCOL));
    assert_ends(|| Peer::open(options()), &connack.collect::<Vec<_>>());
}

#[test]
fn fixed_headers() {
    assert_ends(
        Peer::connected,
        &[
            case("packet type 0", "00 00", MALFORMED),
            case("QoS 3", "36 06 0001'a' 0001 00", MALFORMED),
            case("QoS 3 and DUP", "3e 06 0001'a' 0001 00", MALFORMED),
            case("DUP with QoS 0", "38 04 0001'a' 00", MALFORMED),
            case("a remaining length of five bytes", "30 ff ff ff ff 01", MALFORMED),
            case("an overlong 0", "d0 80 00", MALFORMED),
            case("an overlong 4", "30 84 00 0001'a' 00", MALFORMED),
            case("an overlong 4 of four bytes", "30 84 80 80 00 0001'a' 00", MALFORMED),
            case("an overlong property length", "30 05 0001'a' 80 00", MALFORMED),
            case("more than the maximum packet size", "30 ff ff ff 7f", TOO_LARGE),
        ],
    );
    let small = || Peer::accept(options().maximum_packet_size(128), CONNACK);
    assert_ends(small, &[case("one byte more than we allowed", "30 7f", TOO_LARGE)]);
    let largest = format!("30 7e 0001'a' 00 '{}'", "x".repeat(122));
    assert_taken(small, &[("as much as we allowed", &largest)]);
}

#[test]
fn lengths() {
    let cut = [
        ("PUBACK of one byte", "40 01 00"),
        ("PUBACK without an identifier", "40 00"),
        ("PUBREC of one byte", "50 01 00"),
        ("PUBREL without an identifier", "62 00"),
        ("PUBCOMP of one byte", "70 01 00"),
        ("SUBACK without properties", "90 02 0003"),
        ("UNSUBACK without properties", "b0 02 0004"),
        ("PUBLISH without a topic", "30 00"),
        ("a topic longer than the packet", "30 03 0005'a'"),
        ("PUBLISH without properties", "30 03 0001'a'"),
        ("QoS 1 without an identifier", "32 03 0001'a'"),
        ("a property length beyond the packet", "30 04 0001'a' 09"),
        ("a property cut by the property length", "30 _ 0001'a' 02 02 0000 00 01"),
        ("a string property longer than the properties", "30 _ 0001'a' 04 03 0009 'x' '123456789'"),
        ("a user property without a value", "30 _ 0001'a' 04 26 0001'k'"),
        ("DISCONNECT with a property length beyond it", "e0 02 00 05"),
        ("PUBACK with a property length beyond it", "40 04 0001 00 05"),
    ];
    let long = [
        ("PINGRESP with a body", "d0 01 00"),
        ("DISCONNECT with more than its properties", "e0 03 00 00 00"),
        ("PUBACK with more than its properties", "40 05 0001 00 00 00"),
        ("PUBREL with more than its properties", "62 05 0001 00 00 00"),
    ];
    let cases: Vec<_> = cut.iter().chain(&long).map(|(what, bytes)| case(what, bytes, MALFORMED)).collect();
    assert_ends(waiting, &cases);
}

/// Texts that are no UTF-8 Encoded Strings (section 1.5.4).
const NO_STRINGS: [(&str, &str); 9] = [
    ("U+D800", "ed a0 80"),
    ("U+DFFF", "ed bf bf"),
    ("a surrogate pair", "ed a0 bd ed b8 80"),
    ("an overlong form", "c1 81"),
    ("an overlong U+0000", "c0 80"),
    ("a cut sequence", "e2 82"),
    ("a continuation by itself", "80"),
    ("beyond U+10FFFF", "f4 90 80 80"),
    ("U+0000", "61 00 62"),
];

/// Each place of a packet to the client where a UTF-8 Encoded String stands.
fn with_string(place: usize, text: &str) -> Option<String> {
    let text = string(text);
    let property = |id: &str| properties(&format!("{id} {text}"));
    Some(match place {
        0 => format!("30 _ {text} 00"),
        1 => format!("30 _ 0001'a' {}", property("08")),
        2 => format!("30 _ 0001'a' {}", property("03")),
        3 => format!("30 _ 0001'a' {}", properties(&format!("26 {text} 0001'v'"))),
        4 => format!("30 _ 0001'a' {}", properties(&format!("26 0001'k' {text}"))),
        5 => format!("40 _ 0001 00 {}", property("1f")),
        6 => format!("50 _ 0002 00 {}", property("1f")),
        7 => format!("62 _ 0001 00 {}", property("1f")),
        8 => format!("70 _ 0002 00 {}", property("1f")),
        9 => format!("90 _ 0003 {} 00", property("1f")),
        10 => format!("b0 _ 0004 {} 00", property("1f")),
        11 => format!("e0 _ 00 {}", property("1f")),
        12 => format!("e0 _ 9c {}", property("1c")),
        13 => format!("f0 _ 18 {}", property("15")),
        14 => format!("40 _ 0001 00 {}", properties(&format!("26 {text} 0001'v'"))),
        15 => format!("e0 _ 00 {}", properties(&format!("26 0001'k' {text}"))),
        _ => return None,
    })
}

#[test]
fn strings() {
    for (what, text) in NO_STRINGS {
        let cases: Vec<_> = (0..).map_while(|place| with_string(place, text)).collect();
        let cases: Vec<_> = cases.iter().map(|bytes| case(what, bytes, MALFORMED)).collect();
        assert_ends(waiting, &cases);
        for id in ["12", "1f", "1a", "1c", "15"] {
            let connack = format!("20 _ 00 00 {}", properties(&format!("{id} {}", string(text))));
            assert_ends(|| Peer::open(options()), &[case(what, &connack, MALFORMED)]);
        }
    }
}

/// Each property: its identifier, and a value that it may have.
const PROPERTIES: [(u8, &str); 27] = [
    (0x01, "01"),
    (0x02, "00000005"),
    (0x03, "0001'x'"),
    (0x08, "0001'x'"),
    (0x09, "0001'x'"),
    (0x0b, "05"),
    (0x11, "00000005"),
    (0x12, "0001'x'"),
    (0x13, "0005"),
    (0x15, "0001'x'"),
    (0x16, "0001'x'"),
    (0x17, "01"),
    (0x18, "00000005"),
    (0x19, "01"),
    (0x1a, "0001'x'"),
    (0x1c, "0001'x'"),
    (0x1f, "0001'x'"),
    (0x21, "0005"),
    (0x22, "0005"),
    (0x23, "0005"),
    (0x24, "01"),
    (0x25, "01"),
    (0x26, "0001'k' 0001'v'"),
    (0x27, "00000005"),
    (0x28, "01"),
    (0x29, "01"),
    (0x2a, "01"),
];

/// The packets to a client, and the properties that each may carry (table 2-4).
const CARRIERS: [(&str, &str, &[u8]); 9] = [
    ("30 _ 0001'a'", "", &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26]),
    ("40 _ 0001 00", "", &[0x1f, 0x26]),
    ("50 _ 0002 00", "", &[0x1f, 0x26]),
    ("62 _ 0001 00", "", &[0x1f, 0x26]),
    ("70 _ 0002 00", "", &[0x1f, 0x26]),
    ("90 _ 0003", "00", &[0x1f, 0x26]),
    ("b0 _ 0004", "00", &[0x1f, 0x26]),
    ("e0 _ 00", "", &[0x11, 0x1c, 0x1f, 0x26]),
    ("f0 _ 18", "", &[0x15, 0x16, 0x1f, 0x26]),
];

/// What CONNACK may carry.
const IN_CONNACK: &[u8] =
    &[0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a];

#[test]
fn properties_of_other_packets() {
    let foreign = |before: &str, after: &str, allowed: &[u8]| -> Vec<Case> {
        let foreign = PROPERTIES.iter().filter(|(id, _)| !allowed.contains(id));
        let unknown = [(0x00, "00"), (0x7f, "00"), (0x04, "01")];
        foreign
            .copied()
            .chain(unknown)
            .map(|(id, value)| {
                let properties = properties(&format!("{id:02x} {value}"));
                case("a foreign property", &format!("{before} {properties} {after}"), MALFORMED)
            })
            .collect()
    };
    for (before, after, allowed) in CARRIERS {
        assert_ends(waiting, &foreign(before, after, allowed));
    }
    assert_ends(|| Peer::open(options()), &foreign("20 _ 00 00", "", IN_CONNACK));
}

#[test]
fn properties_twice() {
    let twice = |before: &str, after: &str, allowed: &[u8]| -> Vec<Case> {
        let once = PROPERTIES.iter().filter(|(id, _)| allowed.contains(id) && ![0x0b, 0x26].contains(id));
        once.map(|(id, value)| {
            let properties = properties(&format!("{id:02x} {value} {id:02x} {value}"));
            case("a property twice", &format!("{before} {properties} {after}"), PROTOCOL)
        })
        .collect()
    };
    for (before, after, allowed) in CARRIERS {
        assert_ends(waiting, &twice(before, after, allowed));
    }
    assert_ends(|| Peer::open(options()), &twice("20 _ 00 00", "", IN_CONNACK));
    assert_taken(
        Peer::connected,
        &[
            ("two user properties", "30 _ 0001'a' 0e 26 0001'k' 0001'v' 26 0001'k' 0001'v'"),
            ("two subscription identifiers", "30 _ 0001'a' 04 0b 01 0b 02"),
        ],
    );
}

#[test]
fn values_of_properties_that_can_not_be() {
    let connack =
        |what: &str, property: &str| case(what, &format!("20 _ 00 00 {}", properties(property)), PROTOCOL);
    assert_ends(
        || Peer::open(options()),
        &[
            connack("receive maximum 0", "21 0000"),
            connack("maximum QoS 2", "24 02"),
            connack("maximum QoS 3", "24 03"),
            connack("retain available 2", "25 02"),
            connack("maximum packet size 0", "27 00000000"),
            connack("wildcard subscriptions available 2", "28 02"),
            connack("subscription identifiers available 2", "29 02"),
            connack("shared subscriptions available 2", "2a 02"),
        ],
    );
    let publish = |what: &str, property: &str, reason: u8| {
        case(what, &format!("30 _ 0001'a' {}", properties(property)), reason)
    };
    assert_ends(
        || Peer::accept(options().topic_alias_maximum(10), CONNACK),
        &[
            publish("payload format 2", "01 02", PROTOCOL),
            publish("subscription identifier 0", "0b 00", PROTOCOL),
            publish("an overlong subscription identifier", "0b 81 00", MALFORMED),
            publish("a subscription identifier of five bytes", "0b ff ff ff ff 01", MALFORMED),
            publish("topic alias 0", "23 0000", TOPIC_ALIAS),
            publish("a topic alias above our maximum", "23 000b", TOPIC_ALIAS),
            publish("a wildcard in the response topic", "08 0003'a/+'", TOPIC_NAME),
            publish("an empty response topic", "08 0000", TOPIC_NAME),
            case("a topic alias of no topic", "30 _ 0000 03 23 0001", PROTOCOL),
            case("neither topic nor alias", "30 _ 0000 00", PROTOCOL),
        ],
    );
    assert_ends(
        || Peer::accept(options().topic_alias_maximum(0), CONNACK),
        &[publish("a topic alias although none are allowed", "23 0001", TOPIC_ALIAS)],
    );
}

#[test]
fn packet_identifier_0() {
    assert_ends(
        waiting,
        &[
            case("PUBLISH at QoS 1", "32 _ 0001'a' 0000 00", PROTOCOL),
            case("PUBLISH at QoS 2", "34 _ 0001'a' 0000 00", PROTOCOL),
            case("PUBACK", "40 02 0000", PROTOCOL),
            case("PUBREC", "50 02 0000", PROTOCOL),
            case("PUBREL", "62 02 0000", PROTOCOL),
            case("PUBCOMP", "70 02 0000", PROTOCOL),
            case("SUBACK", "90 04 0000 00 00", PROTOCOL),
            case("UNSUBACK", "b0 04 0000 00 00", PROTOCOL),
        ],
    );
}

#[test]
fn topic_names() {
    let publish =
        |what: &str, topic: &str, reason: u8| case(what, &format!("30 _ {} 00", string(topic)), reason);
    assert_ends(
        Peer::connected,
        &[
            publish("#", "'#'", TOPIC_NAME),
            publish("+", "'+'", TOPIC_NAME),
            publish("# as last level", "'a/#'", TOPIC_NAME),
            publish("+ as a level", "'a/+/b'", TOPIC_NAME),
            publish("# within a level", "'a#b'", TOPIC_NAME),
            publish("+ within a level", "'a+b'", TOPIC_NAME),
            publish("U+0000", "'a' 00 'b'", MALFORMED),
        ],
    );
    assert_taken(
        Peer::connected,
        &[
            ("empty levels", "30 _ 0003'//a' 00"),
            ("$", "30 _ 0004'$SYS' 00"),
            ("a byte order mark", "30 _ 0004 efbbbf 'a' 00"),
            ("the last code point", "30 _ 0004 f48fbfbf 00"),
        ],
    );
}

#[test]
fn reason_codes_that_have_no_place() {
    let mut cases = Vec::new();
    let places: [(&str, &str, &[u8]); 7] = [
        ("40 _ 0001", "", &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
        ("50 _ 0002", "", &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
        ("62 _ 0001", "", &[0x00, 0x92]),
        ("70 _ 0002", "", &[0x00, 0x92]),
        ("90 _ 0003 00", "", &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
        ("b0 _ 0004 00", "", &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
        ("f0 _", "00", &[0x00, 0x18, 0x19]),
    ];
    for (before, after, allowed) in places {
        let wrong = (0..=255_u8).filter(|code| !allowed.contains(code));
        cases.extend(wrong.map(|code| {
            case("a reason code without a place", &format!("{before} {code:02x} {after}"), PROTOCOL)
        }));
    }
    assert_ends(waiting, &cases);
}

#[test]
fn packets_out_of_place() {
    assert_ends(
        waiting,
        &[
            case("a second CONNACK", CONNACK, PROTOCOL),
            case("SUBACK that nobody asked for", "90 04 0009 00 00", PROTOCOL),
            case("SUBACK for a PUBLISH", "90 04 0001 00 00", PROTOCOL),
            case("SUBACK for an UNSUBSCRIBE", "90 04 0004 00 00", PROTOCOL),
            case("SUBACK with a code too many", "90 05 0003 00 00 00", PROTOCOL),
            case("SUBACK with a code too few", "90 03 0003 00", PROTOCOL),
            case("UNSUBACK that nobody asked for", "b0 04 0009 00 00", PROTOCOL),
            case("UNSUBACK for a SUBSCRIBE", "b0 04 0003 00 00", PROTOCOL),
            case("UNSUBACK with a code too many", "b0 05 0004 00 00 00", PROTOCOL),
            case("UNSUBACK with a code too few", "b0 03 0004 00", PROTOCOL),
            case("PUBACK for QoS 2", "40 02 0002", PROTOCOL),
            case("PUBACK for a SUBSCRIBE", "40 02 0003", PROTOCOL),
            case("PUBREC for QoS 1", "50 02 0001", PROTOCOL),
            case("PUBREC for a SUBSCRIBE", "50 02 0003", PROTOCOL),
            case("PUBCOMP before PUBREC", "70 02 0002", PROTOCOL),
            case("PUBCOMP for QoS 1", "70 02 0001", PROTOCOL),
            case("AUTH unasked", "f0 00", PROTOCOL),
            case("AUTH unasked, with a method", "f0 _ 18 04 15 0001'x'", PROTOCOL),
            case("CONNECT", "10 _ 0004'MQTT' 05 02 0000 00 0001'c'", PROTOCOL),
            case("SUBSCRIBE", "82 _ 0001 00 0001'a' 00", PROTOCOL),
            case("UNSUBSCRIBE", "a2 _ 0001 00 0001'a'", PROTOCOL),
            case("PINGREQ", "c0 00", PROTOCOL),
        ],
    );
}

#[test]
fn before_connack() {
    let packets = [
        "10 _ 0004'MQTT' 05 02 0000 00 0001'c'",
        "30 04 0001'a' 00",
        "40 02 0001",
        "50 02 0001",
        "62 02 0001",
        "70 02 0001",
        "82 _ 0001 00 0001'a' 00",
        "90 04 0001 00 00",
        "a2 _ 0001 00 0001'a'",
        "b0 04 0001 00 00",
        "c0 00",
        "d0 00",
        "e0 00",
        "e0 01 8b",
        "f0 00",
        "'HTTP/1.1 400 Bad Request'",
    ];
    let cases: Vec<_> = packets.iter().map(|bytes| case("before CONNACK", bytes, PROTOCOL)).collect();
    assert_ends(|| Peer::open(options()), &cases);
}

#[test]
fn connacks() {
    assert_ends(
        || Peer::open(options().clean_start(false)),
        &[
            case("reserved acknowledge flags", "20 03 02 00 00", MALFORMED),
            case("all acknowledge flags", "20 03 ff 00 00", MALFORMED),
            case("a session although refused", "20 03 01 87 00", PROTOCOL),
            case("a reason code that does not exist", "20 03 00 77 00", PROTOCOL),
            case("a reason code of another packet", "20 03 00 8b 00", PROTOCOL),
            case("a success that is none", "20 03 00 01 00", PROTOCOL),
            case("without properties", "20 02 00 00", MALFORMED),
            case("more than its properties", "20 04 00 00 00 00", MALFORMED),
            case("an authentication method that was not asked for", "20 _ 00 00 04 15 0001'x'", PROTOCOL),
        ],
    );
}

#[test]
fn what_came_first_is_handled_and_what_follows_is_not() {
    let mut peer = Peer::connected();
    let stream = crate::said::subscribed(&mut peer, "a");
    peer.send("30 05 0001'a' 00 '1' 00 00 30 05 0001'a' 00 '2'");
    peer.expect_end(&["e0 01 81"]);
    assert_eq!(crate::said::take_all(&mut peer, stream), ["1"]);
}

#[test]
fn version_3_1_1_closes_without_a_word() {
    let bad = [
        "00 00",
        "30 ff ff ff ff 01",
        "d0 80 00",
        "36 05 0001'a' 0001",
        "38 03 0001'a'",
        "32 05 0001'a' 0000",
        "30 03 0001'#'",
        "30 04 0002 c328",
        "30 05 0003 'a' 00 'b'",
        "30 02 0000",
        "60 02 0001",
        "d1 00",
        "d0 01 00",
        "40 01 00",
        "40 02 0000",
        "90 03 0009 00",
        "90 03 0001 03",
        "b0 02 0009",
        "b0 03 0009 00",
        "20 02 00 00",
        "e0 00",
        "f0 00",
        "c0 00",
    ];
    let ends_silently = |client: fn() -> Peer, bytes: &str| {
        for pieces in ways(bytes) {
            let (sent, closed, _) = end(client(), &pieces);
            assert_eq!((sent, closed), (vec![], Some(Closed::InOrder)), "{bytes}");
        }
    };
    for bytes in bad {
        ends_silently(Peer::connected_311, bytes);
    }
    for bytes in ["20 02 02 00", "20 02 00 06", "20 02 01 05", "20 03 00 00 00", "d0 00", "30 03 0001'a'"] {
        ends_silently(|| Peer::open(options_311()), bytes);
    }
    assert_taken(|| Peer::open(options_311()), &[("CONNACK", CONNACK_311)]);
}
