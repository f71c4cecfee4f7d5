//! SUBSCRIBE, UNSUBSCRIBE and their answers (sections 3.8 to 3.11, 4.7 and 4.8).

use polymqtt_conformance::peer::{Peer, options};
use polymqtt_proto::codec::{RetainHandling, SubscriptionOptions};
use polymqtt_proto::engine::{Completion, SubscribeRequest, Token};
use polymqtt_proto::topic::TopicFilter;

use crate::said::{Q0, Q1, Q2, granted, packet_id, subscribed, take_all, to};

#[test]
fn a_subscribe_has_its_flags_an_identifier_and_a_filter_with_options() {
    let mut peer = granted("29 00");
    for (number, qos) in [(1, Q0), (2, Q1), (3, Q2)] {
        peer.subscribe(to(&format!("a/{number}"), qos));
        peer.expect(&[&format!("82 _ {number:04x} 00 0003'a/{number}' {:02x}", qos as u8)]);
    }
    let filter = |filter: &str, options: SubscriptionOptions| SubscribeRequest {
        filters: vec![(filter.try_into().unwrap(), options)],
        ..SubscribeRequest::default()
    };
    let plain = SubscriptionOptions { maximum_qos: Q0, ..SubscriptionOptions::default() };
    peer.subscribe(filter("b", SubscriptionOptions { no_local: true, ..plain }));
    peer.subscribe(filter("c", SubscriptionOptions { retain_as_published: true, ..plain }));
    peer.subscribe(filter("d", SubscriptionOptions { retain_handling: RetainHandling::SendIfNew, ..plain }));
    peer.subscribe(filter("e", SubscriptionOptions { retain_handling: RetainHandling::DoNotSend, ..plain }));
    let sent = peer.sent();
    let options: Vec<_> = sent.iter().map(|packet| packet[packet.len() - 2..].to_owned()).collect();
    assert_eq!(options, ["04", "08", "10", "20"]);
}

#[test]
fn an_unsubscribe_has_its_flags_an_identifier_and_filters() {
    let mut peer = Peer::connected();
    let token = peer.token();
    let filters = ["a", "$share/g/b/#"].map(|filter| TopicFilter::try_from(filter).unwrap());
    peer.engine.unsubscribe_filters(peer.now, filters.to_vec(), Vec::new(), token).unwrap();
    peer.expect(&["a2 _ 0001 00 0001'a' 000c'$share/g/b/#'"]);
    peer.send("b0 05 0001 00 00 11");
    match peer.outcome(token) {
        Some(Completion::Unsubscribed(Ok(ack))) => {
            assert_eq!(ack.reason_codes.iter().map(|code| *code as u8).collect::<Vec<_>>(), [0x00, 0x11]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_filter_nothing_is_sent() {
    let mut peer = Peer::connected();
    assert!(peer.engine.subscribe(peer.now, SubscribeRequest::default(), Token(1)).is_err());
    assert!(peer.engine.unsubscribe_filters(peer.now, Vec::new(), Vec::new(), Token(2)).is_err());
    peer.expect(&[]);
}

#[test]
fn filters_that_are_none() {
    let long = "x".repeat(65_536);
    for filter in [
        "",
        "a\0b",
        "a/#/b",
        "#/a",
        "a#",
        "a/b#",
        "a+",
        "+a",
        "a/+b",
        "a/b+/c",
        "$share/",
        "$share/g",
        "$share/g/",
        "$share//a",
        "$share/g+/a",
        "$share/#/a",
        "$share/g/a#",
        &long,
    ] {
        assert!(TopicFilter::try_from(filter).is_err(), "{filter:?}");
    }
    for filter in ["#", "+", "/", "+/+", "a/+/b/#", "/#", "$SYS/#", "$share/g/#", "$share/g//", "a//b", " "] {
        assert!(TopicFilter::try_from(filter).is_ok(), "{filter:?}");
    }
}

#[test]
fn no_local_is_not_for_shared_subscriptions() {
    let mut peer = Peer::connected();
    let mut request = to("$share/g/a", Q1);
    request.filters[0].1.no_local = true;
    assert!(peer.engine.subscribe(peer.now, request, Token(1)).is_err());
    peer.expect(&[]);
}

#[test]
fn what_is_granted_is_told_filter_by_filter() {
    for (code, granted) in [(0x00, Some(Q0)), (0x01, Some(Q1)), (0x02, Some(Q2)), (0x87_u8, None)] {
        let mut peer = Peer::connected();
        let (_, token) = peer.subscribe(to("a", Q2));
        let id = packet_id(&peer.sent()[0]);
        peer.send(&format!("90 04 {id} 00 {code:02x}"));
        match peer.outcome(token) {
            Some(Completion::Subscribed(Ok(outcome))) => {
                assert_eq!(outcome[0].outcome.as_ref().ok().copied(), granted);
            }
            Some(Completion::Subscribed(Err(error))) => {
                assert_eq!((error.reason_code().map(|code| code as u8), granted), (Some(code), None));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_message_before_suback_arrives() {
    let mut peer = Peer::connected();
    let (stream, _) = peer.subscribe(to("a", Q2));
    peer.send("30 _ 0001'a' 00 'x'");
    assert_eq!(take_all(&mut peer, stream), ["x"]);
}

#[test]
fn a_filter_that_begins_with_a_wildcard_gets_no_topic_that_begins_with_a_dollar() {
    let mut peer = granted("29 00");
    let all = subscribed(&mut peer, "#");
    let one = subscribed(&mut peer, "+/a");
    let named = subscribed(&mut peer, "$SYS/#");
    peer.send("30 _ 0006'$SYS/a' 00 'x'");
    for (stream, messages) in [(all, 0), (one, 0), (named, 1)] {
        assert_eq!(take_all(&mut peer, stream).len(), messages);
    }
}

#[test]
fn topics_are_compared_byte_by_byte() {
    let mut peer = granted("29 00");
    let stream = subscribed(&mut peer, "A/\u{e9}");
    for topic in ["A/e\u{301}", "a/\u{e9}", "A/\u{e9}/", "/A/\u{e9}"] {
        let topic = polymqtt_conformance::hex::text(topic.as_bytes());
        peer.send(&format!("30 _ {} 00 'x'", crate::said::string(&topic)));
    }
    assert!(take_all(&mut peer, stream).is_empty());
    peer.send("30 _ 0004 'A/' c3a9 00 'x'");
    assert_eq!(take_all(&mut peer, stream), ["x"]);
}

#[test]
fn an_answer_with_words_is_read() {
    let mut peer = Peer::accept(options(), polymqtt_conformance::peer::CONNACK);
    let (_, token) = peer.subscribe(to("a", Q1));
    let id = packet_id(&peer.sent()[0]);
    peer.send(&format!("90 _ {id} 0a 1f 0000 26 0001'k' 0001'v' 01"));
    assert!(matches!(peer.outcome(token), Some(Completion::Subscribed(Ok(_)))));
}
