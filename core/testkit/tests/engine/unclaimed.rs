//! Messages that no stream is for, and subscriptions declared before connecting.

use polymqtt_proto::engine::StreamOptions;
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::Options;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::BrokerConfig;
use polymqtt_testkit::world::{World, request};

use crate::support::{Q0, Q1, Q2, broadcast, connected, millis, options, secs};

fn lasting() -> Options {
    options().clean_start(false).session_expiry(secs(3600))
}

/// Connected again to a session that holds a subscription to `left/#` without a stream.
fn left_behind() -> World {
    let mut world = connected(lasting());
    let stream = world.subscribe("left/#", Q2).unwrap();
    world.engine.release(world.now, stream);
    world.run_for(millis(10));
    world
}

#[test]
fn without_a_stream_for_them_they_are_held_then_acknowledged_and_counted() {
    let mut world = left_behind();
    broadcast(&mut world, "left/a", "x", Q1);
    world.run_for(secs(29));
    assert_eq!((world.broker.pending("c"), world.engine.metrics().dropped_incoming), (1, 0));
    world.run_for(secs(2));
    assert_eq!((world.broker.pending("c"), world.engine.metrics().dropped_incoming), (0, 1));
    world.assert_clean();
}

#[test]
fn after_the_timeout_they_go_to_the_stream_of_the_unclaimed() {
    for qos in [Q1, Q2] {
        let mut world = left_behind();
        let unclaimed = world.engine.unclaimed(world.now, StreamOptions::default()).unwrap();
        broadcast(&mut world, "left/a", "x", qos);
        world.run_for(secs(29));
        assert_eq!(world.try_receive(unclaimed).unwrap(), None);
        world.run_for(secs(2));
        assert_eq!(world.receive(unclaimed).payload(), b"x");
        assert_eq!(world.broker.pending("c"), 1);
        assert_eq!(world.try_receive(unclaimed).unwrap(), None);
        world.run_for(millis(10));
        assert_eq!((world.broker.pending("c"), world.engine.metrics().dropped_incoming), (0, 0));
        world.assert_clean();
    }
}

#[test]
fn the_timeout_is_an_option() {
    let mut world = connected(lasting().unclaimed_timeout(secs(2)));
    let stream = world.subscribe("left", Q1).unwrap();
    world.engine.release(world.now, stream);
    broadcast(&mut world, "left", "x", Q1);
    world.run_for(secs(3));
    assert_eq!(world.engine.metrics().dropped_incoming, 1);
}

#[test]
fn a_subscription_in_time_claims_them() {
    let mut world = left_behind();
    let unclaimed = world.engine.unclaimed(world.now, StreamOptions::default()).unwrap();
    broadcast(&mut world, "left/a", "x", Q1);
    world.run_for(secs(10));
    let stream = world.subscribe("left/#", Q2).unwrap();
    assert_eq!(world.receive(stream).payload(), b"x");
    world.run_for(secs(60));
    assert_eq!(world.try_receive(unclaimed).unwrap(), None);
    world.assert_clean();
}

#[test]
fn qos_0_goes_there_at_once() {
    let mut world = left_behind();
    let unclaimed = world.engine.unclaimed(world.now, StreamOptions::default()).unwrap();
    broadcast(&mut world, "left/a", "x", Q0);
    world.run_for(millis(10));
    assert_eq!(world.receive(unclaimed).payload(), b"x");
}

#[test]
fn there_is_one_stream_of_the_unclaimed_until_it_is_closed() {
    let mut world = left_behind();
    let first = world.engine.unclaimed(world.now, StreamOptions::default()).unwrap();
    let second = world.engine.unclaimed(world.now, StreamOptions::default());
    assert_eq!(second.unwrap_err().kind(), ErrorKind::InvalidOption);
    world.unsubscribe(first).unwrap();
    world.engine.unclaimed(world.now, StreamOptions::default()).unwrap();
}

#[test]
fn a_subscription_declared_before_connecting_gets_what_the_session_has_collected() {
    let mut world = left_behind();
    world.reachable = false;
    world.cut();
    for number in 0..3 {
        broadcast(&mut world, "left/a", &number.to_string(), Q1);
    }
    let stream = world.engine.declare(world.now, request("left/#", Q2)).unwrap();
    world.reachable = true;
    for number in 0..3 {
        assert_eq!(world.receive(stream).text().unwrap(), number.to_string());
    }
    assert_eq!(world.broker.record().resumed, 1);
    world.assert_clean();
}

#[test]
fn a_declared_subscription_needs_no_connection_and_is_made_with_the_first() {
    let mut world = crate::support::world(options());
    let stream = world.engine.declare(world.now, request("a", Q1)).unwrap();
    // However long that takes.
    world.run_for(secs(600));
    world.connect().unwrap();
    world.run_for(millis(10));
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
    world.assert_clean();
}

#[test]
fn a_declared_subscription_that_is_refused_ends_its_stream() {
    let refuse_subscribe = vec![("a".try_into().unwrap(), ReasonCode::NotAuthorized)];
    let broker = BrokerConfig { refuse_subscribe, ..BrokerConfig::default() };
    let mut world = World::new(options().check().unwrap(), broker, 1);
    let stream = world.engine.declare(world.now, request("a", Q1)).unwrap();
    world.connect().unwrap();
    world.run_for(millis(10));
    let error = world.try_receive(stream).unwrap_err();
    assert_eq!(error.reason_code(), Some(ReasonCode::NotAuthorized));
    world.assert_clean();
}
