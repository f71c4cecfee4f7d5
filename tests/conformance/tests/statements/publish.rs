//! PUBLISH and its acknowledgements (sections 3.3 to 3.7), in both directions.

use polymqtt_conformance::hex;
use polymqtt_conformance::peer::{CONNACK, Peer, options};
use polymqtt_proto::codec::PublishProperties;
use polymqtt_proto::engine::Completion;
use polymqtt_proto::message::{Acknowledgement, Message};
use polymqtt_proto::reason::ReasonCode;

use crate::said::{Q0, Q1, Q2, granted, message, subscribed, subscribed_by_hand, take_all};

#[test]
fn qos_0_has_no_packet_identifier_and_no_dup() {
    let mut peer = Peer::connected();
    peer.publish(message("a/b", "x", Q0)).unwrap();
    peer.expect(&["30 07 0003'a/b' 00 'x'"]);
    peer.cut_and_accept("20 03 01 00 00");
    peer.expect(&[]);
}

#[test]
fn qos_1_and_2_take_an_identifier_that_is_not_in_use() {
    let mut peer = Peer::connected();
    peer.publish(message("a", "1", Q1)).unwrap();
    peer.publish(message("a", "2", Q2)).unwrap();
    peer.subscribe(crate::said::to("a", Q0));
    let token = peer.token();
    peer.engine.unsubscribe_filters(peer.now, vec!["b".try_into().unwrap()], Vec::new(), token).unwrap();
    let sent = peer.sent();
    let ids = [sent[0].as_str(), &sent[1], &sent[2], &sent[3]].map(|packet| {
        let bytes = hex::bytes(packet);
        let at = if bytes[0] >> 4 == 3 { 5 } else { 2 };
        u16::from_be_bytes([bytes[at], bytes[at + 1]])
    });
    assert_eq!(ids, [1, 2, 3, 4]);
    // One that is free again is not taken while others rest longer, and those in use never are.
    peer.send("40 02 0001");
    for _ in 0..70_000 {
        let token = peer.publish(message("a", "x", Q1)).unwrap();
        let bytes = hex::bytes(&peer.sent()[0]);
        let id = u16::from_be_bytes([bytes[5], bytes[6]]);
        assert!(![0, 2, 3, 4].contains(&id), "{id}");
        peer.send(&format!("40 02 {id:04x}"));
        assert!(peer.outcome(token).is_some());
    }
}

#[test]
fn the_properties_are_as_the_user_gave_them_and_a_length_of_zero_where_there_are_none() {
    let mut peer = Peer::connected();
    let properties = PublishProperties {
        payload_format_indicator: Some(true),
        response_topic: Some("r".try_into().unwrap()),
        content_type: Some("t".try_into().unwrap()),
        user_properties: vec![
            ("k".try_into().unwrap(), "2".try_into().unwrap()),
            ("k".try_into().unwrap(), "1".try_into().unwrap()),
        ],
        ..PublishProperties::default()
    };
    peer.publish(message("a", "x", Q0).with_properties(properties)).unwrap();
    peer.expect(&["30 _ 0001'a' 18 01 01 08 0001'r' 03 0001't' 26 0001'k' 0001'2' 26 0001'k' 0001'1' 'x'"]);
    peer.publish(message("a", "x", Q0)).unwrap();
    peer.expect(&["30 05 0001'a' 00 'x'"]);
}

#[test]
fn what_a_client_must_not_send() {
    let mut peer = Peer::connected();
    for topic in ["", "#", "a/+", "a\0b"] {
        assert!(Message::new(topic, "x").is_err(), "{topic:?}");
    }
    assert!(Message::new("x".repeat(65_536), "x").is_err());
    let mut bad = message("a", "x", Q0);
    bad.properties_mut().response_topic = Some("a/#".try_into().unwrap());
    assert!(peer.publish(bad).is_err());
    peer.expect(&[]);
}

