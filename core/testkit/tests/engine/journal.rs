//! A session on its way to a store: nothing leaves before it is safe, nothing that is safe is lost.

use polymqtt_proto::options::Options;
use polymqtt_testkit::world::World;

use crate::support::{Q0, Q1, Q2, accepted, broadcast, message, millis, options, secs};

/// A client with a lasting session and a store that takes this long.
fn stored(milliseconds: u64) -> World {
    let lasting: Options = options().session_expiry(secs(3_600));
    let mut world = crate::support::world(lasting);
    world.enable_journal(millis(milliseconds)..=millis(milliseconds));
    world.connect().unwrap();
    world.run_for(secs(10));
    world
}

fn restart(world: &mut World) {
    world.crash();
    world.connect().unwrap();
    world.run_for(secs(10));
}

#[test]
fn bytes_wait_for_the_record_that_they_depend_on() {
    for qos in [Q1, Q2] {
        let mut world = stored(500);
        let token = world.publish(message("t", "x", qos)).unwrap();
        world.run_for(millis(400));
        assert!(accepted(&world, "t").is_empty());
        world.published(token).unwrap();
        assert_eq!(accepted(&world, "t"), ["x"]);
        world.assert_clean();
    }
}

#[test]
fn qos_0_depends_on_nothing() {
    let mut world = stored(500);
    world.publish(message("t", "x", Q0)).unwrap();
    world.run_for(millis(10));
    assert_eq!(accepted(&world, "t"), ["x"]);
}

#[test]
fn what_is_safe_is_sent_by_the_next_process_in_order_and_exactly_once() {
    let mut world = stored(0);
    world.reachable = false;
    world.cut();
    world.run_for(secs(1));
    for number in 0..20 {
        world.publish(message("t", &number.to_string(), if number % 2 == 0 { Q1 } else { Q2 })).unwrap();
    }
    world.run_for(secs(1));
    world.reachable = true;
    restart(&mut world);
    assert_eq!(accepted(&world, "t"), (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(world.engine.metrics().in_flight, 0);
    world.assert_clean();
}

#[test]
fn a_process_killed_at_any_point_of_a_handshake_leaves_it_to_the_next_one() {
    for wait in 0..12 {
        let mut world = stored(1);
        world.publish(message("t", "x", Q2)).unwrap();
        // The record of the acceptance is safe after one millisecond.
        world.run_for(millis(1 + wait));
        restart(&mut world);
        assert_eq!(accepted(&world, "t"), ["x"], "killed after {wait} ms");
        assert_eq!(world.engine.metrics().in_flight, 0);
        world.assert_clean();
    }
}

#[test]
fn what_a_killed_process_had_not_taken_comes_to_the_next_one() {
    for qos in [Q1, Q2] {
        let mut world = stored(1);
        world.subscribe("a", Q2).unwrap();
        broadcast(&mut world, "a", "x", qos);
        world.run_for(secs(1));
        restart(&mut world);
        let stream = world.subscribe("a", Q2).unwrap();
        assert_eq!(world.receive(stream).payload(), b"x");
        assert!(world.try_receive(stream).unwrap().is_none());
        world.run_for(secs(1));
        assert_eq!(world.broker.pending("c"), 0);
        world.assert_clean();
    }
}

#[test]
fn what_was_taken_and_recorded_does_not_come_again() {
    let mut world = stored(1);
    let stream = world.subscribe("a", Q2).unwrap();
    broadcast(&mut world, "a", "x", Q2);
    assert_eq!(world.receive(stream).payload(), b"x");
    world.try_receive(stream).unwrap();
    // Safe after one millisecond; the PUBREC is on its way and may get lost.
    world.run_for(millis(1));
    restart(&mut world);
    let stream = world.subscribe("a", Q2).unwrap();
    assert!(world.try_receive(stream).unwrap().is_none());
    world.run_for(secs(60));
    assert!(world.try_receive(stream).unwrap().is_none());
    assert_eq!(world.broker.pending("c"), 0);
    world.assert_clean();
}

#[test]
fn a_snapshot_says_what_the_records_said() {
    let mut world = stored(0);
    world.broker.config.acks = polymqtt_testkit::model_broker::AckPolicy::Held;
    for number in 0..6 {
        world.publish(message("t", &number.to_string(), if number % 2 == 0 { Q1 } else { Q2 })).unwrap();
    }
    world.run_for(secs(1));
    let snapshot = world.engine.snapshot();
    let settings = options().session_expiry(secs(3_600)).check().unwrap();
    let mut restored = polymqtt_proto::engine::Engine::new(settings, [0; 16], world.now);
    restored.restore(world.now, snapshot.clone());
    assert_eq!(restored.snapshot(), snapshot);
    assert_eq!(restored.metrics().in_flight, 6);
}
