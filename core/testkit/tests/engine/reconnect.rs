//! When and where the client connects again, and when it stops.

use std::time::Duration;

use polymqtt_proto::codec::Version;
use polymqtt_proto::engine::Event;
use polymqtt_proto::options::ReconnectOptions;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::OnConnect;
use polymqtt_testkit::world::World;

use crate::support::{Q1, accepted, connected, message, millis, options, secs};

fn waits(world: &World) -> Vec<Duration> {
    let wait = |event: &Event| match event {
        Event::Disconnected { retry_in, .. } => *retry_in,
        _ => None,
    };
    world.events.iter().filter_map(wait).collect()
}

#[test]
fn waits_grow_to_a_cap_with_jitter() {
    let reconnect = ReconnectOptions { shortest: millis(500), longest: secs(8), stable_after: secs(30) };
    let mut world = connected(options().reconnect(reconnect));
    world.reachable = false;
    world.cut();
    world.run_for(secs(400));
    let waits = waits(&world);
    assert!(waits.len() > 40, "{}", waits.len());
    for (attempt, wait) in waits.iter().enumerate() {
        let bound = secs(8).min(millis(500) * 2_u32.pow(u32::try_from(attempt.min(10)).unwrap()));
        assert!(*wait <= bound, "attempt {attempt} waits {wait:?}");
    }
    assert!(waits.iter().any(|wait| *wait > secs(4)));
    let distinct: std::collections::BTreeSet<_> = waits.iter().collect();
    assert!(distinct.len() > 40);
}

#[test]
fn a_connection_that_does_not_last_does_not_reset_the_waits() {
    let mut world = connected(options());
    for _ in 0..12 {
        world.cut();
        let connections = world.broker.record().connections;
        assert!(world.run_until(|world| world.broker.record().connections > connections));
        world.run_for(millis(100));
    }
    assert!(waits(&world).iter().any(|wait| *wait > secs(4)), "{:?}", waits(&world));
    // After a stable time they are short again.
    world.run_for(secs(40));
    world.cut();
    world.run_for(millis(10));
    assert!(*waits(&world).last().unwrap() <= millis(500));
}

#[test]
fn reasons_that_a_retry_does_not_mend_stop_the_client() {
    for reason in ReasonCode::ALL.iter().filter(|reason| reason.is_error()) {
        let mut world = connected(options());
        world.broker.on_connect.push_back(OnConnect::refuse(*reason));
        world.cut();
        world.run_for(secs(300));
        let allowed = reason.is_allowed_in(polymqtt_proto::codec::PacketType::ConnAck);
        let goes_on = world.broker.record().connections == 2;
        // A code that has no place in CONNACK makes the answer malformed.
        if allowed {
            assert_eq!(goes_on, reason.retry(), "{reason}");
        }
        let gave_up =
            world.events.iter().any(|event| matches!(event, Event::Disconnected { retry_in: None, .. }));
        assert_ne!(gave_up, goes_on, "{reason}");
    }
}

#[test]
fn operations_wait_for_the_link_and_end_when_it_is_back() {
    let mut world = connected(options());
    world.reachable = false;
    world.cut();
    world.run_for(secs(5));
    let tokens: Vec<_> =
        (0..50).map(|number| world.publish(message("t", &number.to_string(), Q1)).unwrap()).collect();
    world.run_for(secs(100));
    assert!(accepted(&world, "t").is_empty());
    world.reachable = true;
    for token in tokens {
        world.published(token).unwrap();
    }
    assert_eq!(accepted(&world, "t"), (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    world.assert_clean();
}

#[test]
fn what_was_in_a_partly_received_packet_does_not_reach_the_next_connection() {
    let mut world = connected(options());
    // The beginning of a PUBLISH, then the end of the connection.
    world.broker.send_raw("c", &[0x30, 0x20, 0x00, 0x01, b'a']);
    world.run_for(millis(10));
    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.run_for(secs(40));
    assert_eq!(world.broker.record().connections, 2);
    world.assert_clean();
}

#[test]
fn connections_that_are_closed_soon_after_connack_are_told_of_and_waits_go_on_growing() {
    let mut world = connected(options().version(Version::V311));
    let told = |world: &World| -> Vec<u32> {
        let flapping = |event: &Event| match event {
            Event::Flapping { connections } => Some(*connections),
            _ => None,
        };
        world.events.iter().filter_map(flapping).collect()
    };
    for lost in 1..=12 {
        world.run_for(millis(100));
        world.cut();
        assert!(world.run_until(|world| world.broker.record().connections == lost + 1));
    }
    assert_eq!(told(&world), [3, 6, 12]);
    assert!(waits(&world).iter().any(|wait| *wait > secs(4)), "{:?}", waits(&world));
    // One that lasts begins the count again.
    world.run_for(secs(40));
    world.cut();
    world.run_for(secs(1));
    assert_eq!(told(&world).len(), 3);
}
