//! Subscribing, restoring, and where messages go.

use polymqtt_proto::codec::{RetainHandling, SubscriptionOptions};
use polymqtt_proto::engine::{Completion, Event, SubscribeRequest, Token};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::world::{World, request};

use crate::support::{Q0, Q1, Q2, broadcast, connected, connected_to, message, millis, options, secs, world};

fn filters(filters: &[&str], qos: QoS) -> SubscribeRequest {
    let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
    let filters = filters.iter().map(|filter| ((*filter).try_into().unwrap(), options)).collect();
    SubscribeRequest { filters, ..SubscribeRequest::default() }
}

fn refusing(filter: &str) -> BrokerConfig {
    let refuse_subscribe = vec![(filter.try_into().unwrap(), ReasonCode::NotAuthorized)];
    BrokerConfig { refuse_subscribe, ..BrokerConfig::default() }
}

#[test]
fn each_quality_of_service_is_granted_and_kept() {
    for granted in [Q0, Q1, Q2] {
        for published in [Q0, Q1, Q2] {
            let mut world = connected(options());
            let stream = world.subscribe("a/+", granted).unwrap();
            broadcast(&mut world, "a/b", "x", published);
            let message = world.receive(stream);
            assert_eq!((message.topic(), message.qos()), ("a/b", granted.min(published)));
            world.assert_clean();
        }
    }
}

#[test]
fn one_stream_of_many_filters() {
    let mut world = connected(options());
    let stream = world.subscribe_with(filters(&["a", "b/#", "+/c"], Q1)).unwrap();
    for topic in ["a", "b/c", "x/c", "b"] {
        broadcast(&mut world, topic, topic, Q1);
        assert_eq!(world.receive(stream).topic(), topic);
    }
    assert!(world.try_receive(stream).unwrap().is_none());
    assert_eq!(world.broker.filters("c").len(), 3);
    world.assert_clean();
}

#[test]
fn one_refusal_undoes_all() {
    let mut world = connected_to(refusing("b"));
    let error = world.subscribe_with(filters(&["a", "b", "d"], Q1)).unwrap_err();
    assert_eq!(error.reason_code(), Some(ReasonCode::NotAuthorized));
    world.run_for(secs(1));
    assert!(world.broker.filters("c").is_empty());
    world.assert_clean();
}

#[test]
fn partial_success_is_told_filter_by_filter() {
    let mut world = connected_to(refusing("b"));
    let token = world.token();
    let request = SubscribeRequest { allow_partial: true, ..filters(&["a", "b"], Q1) };
    let stream = world.engine.subscribe(world.now, request, token).unwrap();
    let Completion::Subscribed(Ok(granted)) = world.complete(token) else { panic!() };
    assert_eq!(granted[0].outcome, Ok(Q1));
    assert_eq!(granted[1].outcome.as_ref().unwrap_err().kind(), ErrorKind::NotAuthorized);
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
}

#[test]
fn a_filter_that_is_refused_while_restoring_ends_its_stream() {
    let mut world = connected(options());
    let (fine, refused) = (world.subscribe("a", Q1).unwrap(), world.subscribe("b", Q1).unwrap());
    world.broker.config = refusing("b");
    world.lose_sessions();
    assert!(world.run_until(|world| world.events.contains(&Event::SessionLost)));
    world.run_for(secs(1));
    assert_eq!(world.try_receive(refused).unwrap_err().kind(), ErrorKind::NotAuthorized);
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(fine).payload(), b"x");
    world.assert_clean();
}

#[test]
fn the_same_filter_twice_is_one_subscription_and_the_last_stream_closes_it() {
    let mut world = connected(options());
    let (one, other) = (world.subscribe("a", Q1).unwrap(), world.subscribe("a", Q1).unwrap());
    assert_eq!(world.broker.filters("c").len(), 1);
    broadcast(&mut world, "a", "x", Q1);
    for stream in [one, other] {
        assert_eq!(world.receive(stream).payload(), b"x");
        assert!(world.try_receive(stream).unwrap().is_none());
    }
    world.unsubscribe(one).unwrap();
    assert_eq!(world.broker.filters("c").len(), 1);
    world.unsubscribe(other).unwrap();
    assert!(world.broker.filters("c").is_empty());
    world.assert_clean();
}

#[test]
fn other_options_on_a_live_filter_are_an_error() {
    let mut world = connected(options());
    world.subscribe("a", Q1).unwrap();
    assert_eq!(world.subscribe("a", Q2).unwrap_err().kind(), ErrorKind::InvalidOption);
    assert_eq!(world.subscribe_with(filters(&[], Q1)).unwrap_err().kind(), ErrorKind::InvalidOption);
}

#[test]
fn messages_may_come_before_suback() {
    let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
    let token = world.token();
    let stream = world.engine.subscribe(world.now, request("a", Q1), token).unwrap();
    world.run_for(millis(50));
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
    assert!(world.try_complete(token).is_none());
}

