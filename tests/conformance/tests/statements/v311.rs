//! Version 3.1.1 where it differs from 5.

use std::time::Duration;

use polymqtt_conformance::peer::{CONNACK_311, Closed, Peer, options, options_311};
use polymqtt_proto::codec::Version;
use polymqtt_proto::engine::{Completion, DisconnectOptions};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::message::Acknowledgement;
use polymqtt_proto::options::{Options, ProtocolVersion, Will};
use polymqtt_proto::reason::ReasonCode;

use crate::said::{Q0, Q1, Q2, message, subscribed, take_all, to};

const SESSION: &str = "20 02 01 00";

#[track_caller]
fn assert_connect(options: Options, flags: &str, payload: &str) {
    Peer::open(options).expect(&[&format!("10 _ 0004'MQTT' 04 {flags} 0000 {payload}")]);
}

#[test]
fn connect_has_no_properties() {
    assert_connect(options_311(), "02", "0001'c'");
    assert_connect(options_311().clean_start(false), "00", "0001'c'");
    let will = Will::new("w", "x").unwrap().qos(Q1).retain(true);
    let all = options_311().will(will).username("u").password("p");
    assert_connect(all, "ee", "0001'c' 0001'w' 0001'x' 0001'u' 0001'p'");
}

#[test]
fn a_password_needs_a_user_name() {
    assert_eq!(options_311().password("p").check().unwrap_err().kind(), ErrorKind::Unsupported);
    assert_connect(options_311().username("u"), "82", "0001'c' 0001'u'");
}

