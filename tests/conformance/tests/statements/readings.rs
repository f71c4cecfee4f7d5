//! Where the specification leaves room and servers are sloppy: what a user would want. The README has the reasons.

use std::time::Duration;

use polymqtt_conformance::peer::{CONNACK, CONNACK_SESSION, Peer, options};
use polymqtt_proto::connection::AuthenticationReply;
use polymqtt_proto::engine::{Answer, Completion, Event, Request};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::Authentication;

use crate::said::{Q1, Q2, message, packet_id, properties, string, subscribed, take_all, to};

#[test]
fn a_pubrel_for_an_unknown_identifier_is_answered_with_0x92() {
    let mut peer = Peer::connected();
    peer.send("62 02 1234");
    peer.expect(&["70 03 1234 92"]);
    assert_eq!(peer.closed(), None);
}

#[test]
fn a_pubrec_for_an_unknown_identifier_is_answered_with_0x92_unless_it_refuses() {
    let mut peer = Peer::connected();
    peer.send("50 02 1234");
    peer.expect(&["62 03 1234 92"]);
    peer.send("50 03 1234 87");
    peer.expect(&[]);
    assert_eq!(peer.closed(), None);
}

#[test]
fn a_puback_pubcomp_or_pingresp_that_nothing_waits_for_is_ignored() {
    let mut peer = Peer::connected();
    peer.send("40 02 1234 40 03 1234 87 70 02 1234 70 03 1234 92 d0 00");
    peer.expect(&[]);
    assert_eq!(peer.closed(), None);
}

#[test]
fn a_pubcomp_that_does_not_know_the_identifier_is_success() {
    let mut peer = Peer::connected();
    let token = peer.publish(message("a", "x", Q2)).unwrap();
    peer.send("50 02 0001 70 03 0001 92");
    assert!(matches!(peer.outcome(token), Some(Completion::Published(Ok(_)))));
}

#[test]
fn a_second_pubrec_is_answered_by_a_second_pubrel() {
    let mut peer = Peer::connected();
    peer.publish(message("a", "x", Q2)).unwrap();
    peer.sent();
    peer.send("50 02 0001 50 02 0001");
    peer.expect(&["62 02 0001", "62 02 0001"]);
}

#[test]
fn reading_pauses_above_the_receive_maximum_and_twice_as_much_ends_the_connection() {
    let mut peer = Peer::accept(options().receive_maximum(2), CONNACK);
    let stream = subscribed(&mut peer, "a");
    for id in 1..=2_u16 {
        peer.send(&format!("32 _ 0001'a' {id:04x} 00 'x'"));
        assert!(peer.engine.wants_read());
    }
    peer.send("32 _ 0001'a' 0003 00 'x'");
    assert!(!peer.engine.wants_read());
    peer.expect(&[]);
    // Once enough is acknowledged, reading goes on.
    take_all(&mut peer, stream);
    peer.expect(&["40 02 0001", "40 02 0002", "40 02 0003"]);
    assert!(peer.engine.wants_read());

    // While an operation waits for the server, reading can't pause.
    peer.publish(message("a", "y", Q1)).unwrap();
    peer.sent();
    for id in 1..=4_u16 {
        peer.send(&format!("34 _ 0001'a' {id:04x} 00 'x'"));
        peer.expect(&[]);
    }
    peer.send("34 _ 0001'a' 0005 00 'x'");
    peer.expect_end(&["e0 01 93"]);
}

#[test]
fn a_session_after_a_clean_start_is_a_protocol_error() {
    let mut peer = Peer::open(options());
    peer.sent();
    peer.send(CONNACK_SESSION);
    peer.expect_end(&["e0 01 82"]);
}

#[test]
fn in_a_session_that_may_be_a_new_one_dup_tells_the_messages_apart() {
    let known = || {
        let mut peer = Peer::connected();
        let stream = subscribed(&mut peer, "a");
        peer.send("34 _ 0001'a' 0007 00 '1'");
        take_all(&mut peer, stream);
        // A CONNECT without an answer may have begun a session, which the next CONNACK says is present.
        peer.cut();
        peer.cut_and_accept(CONNACK_SESSION);
        peer.sent();
        (peer, stream)
    };
    let (mut peer, stream) = known();
    peer.send("3c _ 0001'a' 0007 00 '1'");
    assert!(take_all(&mut peer, stream).is_empty());
    peer.expect(&["50 02 0007"]);
    let (mut peer, stream) = known();
    peer.send("34 _ 0001'a' 0007 00 '2'");
    assert_eq!(take_all(&mut peer, stream), ["2"]);
    peer.expect(&["50 02 0007"]);
}

#[test]
fn without_a_doubt_about_the_session_a_known_identifier_is_that_of_the_message_whatever_dup_says() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("34 _ 0001'a' 0007 00 '1'");
    take_all(&mut peer, stream);
    peer.cut_and_accept(CONNACK_SESSION);
    peer.send("34 _ 0001'a' 0007 00 '1'");
    assert!(take_all(&mut peer, stream).is_empty());
    peer.expect(&["50 02 0007"]);
}