#[test]
fn closing_a_stream_before_its_suback_unsubscribes() {
    let mut world = connected(options());
    let token = world.token();
    let stream = world.engine.subscribe(world.now, request("a", Q1), token).unwrap();
    world.unsubscribe(stream).unwrap();
    world.run_for(secs(1));
    assert!(world.broker.filters("c").is_empty());
    world.assert_clean();
}

#[test]
fn a_subscribe_without_an_answer_ends_by_its_timeout() {
    let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
    let begun = world.now;
    assert_eq!(world.subscribe("a", Q1).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(world.now.since(begun), secs(30));
    // A late SUBACK does no harm, and what it granted is undone.
    world.broker.config.acks = AckPolicy::Immediate;
    world.broker.release_acks(world.now);
    world.run_for(secs(1));
    assert!(world.broker.filters("c").is_empty());
    assert_eq!(world.opened.len(), 1);
    world.assert_clean();
}

#[test]
fn a_subscribe_without_a_connection_ends_by_its_timeout_too() {
    let mut world = connected(options());
    world.reachable = false;
    world.cut();
    world.run_for(secs(1));
    assert_eq!(world.subscribe("a", Q1).unwrap_err().kind(), ErrorKind::Timeout);
    world.reachable = true;
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.run_for(secs(1));
    assert!(world.broker.filters("c").is_empty());
    assert_eq!(world.subscribe("a", Q1).map(drop), Ok(()));
    world.assert_clean();
}

#[test]
fn subscriptions_can_be_declared_before_connecting() {
    let mut world = world(options());
    let token = world.token();
    let stream = world.engine.subscribe(world.now, request("a", Q1), token).unwrap();
    world.connect().unwrap();
    assert!(matches!(world.complete(token), Completion::Subscribed(Ok(_))));
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
}

#[test]
fn retained_messages_come_as_the_options_say() {
    let with = |retain_handling, retain_as_published| SubscribeRequest {
        filters: vec![(
            "r/#".try_into().unwrap(),
            SubscriptionOptions { maximum_qos: Q1, retain_handling, retain_as_published, no_local: false },
        )],
        ..SubscribeRequest::default()
    };
    for (handling, as_published, expected) in [
        (RetainHandling::SendAtSubscribe, false, vec![("kept", true), ("live", false)]),
        (RetainHandling::SendIfNew, true, vec![("kept", true), ("live", true)]),
        (RetainHandling::DoNotSend, true, vec![("live", true)]),
    ] {
        let mut world = connected(options());
        let token = world.publish(message("r/1", "kept", Q1).with_retain(true)).unwrap();
        world.published(token).unwrap();
        let stream = world.subscribe_with(with(handling, as_published)).unwrap();
        world.publish(message("r/2", "live", Q1).with_retain(true)).unwrap();
        for (payload, retain) in expected {
            let message = world.receive(stream);
            assert_eq!((message.text().unwrap(), message.retain()), (payload, retain), "{handling:?}");
        }
        assert!(world.try_receive(stream).unwrap().is_none());
    }
}

#[test]
fn no_local_keeps_own_messages_away() {
    let mut world = connected(options());
    let mut request = request("a", Q1);
    request.filters[0].1.no_local = true;
    let stream = world.subscribe_with(request).unwrap();
    let token = world.publish(message("a", "own", Q1)).unwrap();
    world.published(token).unwrap();
    broadcast(&mut world, "a", "other", Q1);
    assert_eq!(world.receive(stream).payload(), b"other");
}

#[test]
fn a_shared_subscription_receives() {
    let mut world = connected(options());
    let stream = world.subscribe("$share/group/a/#", Q1).unwrap();
    broadcast(&mut world, "a/b", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
    world.assert_clean();
}

#[test]
fn a_dropped_stream_of_a_lasting_session_detaches_and_its_messages_wait_for_the_next() {
    let mut world = connected(options().session_expiry(secs(3_600)));
    let stream = world.subscribe("a", Q1).unwrap();
    world.engine.release(world.now, stream);
    world.run_for(secs(1));
    broadcast(&mut world, "a", "x", Q1);
    world.run_for(secs(1));
    assert_eq!((world.broker.filters("c").len(), world.broker.unacknowledged("c")), (1, 1));
    let stream = world.subscribe("a", Q1).unwrap();
    assert_eq!(world.receive(stream).payload(), b"x");
    world.try_receive(stream).unwrap();
    world.run_for(secs(1));
    assert_eq!(world.broker.pending("c"), 0);
    world.assert_clean();
}

#[test]
fn a_dropped_stream_of_a_passing_session_unsubscribes() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q1).unwrap();
    world.engine.release(world.now, stream);
    world.run_for(secs(1));
    assert!(world.broker.filters("c").is_empty());
    world.assert_clean();
}

