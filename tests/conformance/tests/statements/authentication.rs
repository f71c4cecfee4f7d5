//! AUTH and enhanced authentication (sections 3.15 and 4.12).

use polymqtt_conformance::peer::{Closed, Peer, options};
use polymqtt_proto::connection::AuthenticationReply;
use polymqtt_proto::engine::{Answer, Completion, DisconnectOptions, Request};
use polymqtt_proto::options::Authentication;

use crate::said::{Q1, message};

/// Answers the question that the engine asks its host.
#[track_caller]
fn answer(peer: &mut Peer, reply: AuthenticationReply) {
    let (id, request) = peer.requests.remove(0);
    assert!(matches!(request, Request::Authenticate(_)), "{request:?}");
    peer.engine.answer(peer.now, id, Answer::Authenticate(reply));
    // The engine's outputs are drained by any call.
    peer.pass(std::time::Duration::ZERO);
}

fn reply(data: &str) -> AuthenticationReply {
    AuthenticationReply::new(data.to_owned())
}

/// A client of the method `M` whose CONNECT is sent, and put away.
fn asking() -> Peer {
    let mut peer = Peer::new(options().authentication(Authentication::Method("M".to_owned())));
    peer.start();
    answer(&mut peer, reply("1"));
    peer.opened();
    peer
}

/// The same, connected.
fn authenticated() -> Peer {
    let mut peer = asking();
    peer.sent();
    peer.send("20 _ 00 00 08 15 0001'M' 16 0001'3'");
    answer(&mut peer, AuthenticationReply::default());
    assert!(peer.engine.grant().is_some());
    peer
}

#[test]
fn every_packet_names_the_method_of_connect() {
    let mut peer = asking();
    peer.expect(&[
        "10 _ 0004'MQTT' 05 02 0000 17 11 0000012c 21 0400 27 01000000 19 01 15 0001'M' 16 0001'1' 0001'c'",
    ]);
    peer.send("f0 _ 18 08 15 0001'M' 16 0001'2'");
    answer(&mut peer, reply("3"));
    peer.expect(&["f0 _ 18 08 15 0001'M' 16 0001'3'"]);
    peer.send("20 _ 00 00 04 15 0001'M'");
    answer(&mut peer, AuthenticationReply::default());
    let token = peer.token();
    peer.engine.reauthenticate(peer.now, token).unwrap();
    peer.pass(std::time::Duration::ZERO);
    answer(&mut peer, reply("4"));
    peer.expect(&["f0 _ 19 08 15 0001'M' 16 0001'4'"]);
    peer.send("f0 _ 00 04 15 0001'M'");
    answer(&mut peer, AuthenticationReply::default());
    assert!(matches!(peer.outcome(token), Some(Completion::Reauthenticated(Ok(())))));
    peer.expect(&[]);
    assert_eq!(peer.closed(), None);
}

#[test]
fn until_connack_only_auth_and_disconnect_are_sent() {
    let mut peer = asking();
    assert_eq!(peer.sent().len(), 1);
    peer.publish(message("a", "x", Q1)).unwrap();
    peer.subscribe(crate::said::to("a", Q1));
    peer.send("f0 _ 18 04 15 0001'M'");
    peer.expect(&[]);
    answer(&mut peer, reply("2"));
    peer.expect(&["f0 _ 18 08 15 0001'M' 16 0001'2'"]);
    peer.send("20 _ 00 00 04 15 0001'M'");
    peer.expect(&[]);
    answer(&mut peer, AuthenticationReply::default());
    assert_eq!(peer.sent().len(), 2);
}

#[test]
fn another_method_or_none_ends_the_connection() {
    for (bytes, reason) in [
        ("f0 _ 18 04 15 0001'N'", "8c"),
        ("f0 00", "82"),
        ("f0 _ 18 00", "82"),
        ("f0 _ 00 04 15 0001'M'", "82"),
        ("f0 _ 19 04 15 0001'M'", "82"),
        ("20 03 00 00 00", "8c"),
        ("20 _ 00 00 04 15 0001'N'", "8c"),
    ] {
        let mut peer = asking();
        peer.sent();
        peer.send(bytes);
        assert_eq!(peer.sent(), [format!("e0 01 {reason}")], "{bytes}");
        assert_eq!(peer.closed(), Some(Closed::InOrder), "{bytes}");
    }
}

#[test]
fn without_a_method_no_auth_is_sent_and_none_is_taken() {
    let mut peer = Peer::connected();
    let token = peer.token();
    assert!(peer.engine.reauthenticate(peer.now, token).is_err());
    peer.expect(&[]);
    peer.send("f0 _ 19 04 15 0001'M'");
    peer.expect_end(&["e0 01 82"]);
    let mut peer = Peer::open(options());
    peer.sent();
    peer.send("f0 _ 18 04 15 0001'M'");
    peer.expect_end(&["e0 01 82"]);
}

#[test]
fn a_server_that_fails_to_authenticate_again_is_left_with_a_reason() {
    let mut peer = authenticated();
    let token = peer.token();
    peer.engine.reauthenticate(peer.now, token).unwrap();
    peer.pass(std::time::Duration::ZERO);
    answer(&mut peer, reply("4"));
    peer.sent();
    peer.send("f0 _ 18 04 15 0001'N'");
    peer.expect_end(&["e0 01 8c"]);
    peer.lose();
    assert!(matches!(peer.outcome(token), Some(Completion::Reauthenticated(Err(_)))));
}

#[test]
fn the_words_of_an_auth_stay_within_the_maximum_packet_size() {
    for (reason, value, sent) in [
        ("why", "v", "f0 _ 19 15 15 0001'M' 16 0001'4' 1f 0003'why' 26 0001'k' 0001'v'"),
        ("words that are too long", "v", "f0 _ 19 08 15 0001'M' 16 0001'4'"),
        ("why", "words that are too long", "f0 _ 19 08 15 0001'M' 16 0001'4'"),
    ] {
        let mut peer = asking();
        peer.sent();
        peer.send("20 _ 00 00 09 15 0001'M' 27 00000020");
        answer(&mut peer, AuthenticationReply::default());
        let token = peer.token();
        peer.engine.reauthenticate(peer.now, token).unwrap();
        peer.pass(std::time::Duration::ZERO);
        let mut words = reply("4");
        words.reason_string = Some(reason.try_into().unwrap());
        words.user_properties = vec![("k".try_into().unwrap(), value.try_into().unwrap())];
        answer(&mut peer, words);
        peer.expect(&[sent]);
    }
}

#[test]
fn a_goodbye_during_an_exchange() {
    let mut peer = authenticated();
    let token = peer.token();
    peer.engine.reauthenticate(peer.now, token).unwrap();
    peer.pass(std::time::Duration::ZERO);
    answer(&mut peer, reply("4"));
    peer.sent();
    peer.disconnect(DisconnectOptions { timeout: std::time::Duration::ZERO, ..DisconnectOptions::default() });
    peer.expect_end(&["e0 _ 00 05 11 00000000"]);
    peer.lose();
    assert!(matches!(peer.outcome(token), Some(Completion::Reauthenticated(Err(_)))));
}