#[test]
fn a_server_may_ask_to_authenticate_again() {
    let mut peer = Peer::new(options().authentication(Authentication::Method("M".to_owned())));
    let answer = |peer: &mut Peer| {
        let (id, request) = peer.requests.remove(0);
        assert!(matches!(request, Request::Authenticate(_)));
        peer.engine.answer(peer.now, id, Answer::Authenticate(AuthenticationReply::new("x")));
        peer.pass(Duration::ZERO);
    };
    peer.start();
    answer(&mut peer);
    peer.opened();
    peer.send("20 _ 00 00 04 15 0001'M'");
    answer(&mut peer);
    peer.sent();
    peer.send("f0 _ 19 04 15 0001'M'");
    answer(&mut peer);
    peer.expect(&["f0 _ 19 08 15 0001'M' 16 0001'x'"]);
    assert_eq!(peer.closed(), None);
}

#[test]
fn an_alias_that_stands_for_nothing_is_a_protocol_error() {
    let mut peer = Peer::accept(options().topic_alias_maximum(5), CONNACK);
    peer.send("30 _ 0000 03 23 0003 'x'");
    peer.expect_end(&["e0 01 82"]);
}

#[test]
fn a_wildcard_in_a_topic_is_named_as_such() {
    for bytes in ["30 _ 0001'#' 00", "30 _ 0001'a' 04 08 0001'+'"] {
        let mut peer = Peer::connected();
        peer.send(bytes);
        peer.expect_end(&["e0 01 90"]);
    }
}

#[test]
fn the_session_expiry_of_a_disconnecting_server_hides_no_reason() {
    let mut peer = Peer::connected();
    peer.send("e0 _ 8b 05 11 00000005");
    peer.expect_end(&[]);
    peer.lose();
    assert_eq!(peer.reason(), Some(0x8b));
}

#[test]
fn a_refusal_in_the_shape_of_3_1_1_says_that_the_version_is_not_spoken() {
    let mut peer = Peer::open(options());
    peer.sent();
    peer.send("20 02 00 01");
    peer.expect_end(&[]);
    peer.lose();
    assert_eq!(peer.reason(), Some(0x84));
}

#[test]
fn response_information_is_taken_unasked() {
    let information = properties(&format!("1a {}", string("'r'")));
    let mut peer =
        Peer::accept(options().ask_response_information(false), &format!("20 _ 00 00 {information}"));
    peer.expect(&[]);
}

#[test]
fn a_first_byte_of_neither_connack_nor_auth_ends_the_attempt_at_once() {
    for words in ["'HTTP'", "'+OK'", "00", "21"] {
        let mut peer = Peer::open(options());
        peer.sent();
        peer.send(words);
        peer.expect_end(&["e0 01 82"]);
    }
}

#[test]
fn messages_that_come_again_at_qos_1_come_again() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("32 _ 0001'a' 0007 00 '1'");
    assert_eq!(take_all(&mut peer, stream), ["1"]);
    peer.cut_and_accept(CONNACK_SESSION);
    peer.send("3a _ 0001'a' 0007 00 '1'");
    let again = peer.receive(stream).unwrap();
    assert!(again.dup());
}

#[test]
fn a_client_identifier_that_is_assigned_unasked_is_taken() {
    let mut peer = Peer::accept(options(), "20 _ 00 00 06 12 0003'abc'");
    assert_eq!(peer.engine.client_id(), "abc");
    peer.cut();
    assert!(peer.sent()[0].ends_with("00 03 61 62 63"));
}

#[test]
fn a_grant_above_what_was_asked_for_is_taken() {
    let mut peer = Peer::connected();
    let (stream, _) = peer.subscribe(to("a", Q1));
    let packet_id = packet_id(&peer.sent()[0]);
    peer.send(&format!("90 04 {packet_id} 00 02 34 07 0001'a' 0001 00 'x'"));
    assert_eq!(take_all(&mut peer, stream), ["x"]);
    peer.expect(&["50 02 0001"]);
}

#[test]
fn what_comes_again_on_a_live_connection_before_it_is_acknowledged() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("32 07 0001'a' 0007 00 '1' 3a 07 0001'a' 0007 00 '1'");
    assert_eq!(take_all(&mut peer, stream), ["1", "1"]);
    peer.expect(&["40 02 0007", "40 02 0007"]);
    peer.send("34 07 0001'a' 0007 00 '2' 3c 07 0001'a' 0007 00 '2'");
    assert_eq!(take_all(&mut peer, stream), ["2"]);
    peer.expect(&["50 02 0007"]);
}

#[test]
fn a_pubrel_before_our_pubrec_is_answered_and_takes_no_message_away() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("34 07 0001'a' 0007 00 'x' 62 02 0007");
    peer.expect(&["70 02 0007"]);
    assert_eq!(take_all(&mut peer, stream), ["x"]);
    peer.expect(&[]);
    assert_eq!(peer.closed(), None);
}

#[test]
fn a_server_that_takes_no_acknowledgement_is_left_without_a_word() {
    for size in 1..=5_u8 {
        let mut peer = Peer::open(options());
        peer.sent();
        peer.send(&format!("20 _ 00 00 05 27 000000{size:02x}"));
        if size == 5 {
            assert_eq!(peer.closed(), None);
            peer.send("62 02 1234");
            peer.expect(&["70 03 1234 92"]);
            continue;
        }
        peer.expect_end(&[]);
        peer.lose();
        assert!(peer.loss().is_some_and(|error| error.kind() == ErrorKind::PacketTooLarge), "{size}");
        assert!(matches!(peer.events.last(), Some(Event::Disconnected { retry_in: None, .. })), "{size}");
    }
}
