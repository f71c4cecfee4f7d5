//! Request and response (section 4.10): who gets which answer, and how each request ends.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use polymqtt_proto::codec::{PublishProperties, Version};
use polymqtt_proto::engine::{Completion, DisconnectOptions, Event, StreamId, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::options::{OnSessionLost, ProtocolVersion, QueueOptions, WhenFull};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig, BrokerMessage};
use polymqtt_testkit::world::World;

use crate::support::{
    Q0, Q1, Q2, accepted, broadcast, connected, connected_to, message, millis, options, secs, world,
};

/// A connected world with a stream that plays the responder.
fn with_responder() -> (World, StreamId) {
    let mut world = connected(options());
    let rows = world.subscribe("rows/+", Q2).unwrap();
    (world, rows)
}

fn ask(world: &mut World, topic: &str) -> Token {
    world.request(message(topic, "", Q1), secs(30)).unwrap()
}

/// Answers as another client would.
fn answer(world: &mut World, request: &Message, payload: &str) {
    let response = request.response(payload.to_owned()).unwrap();
    let properties = response.properties().cloned().unwrap_or_default();
    publish(world, response.topic(), payload, properties);
}

fn publish(world: &mut World, topic: &str, payload: &str, properties: PublishProperties) {
    let topic = topic.try_into().unwrap();
    let mut message = BrokerMessage::new(&topic, payload.to_owned(), Q1);
    message.properties = properties;
    world.broker.publish(world.now, message);
    world.settle();
}

/// The connection is gone, and the client knows.
fn go_offline(world: &mut World) {
    world.reachable = false;
    world.cut();
    world.run_for(millis(100));
}

fn response_topic(request: &Message) -> &str {
    request.properties().unwrap().response_topic.as_ref().unwrap()
}

fn correlation_data(request: &Message) -> Bytes {
    request.properties().unwrap().correlation_data.clone().unwrap()
}

/// The response topics that the server knows of.
fn response_filters(world: &World) -> Vec<String> {
    let filters = world.broker.filters("c").into_iter().map(|filter| filter.to_string());
    filters.filter(|filter| !filter.starts_with("rows")).collect()
}

fn unsettled(world: &World) -> (usize, usize, u64) {
    let metrics = world.engine.metrics();
    (metrics.requests, metrics.in_flight, metrics.unmatched_responses)
}

fn failure(world: &mut World, token: Token) -> Error {
    world.responded(token).unwrap_err()
}