#[test]
fn an_alias_stays_within_the_maximum_of_the_server() {
    let mut peer = granted("22 0001");
    for topic in ["topic/1", "topic/1", "topic/2", "topic/2", "topic/1"] {
        peer.publish(message(topic, "x", Q0)).unwrap();
    }
    peer.expect(&[
        "30 _ 0007'topic/1' 03 23 0001 'x'",
        "30 _ 0000 03 23 0001 'x'",
        "30 _ 0007'topic/2' 03 23 0001 'x'",
        "30 _ 0000 03 23 0001 'x'",
        "30 _ 0007'topic/1' 03 23 0001 'x'",
    ]);
    for grant in ["", "22 0000"] {
        let mut peer = granted(grant);
        peer.publish(message("topic/1", "x", Q0)).unwrap();
        peer.publish(message("topic/1", "x", Q0)).unwrap();
        peer.expect(&["30 _ 0007'topic/1' 00 'x'", "30 _ 0007'topic/1' 00 'x'"]);
    }
}

#[test]
fn aliases_of_neither_side_outlive_the_connection() {
    let mut peer = Peer::accept(options().topic_alias_maximum(5), "20 _ 00 00 03 22 0001");
    peer.publish(message("topic/1", "x", Q0)).unwrap();
    peer.send("30 _ 0001'a' 03 23 0001 'x'");
    peer.cut_and_accept("20 _ 01 00 03 22 0001");
    peer.publish(message("topic/1", "x", Q0)).unwrap();
    peer.expect(&["30 _ 0007'topic/1' 03 23 0001 'x'"]);
    peer.send("30 _ 0000 03 23 0001 'x'");
    peer.expect_end(&["e0 01 82"]);
}

#[test]
fn every_alias_up_to_our_maximum_is_taken() {
    let mut peer = Peer::accept(options().topic_alias_maximum(300), CONNACK);
    let stream = subscribed(&mut peer, "#");
    for alias in 1..=300_u16 {
        peer.send(&format!("30 _ 0004'{alias:04}' 03 23 {alias:04x} 'x'"));
    }
    take_all(&mut peer, stream);
    for alias in 1..=300_u16 {
        peer.send(&format!("30 _ 0000 03 23 {alias:04x} 'x'"));
        assert_eq!(peer.receive(stream).unwrap().topic(), format!("{alias:04}"));
    }
    // One that is given again stands for the new topic.
    peer.send("30 _ 0003'new' 03 23 0007 'x'");
    peer.send("30 _ 0000 03 23 0007 'x'");
    let topics = [(); 2].map(|()| peer.receive(stream).unwrap().topic().to_owned());
    assert_eq!(topics, ["new", "new"]);
}

#[test]
fn the_answer_is_that_of_the_qos() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "#");
    peer.send("30 _ 0001'a' 00 'x'");
    take_all(&mut peer, stream);
    peer.expect(&[]);
    peer.send("32 _ 0001'a' 1234 00 'x'");
    take_all(&mut peer, stream);
    peer.expect(&["40 02 1234"]);
    peer.send("34 _ 0001'a' 1234 00 'x'");
    take_all(&mut peer, stream);
    peer.expect(&["50 02 1234"]);
    peer.send("62 02 1234");
    peer.expect(&["70 02 1234"]);
}

#[test]
fn what_nobody_subscribed_to_is_acknowledged_too() {
    let mut peer = Peer::accept(options().unclaimed_timeout(std::time::Duration::from_secs(5)), CONNACK);
    peer.send("32 _ 0001'a' 0001 00 'x'");
    peer.send("34 _ 0001'a' 0002 00 'x'");
    peer.pass(std::time::Duration::from_secs(10));
    peer.expect(&["40 02 0001", "50 02 0002"]);
}

