//! Keep alive: pings in both silences, and dead links that are noticed.

use polymqtt_proto::engine::Event;
use polymqtt_proto::error::ErrorKind;
use polymqtt_testkit::model_broker::BrokerConfig;

use crate::support::{Q0, Q1, broadcast, connected, connected_to, message, millis, options, secs, world};

#[test]
fn an_idle_client_pings_and_is_not_dropped() {
    let mut world = connected(options().keep_alive(secs(10)));
    world.run_for(secs(1_000));
    let record = world.broker.record();
    assert_eq!((record.keep_alive_timeouts, record.connections), (0, 1));
    assert!((90..=101).contains(&record.pings), "{}", record.pings);
}

#[test]
fn a_client_that_only_publishes_at_qos_0_pings_too_since_it_hears_nothing() {
    let mut world = connected(options().keep_alive(secs(10)));
    for _ in 0..100 {
        world.publish(message("t", "x", Q0)).unwrap();
        world.run_for(secs(1));
    }
    assert!(world.broker.record().pings >= 9);
}

#[test]
fn a_client_that_only_receives_pings_too_since_the_server_hears_nothing() {
    let mut world = connected(options().keep_alive(secs(10)));
    world.takes_messages = true;
    world.subscribe("a", Q0).unwrap();
    for _ in 0..100 {
        broadcast(&mut world, "a", "x", Q0);
        world.run_for(secs(1));
    }
    let record = world.broker.record();
    assert!(record.pings >= 9);
    assert_eq!((record.keep_alive_timeouts, record.connections), (0, 1));
}

#[test]
fn a_busy_client_does_not_ping() {
    let mut world = connected(options().keep_alive(secs(10)));
    for _ in 0..100 {
        let token = world.publish(message("t", "x", Q1)).unwrap();
        world.published(token).unwrap();
        world.run_for(secs(1));
    }
    assert_eq!(world.broker.record().pings, 0);
}

#[test]
fn the_servers_keep_alive_goes_before_ours() {
    let mut world = connected_to(BrokerConfig { server_keep_alive: Some(5), ..BrokerConfig::default() });
    world.run_for(secs(100));
    let record = world.broker.record();
    assert_eq!((record.keep_alive_timeouts, record.connections), (0, 1));
    assert!(record.pings >= 18, "{}", record.pings);
}

#[test]
fn zero_switches_it_off() {
    let mut world = connected(options().keep_alive(secs(0)));
    world.run_for(secs(10_000));
    assert_eq!((world.broker.record().pings, world.broker.record().connections), (0, 1));
}

#[test]
fn a_silent_link_is_dead_within_one_and_a_half_intervals() {
    let mut world = connected(options().keep_alive(secs(10)));
    let begun = world.now;
    world.half_open();
    let told = |world: &mut polymqtt_testkit::world::World| {
        world.events.iter().any(|event| matches!(event, Event::Disconnected { .. }))
    };
    assert!(world.run_until(told));
    assert!(
        world.now.since(begun) <= secs(15) && world.now.since(begun) >= secs(14),
        "{:?}",
        world.now.since(begun)
    );
    let dead = world.events.iter().find_map(|event| match event {
        Event::Disconnected { error: Some(error), retry_in: Some(_) } => Some(error.kind()),
        _ => None,
    });
    assert_eq!(dead, Some(ErrorKind::Timeout));
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.assert_clean();
}

#[test]
fn a_mute_server_is_dead_even_while_we_publish() {
    let mut world = connected(options().keep_alive(secs(10)));
    world.broker.mute("c");
    for _ in 0..40 {
        world.publish(message("t", "x", Q0)).unwrap();
        world.run_for(secs(1));
    }
    assert!(world.broker.record().connections >= 2);
}

#[test]
fn a_pause_of_ours_is_not_a_dead_link() {
    let mut world = connected(options().keep_alive(secs(10)));
    let mut request = polymqtt_testkit::world::request("a", Q0);
    request.stream.max_messages = 2;
    let stream = world.subscribe_with(request).unwrap();
    for _ in 0..10 {
        broadcast(&mut world, "a", "x", Q0);
        world.run_for(secs(1));
    }
    assert!(!world.engine.wants_read());
    world.run_for(secs(300));
    assert_eq!((world.broker.record().connections, world.broker.record().keep_alive_timeouts), (1, 0));
    for _ in 0..10 {
        world.receive(stream);
    }
}

#[test]
fn the_round_trip_is_timed_by_what_the_server_answers() {
    let mut world = world(options().keep_alive(secs(10)));
    assert_eq!(world.engine.metrics().round_trip, None);
    world.network.delay = millis(20)..=millis(20);
    world.connect().unwrap();
    assert_eq!(world.engine.metrics().round_trip, Some(millis(40)));
    // A PUBLISH, and then a PINGREQ, on connections of other delays.
    for (delay, wait) in [(millis(30), millis(100)), (millis(50), secs(15))] {
        world.network.delay = delay..=delay;
        world.cut();
        let connections = world.broker.record().connections;
        assert!(world.run_until(|world| world.broker.record().connections > connections));
        let token = world.publish(message("t", "x", Q1)).unwrap();
        world.published(token).unwrap();
        world.run_for(wait);
        assert_eq!(world.engine.metrics().round_trip, Some(delay * 2));
    }
}