fn is_pending(world: &mut World, token: Token) -> bool {
    world.try_complete(token).is_none()
}

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
fn a_refused_response_subscription_fails_the_request_and_the_next_tries_again() {
    let mut world = connected(options());
    // The topic is not known before: every filter is tried once.
    ask(&mut world, "rows/7");
    world.run_for(secs(1));
    let filter = response_filters(&world).remove(0);
    let refuse_subscribe = vec![(filter.as_str().try_into().unwrap(), ReasonCode::NotAuthorized)];
    let mut refusing = World::new(
        options().check().unwrap(),
        BrokerConfig { refuse_subscribe, ..BrokerConfig::default() },
        1,
    );
    refusing.connect().unwrap();
    let tokens = [ask(&mut refusing, "rows/7"), ask(&mut refusing, "rows/8")];
    for token in tokens {
        let error = failure(&mut refusing, token);
        assert_eq!(
            (error.kind(), error.reason_code()),
            (ErrorKind::NotAuthorized, Some(ReasonCode::NotAuthorized))
        );
    }
    assert!(accepted(&refusing, "rows/7").is_empty());
    refusing.broker.config.refuse_subscribe.clear();
    let rows = refusing.subscribe("rows/+", Q1).unwrap();
    let token = ask(&mut refusing, "rows/9");
    let request = refusing.receive(rows);
    answer(&mut refusing, &request, "x");
    assert!(refusing.responded(token).is_ok());
    refusing.assert_clean();
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
fn the_wait_goes_on_over_a_reconnect() {
    let (mut world, rows) = with_responder();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    world.cut();
    answer(&mut world, &request, "while away");
    assert_eq!(world.responded(token).unwrap().payload(), b"while away");
    assert_eq!(world.engine.metrics().reconnects, 1);
    assert_eq!(response_filters(&world).len(), 1);
    world.assert_clean();
}

#[test]
fn a_request_without_a_connection_waits_for_one() {
    let mut world = world(options().keep_trying(true));
    world.reachable = false;
    let connected = world.start_connect();
    let token = ask(&mut world, "rows/1");
    world.run_for(secs(3));
    assert!(is_pending(&mut world, token));
    world.reachable = true;
    world.complete(connected);
    world.run_until(|world| !accepted(world, "rows/1").is_empty());
    assert!(is_pending(&mut world, token));
    world.assert_clean();
}

#[test]
fn a_session_that_is_lost_is_subscribed_anew_before_the_request_is_sent_again() {
    let (mut world, rows) = with_responder();
    let warm_up = ask(&mut world, "rows/0");
    let request = world.receive(rows);
    answer(&mut world, &request, "");
    world.responded(warm_up).unwrap();
    world.broker.config.acks = AckPolicy::Held;
    let token = ask(&mut world, "rows/1");
    world.run_for(millis(100));
    world.broker.config.acks = AckPolicy::Immediate;
    world.lose_sessions();
    assert!(world.run_until(|world| world.events.contains(&Event::SessionLost)));
    world.run_for(secs(1));
    assert_eq!(accepted(&world, "rows/1").len(), 2, "sent again");
    assert_eq!(response_filters(&world).len(), 1);
    let request = world.receive(rows);
    answer(&mut world, &request, "1");
    assert_eq!(world.responded(token).unwrap().payload(), b"1");
    world.assert_clean();
}

#[test]
fn a_lost_session_ends_requests_whose_messages_end_with_it() {
    let mut world = connected(options().on_session_lost(OnSessionLost::Fail));
    let _rows = world.subscribe("rows/+", Q2).unwrap();
    ask(&mut world, "rows/0");
    world.run_for(secs(1));
    world.broker.config.acks = AckPolicy::Held;
    let one = ask(&mut world, "rows/1");
    let two = world.request(message("rows/2", "", Q2), secs(30)).unwrap();
    world.run_for(millis(100));
    world.lose_sessions();
    assert_eq!(failure(&mut world, one).kind(), ErrorKind::SessionLost);
    assert_eq!(failure(&mut world, two).kind(), ErrorKind::Indeterminate);
    world.assert_clean();
}

#[test]
fn a_response_subscription_that_is_not_restored_ends_those_who_wait() {
    let (mut world, rows) = with_responder();
    let token = ask(&mut world, "rows/1");
    world.receive(rows);
    let filter = response_filters(&world).remove(0);
    world.broker.config.refuse_subscribe =
        vec![(filter.as_str().try_into().unwrap(), ReasonCode::NotAuthorized)];
    world.lose_sessions();
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::NotAuthorized);
    assert_eq!(unsettled(&world).0, 0);
    world.assert_clean();
}

#[test]
fn other_response_information_is_for_new_requests_and_the_old_topic_closes_after_the_last_answer() {
    let information = |text: &str| Some(Utf8String::try_from(text).unwrap());
    let mut world =
        connected_to(BrokerConfig { response_information: information("old"), ..BrokerConfig::default() });
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let first = ask(&mut world, "rows/1");
    let one = world.receive(rows);
    world.try_receive(rows).unwrap();
    world.run_for(secs(1));
    world.broker.config.response_information = information("new");
    world.cut();
    world.run_until(|world| world.engine.metrics().reconnects == 1);
    let second = ask(&mut world, "rows/2");
    let two = world.receive(rows);
    assert!(response_topic(&one).starts_with("old/") && response_topic(&two).starts_with("new/"));
    assert_eq!(response_filters(&world).len(), 2);
    answer(&mut world, &two, "2");
    answer(&mut world, &one, "1");
    assert_eq!(world.responded(first).unwrap().payload(), b"1");
    assert_eq!(world.responded(second).unwrap().payload(), b"2");
    world.run_for(secs(1));
    assert_eq!(response_filters(&world), [response_topic(&two)]);
    world.assert_clean();
}

#[test]
fn without_a_request_nothing_is_subscribed() {
    let mut world = connected(options());
    world.run_for(secs(1));
    assert!(world.broker.filters("c").is_empty());
}