#[test]
fn a_message_that_nobody_claims_is_acknowledged_counted_and_told() {
    let mut world: World = connected(options().session_expiry(secs(3_600)));
    let stream = world.subscribe("a", Q1).unwrap();
    world.engine.release(world.now, stream);
    broadcast(&mut world, "a", "x", Q1);
    world.run_for(secs(10));
    assert_eq!(world.broker.pending("c"), 1);
    world.run_for(secs(30));
    assert_eq!(world.broker.pending("c"), 0);
    assert_eq!(world.engine.metrics().dropped_incoming, 1);
    assert!(world.events.contains(&Event::Dropped { outgoing: 0, incoming: 1 }));
    world.assert_clean();
}

#[test]
fn a_subscription_of_an_earlier_program_can_be_closed_by_its_filter() {
    let mut world = connected(options().session_expiry(secs(3_600)));
    let stream = world.subscribe("a", Q1).unwrap();
    world.engine.release(world.now, stream);
    let token: Token = world.token();
    world.engine.unsubscribe_filters(world.now, vec!["a".try_into().unwrap()], Vec::new(), token).unwrap();
    assert!(matches!(world.complete(token), Completion::Unsubscribed(Ok(_))));
    assert!(world.broker.filters("c").is_empty());
    // And made anew.
    let stream = world.subscribe("a", Q1).unwrap();
    assert_eq!(world.broker.filters("c").len(), 1);
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
}

#[test]
fn a_filter_that_is_closed_and_opened_at_once_ends_up_subscribed() {
    let mut world = connected(options());
    for _ in 0..3 {
        let stream = world.subscribe("a", Q1).unwrap();
        world.engine.unsubscribe(world.now, stream, Vec::new(), Token::NONE).unwrap();
        let stream = world.subscribe("a", Q1).unwrap();
        broadcast(&mut world, "a", "x", Q1);
        assert_eq!(world.receive(stream).payload(), b"x");
        world.unsubscribe(stream).unwrap();
    }
    world.assert_clean();
}

#[test]
fn a_filter_that_is_closed_offline_and_opened_again_ends_up_subscribed() {
    for lose in [false, true] {
        let mut world = connected(options());
        let stream = world.subscribe("a", Q1).unwrap();
        world.reachable = false;
        if lose {
            world.lose_sessions();
        }
        world.cut();
        world.run_for(millis(10));
        world.engine.unsubscribe(world.now, stream, Vec::new(), Token::NONE).unwrap();
        let token = world.token();
        let stream = world.engine.subscribe(world.now, request("a", Q1), token).unwrap();
        world.reachable = true;
        assert!(matches!(world.complete(token), Completion::Subscribed(Ok(_))));
        assert_eq!(world.broker.filters("c").len(), 1, "session lost: {lose}");
        broadcast(&mut world, "a", "x", Q1);
        assert_eq!(world.receive(stream).payload(), b"x");
        world.assert_clean();
    }
}

#[test]
fn without_identifiers_one_copy_reaches_every_stream_that_it_matches() {
    let mut world = connected_to(BrokerConfig { subscription_identifiers: false, ..BrokerConfig::default() });
    let streams = [world.subscribe("a/#", Q1).unwrap(), world.subscribe("a/+", Q1).unwrap()];
    broadcast(&mut world, "a/b", "x", Q1);
    for stream in streams {
        assert_eq!(world.receive(stream).payload(), b"x");
        assert!(world.try_receive(stream).unwrap().is_none());
    }
    world.assert_clean();
}

#[test]
fn an_identifier_that_is_not_ours_does_not_hide_a_message() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q0).unwrap();
    // PUBLISH at QoS 0 to "a" with the subscription identifier 5, as of another program's subscription.
    world.broker.send_raw("c", &[0x30, 0x07, 0x00, 0x01, b'a', 0x02, 0x0b, 0x05, b'x']);
    assert_eq!(world.receive(stream).payload(), b"x");
}

#[test]
fn a_stream_that_is_closed_before_its_suback_ends_the_subscribe_call() {
    for closes in [true, false] {
        let mut world = world(options());
        let (subscribing, closing) = (world.token(), world.token());
        let stream = world.engine.subscribe(world.now, request("a", Q1), subscribing).unwrap();
        if closes {
            world.engine.unsubscribe(world.now, stream, Vec::new(), closing).unwrap();
        } else {
            world.engine.release(world.now, stream);
        }
        let outcome = world.try_complete(subscribing);
        assert!(
            matches!(&outcome, Some(Completion::Subscribed(Err(error))) if error.kind() == ErrorKind::Cancelled),
            "{outcome:?}"
        );
        world.connect().unwrap();
        world.run_for(secs(60));
        world.assert_clean();
    }
}
