//! How a request fails, and what is refused before it is sent.

use bytes::Bytes;
use polymqtt_proto::codec::{PublishProperties, Version};
use polymqtt_proto::engine::{DisconnectOptions, Token};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{QueueOptions, WhenFull};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::world::World;

use super::{answer, ask, failure, go_offline, is_pending, response_filters, unsettled, with_responder};
use crate::support::{Q0, Q1, Q2, accepted, connected, connected_to, message, millis, options, secs, world};

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
fn version_3_1_1_has_no_requests() {
    let mut world = connected(options().version(Version::V311));
    let rejected = world.request(message("rows/1", "", Q1), secs(30)).unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::Unsupported);
    assert!(world.broker.filters("c").is_empty());
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