#[test]
fn nobody_who_subscribes_to_the_topic_is_an_error_at_once() {
    let mut world = connected_to(BrokerConfig { tells_no_subscribers: true, ..BrokerConfig::default() });
    for qos in [Q1, Q2] {
        let begun = world.now;
        let token = world.request(message("rows/7", "", qos), secs(30)).unwrap();
        let error = failure(&mut world, token);
        assert_eq!(
            (error.kind(), error.reason_code()),
            (ErrorKind::NoResponder, Some(ReasonCode::NoMatchingSubscribers))
        );
        assert!(error.retry_may_help() && world.now.since(begun) < secs(1));
    }
    // QoS 0 is not acknowledged, and a retained request may find its responder later.
    for message in [message("rows/7", "", Q0), message("rows/7", "", Q1).with_retain(true)] {
        let token = world.request(message, secs(30)).unwrap();
        assert_eq!(failure(&mut world, token).kind(), ErrorKind::Timeout);
    }
    world.assert_clean();
}

#[test]
fn a_request_that_the_server_refuses_ends_with_its_reason() {
    let refuse_publish = vec![("rows/#".try_into().unwrap(), ReasonCode::NotAuthorized)];
    let mut world = connected_to(BrokerConfig { refuse_publish, ..BrokerConfig::default() });
    let token = ask(&mut world, "rows/7");
    assert_eq!(failure(&mut world, token).reason_code(), Some(ReasonCode::NotAuthorized));
    world.assert_clean();
}

#[test]
fn a_timeout_ends_the_wait_and_tells_whether_the_request_was_sent() {
    let (mut world, rows) = with_responder();
    let begun = world.now;
    let token = world.request(message("rows/1", "", Q1), millis(2_500)).unwrap();
    let request = world.receive(rows);
    let error = failure(&mut world, token);
    assert_eq!((error.kind(), world.now.since(begun)), (ErrorKind::Timeout, millis(2_500)));
    assert!(error.to_string().contains("no answer came within 2.5 s"), "{error}");
    answer(&mut world, &request, "late");
    world.run_for(secs(1));
    assert_eq!(unsettled(&world), (0, 0, 1));

    go_offline(&mut world);
    let token = world.request(message("rows/2", "", Q1), secs(2)).unwrap();
    let error = failure(&mut world, token);
    assert!(error.to_string().contains("could not be sent within 2 s"), "{error}");
    assert_eq!(world.engine.metrics().queued, 0);
    world.reachable = true;
    world.run_for(secs(60));
    assert!(accepted(&world, "rows/2").is_empty());
    world.assert_clean();
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
fn a_request_that_expires_before_it_is_sent_says_so() {
    let expiring = || {
        let mut message = message("rows/1", "", Q1);
        message.properties_mut().message_expiry_interval = Some(2);
        message
    };
    // In the queue, and while it waits for the response subscription.
    let (mut world, _) = with_responder();
    ask(&mut world, "rows/0");
    world.run_for(secs(1));
    go_offline(&mut world);
    let token = world.request(expiring(), secs(60)).unwrap();
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::Expired);

    let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
    let token = world.request(expiring(), secs(60)).unwrap();
    world.run_for(secs(3));
    world.broker.config.acks = AckPolicy::Immediate;
    world.broker.release_acks(world.now);
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::Expired);
    world.assert_clean();
}

#[test]
fn a_request_that_the_queue_drops_says_so() {
    let queue = QueueOptions { max_messages: 1, when_full: WhenFull::DropOldest, ..QueueOptions::default() };
    let mut world = connected(options().queue(queue));
    let _rows = world.subscribe("rows/+", Q1).unwrap();
    ask(&mut world, "rows/0");
    world.run_for(secs(1));
    go_offline(&mut world);
    let (old, new) = (ask(&mut world, "rows/1"), ask(&mut world, "rows/2"));
    assert_eq!(failure(&mut world, old).kind(), ErrorKind::Dropped);
    assert!(is_pending(&mut world, new));
}

