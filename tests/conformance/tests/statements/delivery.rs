//! Delivering messages: sessions, the protocols of each QoS, resending, order, and quota (sections 4.1 to 4.9).

use std::time::Duration;

use polymqtt_conformance::peer::{CONNACK_SESSION, Peer, options};
use polymqtt_proto::engine::{Completion, Token};
use polymqtt_proto::error::ErrorKind;

use crate::said::{Q0, Q1, Q2, connack, granted, message, subscribed, subscribed_by_hand, take_all, to};

/// The outcome of a publish that has ended.
fn ended(peer: &mut Peer, token: Token) -> Option<Result<(), ErrorKind>> {
    match peer.outcome(token)? {
        Completion::Published(outcome) => Some(outcome.map(drop).map_err(|error| error.kind())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn qos_1_ends_with_its_puback_and_not_before() {
    let mut peer = Peer::connected();
    let token = peer.publish(message("a", "x", Q1)).unwrap();
    peer.expect(&["32 _ 0001'a' 0001 00 'x'"]);
    peer.pass(Duration::from_secs(1000));
    peer.expect(&[]);
    assert_eq!(ended(&mut peer, token), None);
    peer.send("40 02 0001");
    assert_eq!(ended(&mut peer, token), Some(Ok(())));
    peer.expect(&[]);
}

#[test]
fn qos_2_goes_its_four_steps() {
    let mut peer = Peer::connected();
    let token = peer.publish(message("a", "x", Q2)).unwrap();
    peer.expect(&["34 _ 0001'a' 0001 00 'x'"]);
    peer.pass(Duration::from_secs(1000));
    peer.expect(&[]);
    peer.send("50 02 0001");
    peer.expect(&["62 02 0001"]);
    peer.pass(Duration::from_secs(1000));
    peer.expect(&[]);
    assert_eq!(ended(&mut peer, token), None);
    peer.send("70 02 0001");
    assert_eq!(ended(&mut peer, token), Some(Ok(())));
    peer.expect(&[]);
}

#[test]
fn what_is_not_acknowledged_is_sent_again_by_a_resumed_session_and_at_no_other_time() {
    let mut peer = Peer::connected();
    peer.publish(message("a", "1", Q1)).unwrap();
    peer.publish(message("a", "2", Q2)).unwrap();
    peer.publish(message("a", "3", Q2)).unwrap();
    peer.publish(message("a", "4", Q1)).unwrap();
    peer.publish(message("a", "0", Q0)).unwrap();
    peer.send("50 02 0003");
    assert_eq!(peer.sent().len(), 6);
    peer.pass(Duration::from_secs(10_000));
    peer.expect(&[]);
    for _ in 0..2 {
        peer.cut_and_accept(CONNACK_SESSION);
        // With DUP, their first identifiers, in their first order; the message of PUBREC only as PUBREL.
        peer.expect(&[
            "62 02 0003",
            "3a _ 0001'a' 0001 00 '1'",
            "3c _ 0001'a' 0002 00 '2'",
            "3a _ 0001'a' 0004 00 '4'",
        ]);
    }
    // A new message has no DUP.
    peer.publish(message("a", "5", Q1)).unwrap();
    peer.expect(&["32 _ 0001'a' 0005 00 '5'"]);
}

#[test]
fn what_is_sent_again_goes_before_what_is_new() {
    let mut peer = Peer::connected();
    for payload in ["1", "2"] {
        peer.publish(message("a", payload, Q1)).unwrap();
    }
    peer.sent();
    peer.lose();
    peer.publish(message("a", "3", Q1)).unwrap();
    peer.cut_and_accept("20 _ 01 00 03 21 0001");
    peer.publish(message("a", "4", Q1)).unwrap();
    peer.expect(&["3a _ 0001'a' 0001 00 '1'"]);
    for (ack, sent) in [
        ("40 02 0001", "3a _ 0001'a' 0002 00 '2'"),
        ("40 02 0002", "32 _ 0001'a' 0003 00 '3'"),
        ("40 02 0003", "32 _ 0001'a' 0004 00 '4'"),
    ] {
        peer.send(ack);
        peer.expect(&[sent]);
    }
}

#[test]
fn a_release_of_a_session_that_is_lost_is_not_sent_again() {
    let mut peer = Peer::connected();
    let token = peer.publish(message("a", "x", Q2)).unwrap();
    peer.send("50 02 0001");
    assert_eq!(peer.sent().len(), 2);
    peer.cut_and_accept("20 03 00 00 00");
    peer.expect(&[]);
    assert_eq!(ended(&mut peer, token), Some(Err(ErrorKind::Indeterminate)));
}

#[test]
fn what_was_refused_is_not_sent_again() {
    let mut peer = Peer::connected();
    peer.publish(message("a", "1", Q1)).unwrap();
    peer.publish(message("a", "2", Q2)).unwrap();
    peer.send("40 03 0001 87 50 03 0002 87");
    peer.cut_and_accept(CONNACK_SESSION);
    peer.expect(&[]);
}

#[test]
fn expiry_is_for_what_was_not_sent() {
    for qos in [Q1, Q2] {
        let mut peer = granted("21 0001");
        let expiring = |text| {
            let mut message = message("a", text, qos);
            message.properties_mut().message_expiry_interval = Some(2);
            message
        };
        let sent = peer.publish(expiring("1")).unwrap();
        let waiting = peer.publish(expiring("2")).unwrap();
        assert_eq!(peer.sent().len(), 1);
        peer.pass(Duration::from_secs(10));
        assert_eq!(ended(&mut peer, waiting), Some(Err(ErrorKind::Expired)));
        assert_eq!(ended(&mut peer, sent), None);
        peer.cut_and_accept(CONNACK_SESSION);
        let first = if qos == Q1 { "3a" } else { "3c" };
        assert!(peer.sent()[0].starts_with(first));
    }
}

#[test]
fn qos_1_is_acknowledged_once_the_message_is_taken() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("32 _ 0001'a' 0001 00 '1'");
    assert_eq!(peer.receive(stream).unwrap().payload(), b"1");
    peer.expect(&[]);
    assert!(peer.receive(stream).is_none());
    peer.expect(&["40 02 0001"]);
    // After its PUBACK, the identifier stands for another message, whatever DUP says.
    for publish in ["32", "3a"] {
        peer.send(&format!("{publish} _ 0001'a' 0001 00 '2'"));
        assert_eq!(take_all(&mut peer, stream), ["2"]);
        peer.expect(&["40 02 0001"]);
    }
}

#[test]
fn qos_2_is_delivered_once_until_its_pubrel() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("34 _ 0001'a' 0001 00 '1'");
    assert_eq!(take_all(&mut peer, stream), ["1"]);
    peer.expect(&["50 02 0001"]);
    // Sent again on a new connection of the session: acknowledged, not delivered.
    peer.cut_and_accept(CONNACK_SESSION);
    peer.send("3c _ 0001'a' 0001 00 '1'");
    assert!(take_all(&mut peer, stream).is_empty());
    peer.expect(&["50 02 0001"]);
    // And on the same one.
    peer.send("3c _ 0001'a' 0001 00 '1'");
    assert!(take_all(&mut peer, stream).is_empty());
    peer.expect(&["50 02 0001"]);
    peer.send("62 02 0001");
    peer.expect(&["70 02 0001"]);
    // Released: another message.
    peer.send("34 _ 0001'a' 0001 00 '2'");
    assert_eq!(take_all(&mut peer, stream), ["2"]);
    peer.expect(&["50 02 0001"]);
}

#[test]
fn after_a_refusing_pubrec_the_identifier_stands_for_another_message() {
    let mut peer = Peer::accept(options().verify_payload_format(true), "20 03 00 00 00");
    let stream = subscribed(&mut peer, "a");
    peer.send("34 _ 0001'a' 0001 02 01 01 ff");
    peer.expect(&["50 03 0001 99"]);
    peer.send("34 _ 0001'a' 0001 02 01 01 'x'");
    assert_eq!(take_all(&mut peer, stream), ["x"]);
    peer.expect(&["50 02 0001"]);
}

#[test]
fn the_expiry_of_a_received_message_changes_nothing_about_its_steps() {
    // The message expiry interval of a received message is the server's business: what is here is delivered.
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    peer.send("34 _ 0001'a' 0001 05 02 00000001 'x'");
    peer.pass(Duration::from_secs(100));
    assert_eq!(take_all(&mut peer, stream), ["x"]);
    peer.expect(&["50 02 0001"]);
    peer.send("62 02 0001");
    peer.expect(&["70 02 0001"]);
}

#[test]
fn acknowledgements_leave_in_order_of_arrival() {
    let mut peer = Peer::connected();
    let stream = subscribed_by_hand(&mut peer, "a");
    for (first, ack) in [("32", "40"), ("34", "50")] {
        for id in [5, 3, 9] {
            peer.send(&format!("{first} _ 0001'a' {id:04x} 00 'x'"));
        }
        let messages = [(); 3].map(|()| peer.receive(stream).unwrap());
        peer.engine.acknowledge(peer.now, &messages[2]);
        peer.engine.acknowledge(peer.now, &messages[1]);
        peer.expect(&[]);
        peer.engine.acknowledge(peer.now, &messages[0]);
        let acks = ["0005", "0003", "0009"].map(|id| format!("{ack} 02 {id}"));
        peer.expect(&[&acks[0], &acks[1], &acks[2]]);
    }
}

#[test]
fn what_was_not_acknowledged_waits_for_the_server_to_send_it_again() {
    for (first, again, ack) in [("32", "3a", "40"), ("34", "3c", "50")] {
        let mut peer = Peer::connected();
        let stream = subscribed_by_hand(&mut peer, "a");
        peer.send(&format!("{first} _ 0001'a' 0007 00 'x'"));
        let message = peer.receive(stream).unwrap();
        peer.cut_and_accept(CONNACK_SESSION);
        // The new connection knows of no such PUBLISH yet.
        peer.engine.acknowledge(peer.now, &message);
        peer.expect(&[]);
        peer.send(&format!("{again} _ 0001'a' 0007 00 'x'"));
        match peer.receive(stream) {
            Some(message) if first == "32" => peer.engine.acknowledge(peer.now, &message),
            other => assert!(first == "34" && other.is_none(), "{other:?}"),
        }
        peer.expect(&[&format!("{ack} 02 0007")]);
    }
}

#[test]
fn pubrels_follow_the_order_of_pubrecs() {
    let mut peer = Peer::connected();
    for payload in ["1", "2", "3"] {
        peer.publish(message("a", payload, Q2)).unwrap();
    }
    peer.sent();
    peer.send("50 02 0003 50 02 0001");
    peer.expect(&["62 02 0003", "62 02 0001"]);
    peer.cut_and_accept(CONNACK_SESSION);
    peer.expect(&["62 02 0003", "62 02 0001", "3c _ 0001'a' 0002 00 '2'"]);
}

#[test]
fn no_more_is_in_flight_than_the_server_takes() {
    let mut peer = granted("21 0002");
    for payload in ["1", "2", "3", "4", "5", "6"] {
        peer.publish(message("a", payload, if payload < "4" { Q1 } else { Q2 })).unwrap();
    }
    peer.expect(&["32 _ 0001'a' 0001 00 '1'", "32 _ 0001'a' 0002 00 '2'"]);
    peer.send("40 02 0001");
    peer.expect(&["32 _ 0001'a' 0003 00 '3'"]);
    peer.send("40 02 0002 40 02 0003");
    peer.expect(&["34 _ 0001'a' 0004 00 '4'", "34 _ 0001'a' 0005 00 '5'"]);
    // A good PUBREC gives nothing back, a refusal and PUBCOMP do.
    peer.send("50 02 0004");
    peer.expect(&["62 02 0004"]);
    peer.send("50 03 0005 87");
    peer.expect(&["34 _ 0001'a' 0006 00 '6'"]);
    peer.publish(message("a", "7", Q1)).unwrap();
    peer.expect(&[]);
    peer.send("70 02 0004");
    peer.expect(&["32 _ 0001'a' 0007 00 '7'"]);
}

#[test]
fn the_receive_maximum_delays_nothing_but_publish() {
    let mut peer = granted("21 0001");
    let stream = subscribed(&mut peer, "a");
    peer.publish(message("a", "1", Q2)).unwrap();
    peer.publish(message("a", "2", Q1)).unwrap();
    assert_eq!(peer.sent().len(), 1);
    peer.send("34 _ 0001'a' 0001 00 'x'");
    take_all(&mut peer, stream);
    peer.subscribe(to("b", Q0));
    peer.send("62 02 0001");
    let sent = peer.sent();
    let kinds: Vec<_> = sent.iter().map(|packet| &packet[..2]).collect();
    assert_eq!(kinds, ["50", "82", "70"]);
    // As many as a resumed session has to release, whatever the new maximum is.
    let mut peer = Peer::connected();
    for _ in 0..3 {
        peer.publish(message("a", "x", Q2)).unwrap();
    }
    peer.send("50 02 0001 50 02 0002 50 02 0003");
    peer.publish(message("a", "y", Q1)).unwrap();
    peer.cut_and_accept("20 _ 01 00 03 21 0001");
    peer.expect(&["62 02 0001", "62 02 0002", "62 02 0003"]);
    peer.send("70 02 0001 70 02 0002");
    peer.expect(&[]);
    peer.send("70 02 0003");
    peer.expect(&["3a _ 0001'a' 0004 00 'y'"]);
}

#[test]
fn without_a_receive_maximum_it_is_65535() {
    let mut peer = Peer::accept(options(), &connack(""));
    for _ in 0..2_000 {
        peer.publish(message("a", "", Q1)).unwrap();
    }
    assert_eq!(peer.sent().len(), 2_000);
    assert_eq!(peer.engine.grant().unwrap().limits.receive_maximum, 65_535);
}
