//! CONNECT (section 3.1): what a client says first.

use std::time::Duration;

use polymqtt_conformance::peer::{CONNACK, Peer, options};
use polymqtt_proto::options::{Options, Will};

use crate::said::{Q0, Q1, Q2};

/// The variable header of [`options`], after the connect flags: no keep alive, and the properties of version 5.
const REST: &str = "0000 0f 11 0000012c 21 0400 27 01000000 19 01";

#[track_caller]
fn assert_connect(options: Options, flags: &str, payload: &str) {
    Peer::open(options).expect(&[&format!("10 _ 0004'MQTT' 05 {flags} {REST} {payload}")]);
}

#[test]
fn the_first_packet_is_connect_and_nothing_else_comes_before_connack() {
    let mut peer = Peer::new(options());
    peer.publish(crate::said::message("a", "x", Q1)).unwrap();
    peer.subscribe(crate::said::to("a", Q1));
    peer.expect(&[]);
    peer.start();
    peer.pass(Duration::from_secs(10));
    peer.expect(&[&format!("10 _ 0004'MQTT' 05 02 {REST} 0001'c'")]);
    peer.send(CONNACK);
    assert_eq!(peer.sent().len(), 2);
}

#[test]
fn one_connect_a_connection() {
    let mut peer = Peer::connected();
    assert!(peer.engine.connect(peer.now, polymqtt_proto::engine::Token(9)).is_err());
    peer.pass(Duration::from_secs(1000));
    peer.expect(&[]);
    peer.cut();
    assert_eq!(peer.sent().len(), 1);
}

#[test]
fn clean_start() {
    assert_connect(options(), "02", "0001'c'");
    assert_connect(options().clean_start(false), "00", "0001'c'");
}

#[test]
fn the_client_identifier_is_there_even_if_empty() {
    assert_connect(options().client_id(""), "02", "0000");
    assert_connect(options().client_id("\u{20ac}"), "02", "0003 e282ac");
}

#[test]
fn user_name_and_password_are_there_if_their_flags_are() {
    assert_connect(options().username("u"), "82", "0001'c' 0001'u'");
    assert_connect(options().password("p"), "42", "0001'c' 0001'p'");
    assert_connect(options().username("u").password([0xff, 0]), "c2", "0001'c' 0001'u' 0002 ff00");
    assert_connect(options().username(""), "82", "0001'c' 0000");
}

#[test]
fn a_will_is_there_if_its_flag_is() {
    let will = || Will::new("w", "x").unwrap();
    assert_connect(options().will(will()), "06", "0001'c' 00 0001'w' 0001'x'");
    for (qos, flags) in [(Q0, "06"), (Q1, "0e"), (Q2, "16")] {
        assert_connect(options().will(will().qos(qos)), flags, "0001'c' 00 0001'w' 0001'x'");
    }
    assert_connect(options().will(will().retain(true)), "26", "0001'c' 00 0001'w' 0001'x'");
    let late = will().delay(Duration::from_secs(5));
    assert_connect(options().will(late), "06", "0001'c' 05 18 00000005 0001'w' 0001'x'");
    assert_connect(options().will(Will::new("w", "").unwrap()), "06", "0001'c' 00 0001'w' 0000");
}

#[test]
fn the_order_of_the_payload() {
    let will = Will::new("w", "x").unwrap();
    let all = options().will(will).username("u").password("p");
    assert_connect(all, "c6", "0001'c' 00 0001'w' 0001'x' 0001'u' 0001'p'");
}

#[test]
fn what_is_no_string_is_refused_before_it_is_sent() {
    let refused = |options: Options| assert!(options.check().is_err());
    refused(options().client_id("a\0b"));
    refused(options().username("a\0b"));
    refused(options().username("u".repeat(65_536)));
    refused(options().user_property("a\0b", "v"));
    assert!(Will::new("a\0b", "x").is_err());
    assert!(Will::new("a/+", "x").is_err());
    assert!(Will::new("", "x").is_err());
}

#[test]
fn a_reconnect_has_the_same_client_identifier_and_goes_on() {
    let mut peer = Peer::connected();
    peer.cut();
    peer.expect(&[&format!("10 _ 0004'MQTT' 05 00 {REST} 0001'c'")]);
    let mut peer = Peer::accept(options().client_id(""), "20 _ 00 00 06 12 0003'abc'");
    peer.cut();
    peer.expect(&[&format!("10 _ 0004'MQTT' 05 00 {REST} 0003'abc'")]);
}

#[test]
fn a_session_that_is_not_to_last_is_not_asked_for() {
    let properties = "0000 0a 21 0400 27 01000000 19 01";
    let mut peer = Peer::open(options().session_expiry(Duration::ZERO));
    peer.expect(&[&format!("10 _ 0004'MQTT' 05 02 {properties} 0001'c'")]);
}

#[test]
fn pings_when_nothing_else_is_sent() {
    let mut peer = Peer::accept(options().keep_alive(Duration::from_secs(10)), CONNACK);
    peer.pass(Duration::from_millis(9_900));
    peer.expect(&[]);
    peer.pass(Duration::from_millis(200));
    peer.expect(&["c0 00"]);
    peer.send("d0 00");
    peer.pass(Duration::from_secs(10));
    peer.expect(&["c0 00"]);
}

#[test]
fn the_keep_alive_of_the_server_is_used_instead() {
    let granted = |ours: u64, servers: &str| {
        let options = options().keep_alive(Duration::from_secs(ours));
        Peer::accept(options, &format!("20 _ 00 00 03 13 {servers}"))
    };
    // A shorter one, a longer one, and one although we wanted none.
    for (ours, servers, seconds) in [(100, "0005", 5), (5, "0064", 100), (0, "0005", 5)] {
        let mut peer = granted(ours, servers);
        peer.pass(Duration::from_secs(seconds) - Duration::from_millis(100));
        peer.expect(&[]);
        peer.pass(Duration::from_millis(200));
        peer.expect(&["c0 00"]);
    }
    // And none although we wanted one.
    let mut peer = granted(5, "0000");
    peer.pass(Duration::from_secs(1000));
    peer.expect(&[]);
}