#[test]
fn a_full_queue_gives_the_message_back_as_it_came() {
    let queue = QueueOptions { max_messages: 2, when_full: WhenFull::Fail, ..QueueOptions::default() };
    for granted in [false, true] {
        let mut world = connected(options().queue(queue));
        let _rows = world.subscribe("rows/+", Q1).unwrap();
        if granted {
            ask(&mut world, "rows/0");
            world.run_for(secs(1));
        }
        go_offline(&mut world);
        ask(&mut world, "rows/1");
        ask(&mut world, "rows/2");
        let rejected = world.request(message("rows/3", "x", Q1), secs(30)).unwrap_err();
        assert_eq!(
            (rejected.error.kind(), rejected.message),
            (ErrorKind::QueueFull, message("rows/3", "x", Q1))
        );
        world.reachable = true;
        world.run_until(|world| accepted(world, "rows/2").len() == 1);
        assert_eq!(accepted(&world, "rows/1").len(), 1);
        world.assert_clean();
    }
}

#[test]
fn so_many_requests_wait_and_no_more() {
    let queue = QueueOptions { max_messages: 100_000, when_full: WhenFull::Fail, ..QueueOptions::default() };
    let mut world = world(options().queue(queue));
    let request = message("rows/1", "", Q1);
    let tokens: Vec<Token> = (0..65_536).map(|_| world.request(request.clone(), secs(30)).unwrap()).collect();
    let rejected = world.request(request.clone(), secs(30)).unwrap_err();
    assert_eq!((rejected.error.kind(), rejected.message), (ErrorKind::QuotaExceeded, request.clone()));
    world.engine.forget_request(world.now, tokens[7]);
    assert!(world.request(request, secs(30)).is_ok());
}

#[test]
fn cancelling_and_forgetting_withdraw_what_was_not_sent_and_free_all() {
    let (mut world, rows) = with_responder();
    let sent = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    assert!(world.engine.cancel(world.now, sent));
    assert_eq!(failure(&mut world, sent).kind(), ErrorKind::Cancelled);
    assert!(!world.engine.cancel(world.now, sent));
    answer(&mut world, &request, "late");
    world.run_for(secs(1));

    go_offline(&mut world);
    let (cancelled, forgotten) = (ask(&mut world, "rows/2"), ask(&mut world, "rows/3"));
    assert!(world.engine.cancel(world.now, cancelled));
    world.engine.forget_request(world.now, forgotten);
    assert_eq!(failure(&mut world, cancelled).kind(), ErrorKind::Cancelled);
    assert!(is_pending(&mut world, forgotten));
    assert_eq!((unsettled(&world), world.engine.metrics().queued), ((0, 0, 1), 0));
    world.reachable = true;
    world.run_for(secs(60));
    assert!(accepted(&world, "rows/2").is_empty() && accepted(&world, "rows/3").is_empty());
    world.assert_clean();
}

#[test]
fn the_client_that_ends_ends_its_requests() {
    let (mut world, rows) = with_responder();
    let token = ask(&mut world, "rows/1");
    world.receive(rows);
    let begun = world.now;
    let undelivered =
        world.disconnect(DisconnectOptions { timeout: secs(5), ..DisconnectOptions::default() });
    assert_eq!((undelivered.queued, undelivered.unacknowledged), (0, 0));
    assert!(world.now.since(begun) >= secs(5), "the answer was waited for");
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::Closed);
    let rejected = world.request(message("rows/1", "", Q1), secs(30)).unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::Closed);
    world.assert_clean();
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
fn a_lasting_session_keeps_no_response_subscription() {
    let mut world = connected(options().session_expiry(secs(3600)));
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    answer(&mut world, &request, "1");
    world.responded(token).unwrap();
    world.disconnect(DisconnectOptions::default());
    assert!(world.broker.has_session("c"));
    assert_eq!(world.broker.filters("c").len(), 1, "only that of the program is left");
    world.assert_clean();
}

#[test]
fn answers_to_a_run_that_was_killed_hold_nothing_up_and_their_topic_is_given_up() {
    let mut world = world(options().session_expiry(secs(3600)).clean_start(false));
    world.enable_journal(Duration::ZERO..=Duration::ZERO);
    world.connect().unwrap();
    let rows = world.subscribe("rows/+", Q1).unwrap();
    ask(&mut world, "rows/1");
    let request = world.receive(rows);
    world.try_receive(rows).unwrap();
    world.run_for(secs(1));
    world.crash();
    world.connect().unwrap();
    answer(&mut world, &request, "to nobody");
    answer(&mut world, &request, "again");
    world.run_for(secs(1));
    assert_eq!((world.broker.pending("c"), unsettled(&world)), (0, (0, 0, 2)));
    assert!(response_filters(&world).is_empty());
    // The new run has a topic of its own.
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let token = ask(&mut world, "rows/2");
    let request = world.receive(rows);
    answer(&mut world, &request, "2");
    assert_eq!(world.responded(token).unwrap().payload(), b"2");
    world.assert_clean();
}