#[test]
fn an_empty_client_identifier_is_generated_and_needs_a_clean_session() {
    let peer = Peer::open(options_311().client_id(""));
    let id = peer.engine.client_id();
    assert!((1..=23).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert!(options_311().client_id("").clean_start(false).check().is_err());
}

#[test]
fn a_clean_session_is_clean_each_time_and_one_that_is_not_goes_on() {
    let mut peer = Peer::accept(options_311(), CONNACK_311);
    peer.publish(message("a", "x", Q1)).unwrap();
    peer.sent();
    peer.cut();
    peer.expect(&["10 _ 0004'MQTT' 04 02 0000 0001'c'"]);
    let mut peer = Peer::connected_311();
    peer.publish(message("a", "1", Q1)).unwrap();
    peer.publish(message("a", "2", Q2)).unwrap();
    peer.publish(message("a", "3", Q2)).unwrap();
    peer.send("50 02 0003");
    peer.sent();
    peer.cut();
    peer.expect(&["10 _ 0004'MQTT' 04 00 0000 0001'c'"]);
    peer.send(SESSION);
    peer.expect(&["62 02 0003", "3a _ 0001'a' 0001 '1'", "3c _ 0001'a' 0002 '2'"]);
}

#[test]
fn a_session_that_is_lost_is_begun_anew() {
    let mut peer = Peer::connected_311();
    subscribed(&mut peer, "a");
    let exactly = peer.publish(message("a", "2", Q2)).unwrap();
    peer.cut_and_accept(CONNACK_311);
    assert!(peer.sent()[0].starts_with("82 06"));
    assert!(matches!(peer.outcome(exactly), Some(Completion::Published(Err(_)))));
}

#[test]
fn connack_is_of_two_bytes() {
    for (code, reason) in [(1, 0x84), (2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87_u8)] {
        let mut peer = Peer::open(options_311());
        peer.sent();
        peer.send(&format!("20 02 00 {code:02x}"));
        peer.expect_end(&[]);
        peer.lose();
        assert_eq!(peer.reason(), Some(reason));
    }
}

#[test]
fn packets_are_without_properties_and_reason_codes() {
    let mut peer = Peer::connected_311();
    for (qos, sent) in
        [(Q0, "30 _ 0001'a' 'x'"), (Q1, "32 _ 0001'a' 0001 'x'"), (Q2, "34 _ 0001'a' 0002 'x'")]
    {
        peer.publish(message("a", "x", qos)).unwrap();
        peer.expect(&[sent]);
    }
    peer.send("40 02 0001 50 02 0002");
    peer.expect(&["62 02 0002"]);
    peer.send("70 02 0002");
    peer.subscribe(to("a", Q1));
    peer.expect(&["82 _ 0003 0001'a' 01"]);
    peer.send("90 03 0003 01");
    let token = peer.token();
    peer.engine.unsubscribe_filters(peer.now, vec!["b".try_into().unwrap()], Vec::new(), token).unwrap();
    peer.expect(&["a2 _ 0004 0001'b'"]);
    peer.send("b0 02 0004");
    match peer.outcome(token) {
        Some(Completion::Unsubscribed(Ok(ack))) => assert!(ack.reason_codes.is_empty()),
        other => panic!("{other:?}"),
    }
    peer.disconnect(DisconnectOptions::default());
    peer.expect_end(&["e0 00"]);
}

#[test]
fn received_messages_are_acknowledged_without_codes() {
    let mut peer = Peer::connected_311();
    let stream = subscribed(&mut peer, "a");
    peer.send("30 04 0001'a' '0' 32 05 0001'a' 0001 34 05 0001'a' 0002");
    assert_eq!(take_all(&mut peer, stream), ["0", "", ""]);
    peer.expect(&["40 02 0001", "50 02 0002"]);
    peer.send("62 02 0002");
    peer.expect(&["70 02 0002"]);
    // An identifier that is not known: there is no code to say so.
    peer.send("62 02 0009");
    peer.expect(&["70 02 0009"]);
    peer.send("50 02 0009");
    peer.expect(&["62 02 0009"]);
}

#[test]
fn suback_0x80_is_a_refusal_and_other_codes_do_not_exist() {
    let mut peer = Peer::connected_311();
    let (_, token) = peer.subscribe(to("a", Q1));
    peer.send("90 03 0001 80");
    match peer.outcome(token) {
        Some(Completion::Subscribed(Err(error))) => {
            assert_eq!(error.reason_code(), Some(ReasonCode::UnspecifiedError));
        }
        other => panic!("{other:?}"),
    }
    for code in (0x03..=0xff).filter(|code| *code != 0x80_u8) {
        let mut peer = Peer::connected_311();
        peer.subscribe(to("a", Q1));
        peer.sent();
        peer.send(&format!("90 03 0001 {code:02x}"));
        peer.expect_end(&[]);
    }
}

#[test]
fn a_server_says_no_goodbye_and_hears_none_of_errors() {
    for bytes in ["e0 00", "00 00", "f0 00", "30 03 0001'#'"] {
        let mut peer = Peer::connected_311();
        peer.send(bytes);
        peer.expect_end(&[]);
        peer.lose();
        assert!(peer.loss().is_some(), "{bytes}");
    }
}

#[test]
fn there_is_no_receive_maximum() {
    let mut peer = Peer::accept(options_311().clean_start(false).receive_maximum(2), CONNACK_311);
    let stream = subscribed(&mut peer, "a");
    for id in 1..=50_u16 {
        peer.send(&format!("32 05 0001'a' {id:04x}"));
    }
    assert!(peer.engine.wants_read());
    assert_eq!(peer.closed(), None::<Closed>);
    assert_eq!(take_all(&mut peer, stream).len(), 50);
    for _ in 0..2_000 {
        peer.publish(message("a", "", Q1)).unwrap();
    }
    assert_eq!(peer.sent().len(), 50 + 2_000);
}

#[test]
fn what_only_version_5_can_say_is_unsupported() {
    let unsupported = |options: Options| {
        assert_eq!(options.check().unwrap_err().kind(), ErrorKind::Unsupported);
    };
    unsupported(options_311().session_expiry(Duration::from_secs(5)));
    unsupported(options_311().user_property("k", "v"));
    unsupported(options_311().will(Will::new("w", "x").unwrap().delay(Duration::from_secs(1))));
    let mut peer = Peer::connected_311();
    let mut named = message("a", "x", Q1);
    named.properties_mut().content_type = Some("t".try_into().unwrap());
    assert_eq!(peer.publish(named).unwrap_err().error.kind(), ErrorKind::Unsupported);
    let mut request = to("a", Q1);
    request.filters[0].1.no_local = true;
    let token = peer.token();
    assert_eq!(peer.engine.subscribe(peer.now, request, token).unwrap_err().kind(), ErrorKind::Unsupported);
    let plain = DisconnectOptions::default;
    for goodbye in [
        DisconnectOptions { session_expiry: Some(Duration::ZERO), ..plain() },
        DisconnectOptions { with_will: true, ..plain() },
        DisconnectOptions { reason_string: Some("bye".try_into().unwrap()), ..plain() },
    ] {
        let token = peer.token();
        let refused = peer.engine.disconnect(peer.now, goodbye, token).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
    let token = peer.token();
    assert!(peer.engine.request(peer.now, message("a", "x", Q1), Duration::from_secs(1), token).is_err());
    peer.expect(&[]);
    let stream = subscribed(&mut peer, "a");
    peer.send("32 05 0001'a' 0001");
    let message = peer.receive(stream).unwrap();
    let refusal = Acknowledgement::with_reason(ReasonCode::NotAuthorized);
    assert!(peer.engine.acknowledge_with(peer.now, &message, refusal).is_err());
}

#[test]
fn auto_falls_back_once() {
    let auto = || options().version(ProtocolVersion::Auto);
    let v5 = "10 _ 0004'MQTT' 05 02 0000 0f 11 0000012c 21 0400 27 01000000 19 01 0001'c'";
    let v311 = "10 _ 0004'MQTT' 04 02 0000 0001'c'";
    for refusal in ["20 03 00 84 00", "20 02 00 01"] {
        let mut peer = Peer::open(auto());
        peer.expect(&[v5]);
        peer.send(refusal);
        peer.expect_end(&[]);
        peer.cut();
        peer.expect(&[v311]);
        peer.send(CONNACK_311);
        assert_eq!(peer.engine.grant().unwrap().limits.version, Version::V311);
        peer.cut();
        peer.expect(&[v311]);
    }
    let mut peer = Peer::open(auto());
    peer.sent();
    peer.cut();
    peer.expect(&[v311]);
}

#[test]
fn a_reserved_flag_or_return_code_ends_the_attempt() {
    for bytes in ["20 02 02 00", "20 02 00 06", "20 02 01 05", "20 02 01 00"] {
        let mut peer = Peer::open(options_311());
        peer.sent();
        peer.send(bytes);
        peer.expect_end(&[]);
    }
}

#[test]
fn a_clean_session_keeps_no_state_of_the_one_before() {
    let mut peer = Peer::accept(options_311(), CONNACK_311);
    let stream = subscribed(&mut peer, "a");
    peer.publish(message("a", "1", Q1)).unwrap();
    peer.publish(message("a", "2", Q2)).unwrap();
    peer.send("34 06 0001'a' 0007 'x'");
    assert_eq!(take_all(&mut peer, stream), ["x"]);
    peer.sent();
    peer.cut_and_accept(CONNACK_311);
    let sent = peer.sent();
    // QoS 1 as a new message, QoS 2 not at all, and the subscription anew.
    assert_eq!((sent.len(), &sent[0][..2], &sent[1][..2]), (2, "82", "32"), "{sent:?}");
    peer.send(&format!("90 03 {} 02", crate::said::packet_id(&sent[0])));
    peer.send("34 06 0001'a' 0007 'y'");
    assert_eq!(take_all(&mut peer, stream), ["y"]);
}

#[test]
fn pings_as_in_version_5() {
    let mut peer = Peer::accept(options_311().keep_alive(Duration::from_secs(10)), CONNACK_311);
    peer.pass(Duration::from_millis(10_100));
    peer.expect(&["c0 00"]);
}
