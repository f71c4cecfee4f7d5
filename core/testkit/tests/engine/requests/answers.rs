//! Who gets which answer, and by which topic.

use std::collections::BTreeSet;

use bytes::Bytes;
use polymqtt_proto::codec::PublishProperties;
use polymqtt_proto::engine::{Completion, DisconnectOptions, Token};
use polymqtt_proto::message::Message;
use polymqtt_proto::text::Utf8String;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::world::World;

use super::{
    answer, ask, correlation_data, is_pending, publish, response_filters, response_topic, unsettled,
    with_responder,
};
use crate::support::{
    Q0, Q1, Q2, accepted, broadcast, connected, connected_to, message, millis, options, secs,
};

#[test]
fn a_request_gets_its_answer() {
    for qos in [Q0, Q1, Q2] {
        let (mut world, rows) = with_responder();
        let token = world.request(message("rows/7", "which?", qos), secs(30)).unwrap();
        let request = world.receive(rows);
        assert_eq!((request.payload(), request.qos()), (&b"which?"[..], qos));
        answer(&mut world, &request, "this");
        assert_eq!(world.responded(token).unwrap().payload(), b"this");
        world.run_for(secs(1));
        assert_eq!(unsettled(&world), (0, 0, 0));
        // The answer is acknowledged, in its turn behind the request.
        world.try_receive(rows).unwrap();
        world.run_for(secs(1));
        assert_eq!(world.broker.unacknowledged("c"), 0);
        world.assert_clean();
    }
}

#[test]
fn the_response_topic_is_the_clients_own_and_the_data_unlike_any_other() {
    let (mut world, rows) = with_responder();
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        ask(&mut world, "rows/7");
        let request = world.receive(rows);
        let digits = response_topic(&request).strip_prefix("polymqtt/responses/c/").unwrap().to_owned();
        assert!(digits.len() == 16 && digits.chars().all(|digit| digit.is_ascii_hexdigit()), "{digits}");
        assert!(seen.insert(correlation_data(&request)));
    }
    assert_eq!(response_filters(&world).len(), 1);
    let mut other = World::new(options().check().unwrap(), BrokerConfig::default(), 2);
    other.connect().unwrap();
    let rows = other.subscribe("rows/+", Q1).unwrap();
    ask(&mut other, "rows/7");
    let request = other.receive(rows);
    assert_ne!(response_filters(&world), response_filters(&other));
    assert!(seen.insert(correlation_data(&request)));
}

#[test]
fn the_prefix_and_any_client_identifier_make_a_topic() {
    let mut world = connected(options().client_id("a/+b#").response_topic_prefix("answers"));
    let rows = world.subscribe("rows/+", Q1).unwrap();
    ask(&mut world, "rows/7");
    let request = world.receive(rows);
    assert!(response_topic(&request).starts_with("answers/a%2F%2Bb%23/"), "{}", response_topic(&request));
    world.assert_clean();
}

#[test]
fn response_information_of_the_server_makes_the_topic_where_it_is_asked_for() {
    let information = |text: &str| BrokerConfig {
        response_information: Some(Utf8String::try_from(text).unwrap()),
        ..BrokerConfig::default()
    };
    let topic = |asks: bool, given: &str| {
        let settings = options().ask_response_information(asks).check().unwrap();
        let mut world = World::new(settings, information(given), 1);
        world.connect().unwrap();
        let rows = world.subscribe("rows/+", Q1).unwrap();
        ask(&mut world, "rows/7");
        response_topic(&world.receive(rows)).to_owned()
    };
    assert!(topic(true, "reserved/for/c/").starts_with("reserved/for/c/"));
    assert!(!topic(true, "reserved/for/c/").contains("//"));
    assert!(topic(false, "reserved/for/c/").starts_with("polymqtt/responses/c/"));
    // What is no topic can't be used.
    assert!(topic(true, "reserved/#").starts_with("polymqtt/responses/c/"));
    assert!(topic(true, "/").starts_with("polymqtt/responses/c/"));
}

#[test]
fn a_request_leaves_once_the_response_subscription_is_granted() {
    let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
    let tokens = [ask(&mut world, "rows/1"), ask(&mut world, "rows/2")];
    world.run_for(secs(1));
    assert_eq!(response_filters(&world).len(), 1);
    assert_eq!((accepted(&world, "rows/1").len(), accepted(&world, "rows/2").len()), (0, 0));
    world.broker.config.acks = AckPolicy::Immediate;
    world.broker.release_acks(world.now);
    world.run_for(secs(1));
    assert_eq!((accepted(&world, "rows/1").len(), accepted(&world, "rows/2").len()), (1, 1));
    assert!(tokens.into_iter().all(|token| is_pending(&mut world, token)));
    world.assert_clean();
}

