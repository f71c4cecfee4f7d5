//! CONNACK (section 3.2): what the server grants is kept to.

use polymqtt_conformance::peer::{CONNACK, CONNACK_SESSION, Closed, Peer, options};
use polymqtt_proto::engine::{Completion, Event};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::qos::QoS;

use crate::said::{Q0, Q1, Q2, granted, message, packet_id, subscribed, to};

#[test]
fn a_session_that_this_side_does_not_have_ends_the_connection() {
    let mut peer = Peer::open(options());
    peer.sent();
    peer.send(CONNACK_SESSION);
    peer.expect_end(&["e0 01 82"]);
    peer.lose();
    assert_eq!(peer.reason(), Some(0x82));
}

#[test]
fn without_clean_start_the_user_says_that_there_is_a_session() {
    let mut peer = Peer::accept(options().clean_start(false), CONNACK_SESSION);
    peer.expect(&[]);
    assert!(peer.engine.grant().unwrap().session_present);
}

#[test]
fn a_session_that_the_server_does_not_have_is_discarded() {
    let mut peer = Peer::connected();
    let exactly = peer.publish(message("a", "2", Q2)).unwrap();
    peer.expect(&["34 _ 0001'a' 0001 00 '2'"]);
    let stream = subscribed(&mut peer, "b");
    peer.send("34 _ 0001'b' 0007 00 'x'");
    assert_eq!(peer.receive(stream).unwrap().payload(), b"x");
    peer.cut_and_accept(CONNACK);
    assert!(peer.events.contains(&Event::SessionLost));
    // Nothing of the old session is sent again: the subscription is made anew, and QoS 2 has ended.
    let sent = peer.sent();
    assert!(sent.len() == 1 && sent[0].starts_with("82 "), "{sent:?}");
    match peer.outcome(exactly) {
        Some(Completion::Published(Err(error))) => assert_eq!(error.kind(), ErrorKind::Indeterminate),
        other => panic!("{other:?}"),
    }
    // The identifier that was known stands for another message now.
    peer.send(&format!("90 04 {} 00 02", packet_id(&sent[0])));
    peer.send("34 _ 0001'b' 0007 00 'y'");
    assert_eq!(peer.receive(stream).unwrap().payload(), b"y");
}

#[test]
fn a_refusal_closes_the_connection_without_another_word() {
    for code in 0x80..=0xff_u8 {
        let mut peer = Peer::open(options());
        peer.sent();
        peer.send(&format!("20 03 00 {code:02x} 00"));
        let named = polymqtt_proto::reason::ReasonCode::try_from(code)
            .is_ok_and(|code| code.is_allowed_in(polymqtt_proto::codec::PacketType::ConnAck));
        let words: &[&str] = if named { &[] } else { &["e0 01 82"] };
        peer.expect_end(words);
    }
}

#[test]
fn the_maximum_qos() {
    for (maximum, value) in [(Q0, "24 00"), (Q1, "24 01")] {
        let mut peer = granted(value);
        for qos in [Q0, Q1, Q2] {
            let refused = peer.publish(message("a", "x", qos)).is_err();
            assert_eq!(refused, qos > maximum);
            assert_eq!(peer.sent().len(), usize::from(!refused));
        }
        // Subscribing is possible at any QoS.
        peer.subscribe(to("a", QoS::ExactlyOnce));
        assert_eq!(peer.sent().len(), 1);
    }
}

#[test]
fn retained_messages_where_there_are_none() {
    let mut peer = granted("25 00");
    assert!(peer.publish(message("a", "x", Q1).with_retain(true)).is_err());
    peer.expect(&[]);
    let mut peer = granted("25 01");
    peer.publish(message("a", "x", Q0).with_retain(true)).unwrap();
    peer.expect(&["31 _ 0001'a' 00 'x'"]);
}

#[test]
fn the_maximum_packet_size() {
    let mut peer = granted("27 00000014");
    // 20 bytes are allowed, 21 are not.
    peer.publish(message("a", &"x".repeat(14), Q0)).unwrap();
    peer.expect(&[&format!("30 12 0001'a' 00 '{}'", "x".repeat(14))]);
    assert!(peer.publish(message("a", &"x".repeat(15), Q0)).is_err());
    let (_, token) = peer.subscribe(to(&"long".repeat(5), Q0));
    assert!(matches!(peer.outcome(token), Some(Completion::Subscribed(Err(_)))));
    let token = peer.token();
    let filter = "long".repeat(5).as_str().try_into().unwrap();
    peer.engine.unsubscribe_filters(peer.now, vec![filter], Vec::new(), token).unwrap();
    assert!(matches!(peer.outcome(token), Some(Completion::Unsubscribed(Err(_)))));
    peer.expect(&[]);
}

#[test]
fn limits_hold_for_what_waited_and_for_what_is_sent_again() {
    let mut peer = Peer::connected();
    let sent = peer.publish(message("a", &"x".repeat(100), Q1)).unwrap();
    let exactly = peer.publish(message("a", "x", Q2)).unwrap();
    peer.lose();
    let waiting = peer.publish(message("a", &"y".repeat(100), Q1)).unwrap();
    peer.cut_and_accept("20 _ 01 00 07 27 00000014 24 01");
    peer.expect(&[]);
    for token in [sent, exactly, waiting] {
        assert!(matches!(peer.outcome(token), Some(Completion::Published(Err(_)))));
    }
}

#[test]
fn what_the_server_does_not_offer_is_not_asked_for() {
    for (property, filter) in [("28 00", "a/#"), ("28 00", "+"), ("2a 00", "$share/g/a")] {
        let mut peer = granted(property);
        let token = peer.token();
        assert!(peer.engine.subscribe(peer.now, to(filter, Q1), token).is_err(), "{filter}");
        peer.expect(&[]);
    }
    let mut peer = granted("29 00");
    peer.subscribe(to("a", Q1));
    peer.expect(&["82 _ 0001 00 0001'a' 01"]);
}

#[test]
fn after_connack_the_connection_stays_open() {
    let peer = Peer::accept(options(), CONNACK);
    assert_eq!(peer.closed(), None::<Closed>);
}