#[test]
fn each_success_and_refusal_of_an_acknowledgement_is_told() {
    for code in [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99_u8] {
        for (qos, ack) in [(Q1, "40"), (Q2, "50")] {
            let mut peer = Peer::connected();
            let token = peer.publish(message("a", "x", qos)).unwrap();
            peer.sent();
            peer.send(&format!("{ack} 03 0001 {code:02x}"));
            if qos == Q2 && code < 0x80 {
                peer.expect(&["62 02 0001"]);
                peer.send("70 02 0001");
            }
            peer.expect(&[]);
            match peer.outcome(token) {
                Some(Completion::Published(Ok(_))) => assert!(code < 0x80),
                Some(Completion::Published(Err(error))) => {
                    assert_eq!(error.reason_code().map(|code| code as u8), Some(code));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn our_acknowledgements_have_reason_codes_of_their_own_and_fit() {
    let mut peer = granted("27 00000014");
    let stream = subscribed_by_hand(&mut peer, "#");
    let answer = |reason: &str| Acknowledgement {
        reason_code: ReasonCode::NotAuthorized,
        reason_string: Some(reason.try_into().unwrap()),
        user_properties: Vec::new(),
    };
    for (publish, ack) in [("32", "40"), ("34", "50")] {
        peer.send(&format!("{publish} _ 0001'a' 0001 00 'x'"));
        let first = peer.receive(stream).unwrap();
        peer.engine.acknowledge_with(peer.now, &first, answer("no")).unwrap();
        peer.expect(&[&format!("{ack} _ 0001 87 05 1f 0002'no'")]);
        // Too long for the server: the words are left out.
        peer.send(&format!("{publish} _ 0001'a' 0001 00 'x'"));
        let second = peer.receive(stream).unwrap();
        peer.engine.acknowledge_with(peer.now, &second, answer("twelve chars")).unwrap();
        peer.expect(&[&format!("{ack} 03 0001 87")]);
        let mut named = answer("no");
        named.user_properties = vec![("k".try_into().unwrap(), "0123456789".try_into().unwrap())];
        peer.send(&format!("{publish} _ 0001'a' 0001 00 'x'"));
        let third = peer.receive(stream).unwrap();
        peer.engine.acknowledge_with(peer.now, &third, named).unwrap();
        peer.expect(&[&format!("{ack} 03 0001 87")]);
    }
    // A code of another packet is refused.
    peer.send("32 _ 0001'a' 0001 00 'x'");
    let message = peer.receive(stream).unwrap();
    for code in [ReasonCode::PacketIdentifierNotFound, ReasonCode::GrantedQoS1, ReasonCode::ServerBusy] {
        assert!(
            peer.engine.acknowledge_with(peer.now, &message, Acknowledgement::with_reason(code)).is_err()
        );
    }
    peer.expect(&[]);
}

#[test]
fn a_message_from_a_server_arrives_as_it_was_sent() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "#");
    peer.send("3b _ 0003 efbbbf 0007 1b 01 01 02 00000009 03 0001't' 08 0001'r' 09 0002 00ff 26 0001'k' 0001'v' 'x'");
    let got = peer.receive(stream).unwrap();
    assert_eq!((got.topic(), got.qos(), got.dup(), got.retain()), ("\u{feff}", Q1, true, true));
    let properties = got.properties().unwrap();
    assert_eq!(properties.payload_format_indicator, Some(true));
    assert_eq!(properties.message_expiry_interval, Some(9));
    assert_eq!(properties.correlation_data.as_deref(), Some(&[0, 0xff][..]));
    assert_eq!(properties.user_properties[0].1.as_str(), "v");
    assert_eq!(got.content_type(), Some("t"));
}

#[test]
fn a_message_that_came_again_is_passed_on_as_a_new_one() {
    let mut peer = Peer::connected();
    let stream = subscribed(&mut peer, "a");
    // With DUP, and with the subscription identifier 5.
    peer.send("3a _ 0001'a' 0009 02 0b05 'x'");
    let again = peer.receive(stream).unwrap();
    assert!(again.dup());
    peer.sent();
    peer.publish(again).unwrap();
    peer.expect(&["32 _ 0001'a' 0002 00 'x'"]);
}

#[test]
fn lengths_take_as_few_bytes_as_they_can() {
    // The topic with its length, and the length of no properties, are four bytes.
    for (length, digits) in [
        (127, "7f"),
        (128, "80 01"),
        (16_383, "ff 7f"),
        (16_384, "80 80 01"),
        (2_097_151, "ff ff 7f"),
        (2_097_152, "80 80 80 01"),
    ] {
        let mut peer = Peer::connected();
        peer.publish(message("a", &"x".repeat(length - 4), Q0)).unwrap();
        let sent = peer.sent();
        assert!(sent[0].starts_with(&format!("30 {digits} 00 01 61 00 78")), "{length}");
    }
    let mut peer = Peer::connected();
    let long = |length: usize| {
        let mut message = message("a", "x", Q0);
        message.properties_mut().content_type = Some("x".repeat(length - 3).try_into().unwrap());
        message
    };
    for (length, digits) in [(127, "7f"), (128, "80 01"), (16_384, "80 80 01")] {
        peer.publish(long(length)).unwrap();
        assert!(peer.sent()[0].contains(&format!(" 00 01 61 {digits} 03 ")), "{length}");
    }
}