#[test]
fn version_3_1_1_has_no_requests() {
    let mut world = connected(options().version(Version::V311));
    let rejected = world.request(message("rows/1", "", Q1), secs(30)).unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::Unsupported);
    assert!(world.broker.filters("c").is_empty());
}

#[test]
fn requests_end_when_the_server_turns_out_to_speak_3_1_1_only() {
    let settings = options().version(ProtocolVersion::Auto).keep_trying(true).check().unwrap();
    let mut world = World::new(settings, BrokerConfig { v5: false, ..BrokerConfig::default() }, 1);
    world.start_connect();
    let token = ask(&mut world, "rows/1");
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::Unsupported);

    let mut world = connected(options().version(ProtocolVersion::Auto));
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let token = ask(&mut world, "rows/1");
    world.receive(rows);
    world.broker.config.v5 = false;
    world.lose_sessions();
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::Unsupported);
    assert_eq!(world.engine.metrics().requests, 0);
    world.assert_clean();
}

#[test]
fn a_response_topic_or_data_of_the_user_is_refused() {
    let mut world = connected(options());
    let own = [
        PublishProperties {
            response_topic: Some(Utf8String::from_static("mine")),
            ..PublishProperties::default()
        },
        PublishProperties { correlation_data: Some(Bytes::new()), ..PublishProperties::default() },
    ];
    for properties in own {
        let rejected =
            world.request(message("rows/1", "", Q1).with_properties(properties), secs(30)).unwrap_err();
        assert_eq!(rejected.error.kind(), ErrorKind::InvalidMessage);
    }
    assert!(world.broker.filters("c").is_empty());
}

#[test]
fn the_limits_of_the_server_hold_for_requests() {
    let mut world = connected_to(BrokerConfig { maximum_qos: Q0, ..BrokerConfig::default() });
    let rejected = world.request(message("rows/1", "", Q1), secs(30)).unwrap_err();
    assert_eq!(rejected.error.reason_code(), Some(ReasonCode::QoSNotSupported));
    // The properties of a request count: with them the packet is too large.
    let mut world = connected_to(BrokerConfig { maximum_packet_size: Some(150), ..BrokerConfig::default() });
    let payload = "x".repeat(100);
    let token = world.request(message("rows/1", &payload, Q1), secs(30)).unwrap();
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::PacketTooLarge);
    let token = world.request(message("rows/1", "", Q1), secs(30)).unwrap();
    world.run_for(secs(1));
    assert!(is_pending(&mut world, token));
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

#[test]
fn cuts_at_any_time_leave_each_request_with_one_end() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new(options().check().unwrap(), BrokerConfig::default(), seed);
        world.connect().unwrap();
        let rows = world.subscribe("rows/+", Q1).unwrap();
        let mut tokens = Vec::new();
        for n in 0..60 {
            let timeout = Duration::from_millis(rng.u64(1..20_000));
            tokens.push(world.request(message(&format!("rows/{n}"), "", Q1), timeout).unwrap());
            match rng.u8(..8) {
                0 => drop(world.cut()),
                1 => world.lose_sessions(),
                2 => drop(world.engine.cancel(world.now, *rng.choice(&tokens).unwrap())),
                _ => {}
            }
            world.run_for(millis(rng.u64(..400)));
            while let Ok(Some(request)) = world.try_receive(rows) {
                if rng.u8(..4) > 0 {
                    answer(&mut world, &request, request.topic());
                }
            }
        }
        world.run_for(secs(120));
        for (n, token) in tokens.into_iter().enumerate() {
            assert_eq!(world.completed().get(&token), Some(&1), "seed {seed}");
            if let Completion::Responded(Ok(response)) = world.complete(token) {
                assert_eq!(response.text(), Ok(format!("rows/{n}").as_str()), "seed {seed}");
            }
        }
        assert_eq!(world.engine.metrics().requests, 0);
        assert!(response_filters(&world).len() <= 1);
        world.assert_clean();
    }
}