#[test]
fn many_in_flight_are_answered_in_any_order() {
    let (mut world, rows) = with_responder();
    let tokens: Vec<Token> = (0..500).map(|n| ask(&mut world, &format!("rows/{n}"))).collect();
    let mut requests: Vec<Message> = (0..500).map(|_| world.receive(rows)).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut requests);
    for request in &requests {
        answer(&mut world, request, request.topic());
    }
    for (n, token) in tokens.into_iter().enumerate() {
        assert_eq!(world.responded(token).unwrap().text(), Ok(format!("rows/{n}").as_str()));
    }
    assert_eq!(unsettled(&world), (0, 0, 0));
    world.assert_clean();
}

#[test]
fn late_second_and_foreign_answers_are_acknowledged_counted_and_given_to_nobody() {
    let (mut world, rows) = with_responder();
    let (first, second) = (ask(&mut world, "rows/1"), ask(&mut world, "rows/2"));
    let (one, two) = (world.receive(rows), world.receive(rows));
    answer(&mut world, &one, "1");
    answer(&mut world, &one, "again");
    assert_eq!(world.responded(first).unwrap().payload(), b"1");
    let topic = response_topic(&two).to_owned();
    let data = correlation_data(&two);
    let with =
        |data: Option<Bytes>| PublishProperties { correlation_data: data, ..PublishProperties::default() };
    let mut earlier_run = data.to_vec();
    earlier_run[0] ^= 1;
    let mut longer = data.to_vec();
    longer.push(0);
    for foreign in
        [None, Some(Bytes::new()), Some(data.slice(..8)), Some(longer.into()), Some(earlier_run.into())]
    {
        publish(&mut world, &topic, "foreign", with(foreign));
    }
    world.run_for(secs(1));
    assert!(is_pending(&mut world, second));
    assert_eq!(world.engine.metrics().unmatched_responses, 6);
    // The two requests were handed out; the answers are all acknowledged.
    world.try_receive(rows).unwrap();
    world.run_for(secs(1));
    assert_eq!(world.broker.unacknowledged("c"), 0);
    answer(&mut world, &two, "2");
    assert_eq!(world.responded(second).unwrap().payload(), b"2");
    world.assert_clean();
}

#[test]
fn a_subscription_of_the_program_that_overlaps_gets_its_copy() {
    let (mut world, rows) = with_responder();
    let all = world.subscribe("polymqtt/#", Q1).unwrap();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    answer(&mut world, &request, "1");
    assert_eq!(world.responded(token).unwrap().payload(), b"1");
    assert_eq!(world.receive(all).payload(), b"1");
    world.unsubscribe(all).unwrap();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    answer(&mut world, &request, "2");
    assert_eq!(world.responded(token).unwrap().payload(), b"2");
    assert_eq!(world.engine.metrics().unmatched_responses, 0);
    world.assert_clean();
}

#[test]
fn without_a_request_nothing_is_subscribed() {
    let mut world = connected(options());
    world.run_for(secs(1));
    assert!(world.broker.filters("c").is_empty());
}

#[test]
fn the_message_expires_with_the_wait_unless_it_says_otherwise() {
    let (mut world, rows) = with_responder();
    let expiry = |request: &Message| request.properties().unwrap().message_expiry_interval;
    world.request(message("rows/1", "", Q1), millis(2_500)).unwrap();
    assert_eq!(expiry(&world.receive(rows)), Some(3));
    let mut own = message("rows/1", "", Q1);
    own.properties_mut().message_expiry_interval = Some(100);
    world.request(own, secs(2)).unwrap();
    assert_eq!(expiry(&world.receive(rows)), Some(100));
}

#[test]
fn an_orderly_goodbye_waits_for_answers() {
    let (mut world, rows) = with_responder();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    let goodbye = world.token();
    world.engine.disconnect(world.now, DisconnectOptions::default(), goodbye).unwrap();
    world.run_for(secs(1));
    answer(&mut world, &request, "just in time");
    assert_eq!(world.responded(token).unwrap().payload(), b"just in time");
    assert!(matches!(world.complete(goodbye), Completion::Disconnected(_)));
    world.assert_clean();
}

#[test]
fn an_answer_passes_a_stream_of_the_program_that_is_full() {
    let (mut world, rows) = with_responder();
    let stream = world.subscribe("flood", Q0).unwrap();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    for n in 0..1_100 {
        broadcast(&mut world, "flood", &n.to_string(), Q0);
    }
    answer(&mut world, &request, "through");
    assert_eq!(world.responded(token).unwrap().payload(), b"through");
    assert_eq!(world.receive(stream).payload(), b"0");
}
