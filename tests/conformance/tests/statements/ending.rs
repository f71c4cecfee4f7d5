//! PINGREQ, DISCONNECT, and what ends a connection (sections 3.12 to 3.14 and 4.13).

use std::time::Duration;

use polymqtt_conformance::peer::{CONNACK, Closed, Peer, options};
use polymqtt_proto::engine::{DisconnectOptions, Event};
use polymqtt_proto::reason::ReasonCode;

use crate::said::{Q0, Q1, granted, message, subscribed, take_all};

#[test]
fn nothing_follows_a_disconnect_and_the_connection_is_closed() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("32 _ 0001'a' 0001 00 'x'");
    peer.disconnect(DisconnectOptions::default());
    peer.expect_end(&["e0 _ 00 05 11 00000000"]);
    peer.send("34 _ 0001'a' 0002 00 'x'");
    peer.pass(Duration::from_secs(100));
    let _last = peer.engine.receive(peer.now, stream);
    let _closed = peer.engine.receive(peer.now, stream);
    assert!(peer.publish(message("a", "y", Q1)).is_err());
    peer.expect(&[]);
}

#[test]
fn nothing_follows_a_protocol_error() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("32 _ 0001'a' 0001 00 'x'");
    peer.send("00 00");
    peer.expect_end(&["e0 01 81"]);
    take_all(&mut peer, stream);
    peer.publish(message("a", "y", Q1)).unwrap();
    peer.send("32 _ 0001'a' 0002 00 'x'");
    peer.pass(Duration::from_secs(100));
    peer.expect(&[]);
}

#[test]
fn a_goodbye_may_ask_for_the_will_and_names_no_other_reason() {
    let mut peer = Peer::accept(options().session_expiry(Duration::from_secs(60)), CONNACK);
    peer.disconnect(DisconnectOptions { with_will: true, ..DisconnectOptions::default() });
    peer.expect_end(&["e0 01 04"]);
    let mut peer = Peer::accept(options().session_expiry(Duration::from_secs(60)), CONNACK);
    peer.disconnect(DisconnectOptions::default());
    peer.expect_end(&["e0 00"]);
}

#[test]
fn a_session_that_was_to_end_can_not_be_kept_by_a_goodbye() {
    let mut peer = Peer::accept(options().session_expiry(Duration::ZERO), CONNACK);
    let keep =
        DisconnectOptions { session_expiry: Some(Duration::from_secs(5)), ..DisconnectOptions::default() };
    let token = peer.token();
    assert!(peer.engine.disconnect(peer.now, keep, token).is_err());
    peer.expect(&[]);
    assert_eq!(peer.closed(), None);
}

#[test]
fn the_words_of_a_goodbye_stay_within_the_maximum_packet_size() {
    let goodbye = |reason: &str, value: &str| DisconnectOptions {
        reason_string: Some(reason.try_into().unwrap()),
        user_properties: vec![("k".try_into().unwrap(), value.try_into().unwrap())],
        ..DisconnectOptions::default()
    };
    let mut peer = granted("27 00000020");
    peer.disconnect(goodbye("bye", "v"));
    peer.expect_end(&["e0 _ 00 12 11 00000000 1f 0003'bye' 26 0001'k' 0001'v'"]);
    for long in [goodbye("bye", "a value that is too long"), goodbye("words that are too long", "v")] {
        let mut peer = granted("27 00000020");
        peer.disconnect(long);
        peer.expect_end(&["e0 _ 00 05 11 00000000"]);
    }
}

#[test]
fn a_goodbye_fits_however_little_the_server_takes() {
    let mut peer = granted("27 00000008");
    peer.disconnect(DisconnectOptions::default());
    peer.expect_end(&["e0 00"]);
}

#[test]
fn each_disconnect_of_the_server_closes_and_tells_why() {
    for code in ReasonCode::ALL {
        let allowed = code.is_allowed_in(polymqtt_proto::codec::PacketType::Disconnect);
        let mut peer = Peer::connected();
        peer.send(&format!("e0 01 {:02x}", *code as u8));
        assert_eq!(peer.closed(), Some(Closed::InOrder), "{code}");
        let words: &[&str] = if allowed { &[] } else { &["e0 01 82"] };
        peer.expect(words);
        peer.lose();
        assert_eq!(peer.reason(), Some(if allowed { *code as u8 } else { 0x82 }), "{code}");
    }
}

#[test]
fn a_disconnect_of_the_server_is_not_answered() {
    for bytes in ["e0 00", "e0 01 8b", "e0 _ 8b 00", "e0 _ 8b 09 1f 0006'gone..'"] {
        let mut peer = Peer::connected();
        peer.publish(message("a", "x", Q0)).unwrap();
        peer.sent();
        peer.send(bytes);
        peer.expect_end(&[]);
    }
}

#[test]
fn a_ping_is_of_two_bytes_and_a_dead_link_is_left_without_a_word() {
    let mut peer = Peer::accept(options().keep_alive(Duration::from_secs(10)), CONNACK);
    peer.pass(Duration::from_secs(20));
    assert_eq!(peer.sent(), ["c0 00"]);
    assert_eq!(peer.closed(), Some(Closed::Aborted));
    peer.lose();
    assert!(peer.events.iter().any(|event| matches!(event, Event::Disconnected { retry_in: Some(_), .. })));
}
