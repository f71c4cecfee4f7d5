//! Slow streams: what is withheld, what pauses, and why nothing deadlocks.

use polymqtt_proto::codec::Version;
use polymqtt_proto::engine::{Event, StreamId, WhenStreamFull};
use polymqtt_proto::options::Options;
use polymqtt_testkit::model_broker::AckPolicy;
use polymqtt_testkit::pipe::PipeConfig;
use polymqtt_testkit::world::{World, request};

use crate::support::{Q0, Q1, Q2, broadcast, connected, message, millis, options, secs};

/// A stream that is full after four messages.
fn narrow(world: &mut World, filter: &str, when_full: WhenStreamFull) -> StreamId {
    let mut request = request(filter, Q1);
    request.stream.max_messages = 4;
    request.stream.when_full = when_full;
    world.subscribe_with(request).unwrap()
}

fn flooded(options: Options, qos: polymqtt_proto::qos::QoS) -> (World, StreamId) {
    let mut world = connected(options);
    let stream = narrow(&mut world, "flood", WhenStreamFull::DropNewest);
    for number in 0..100 {
        broadcast(&mut world, "flood", &number.to_string(), qos);
    }
    world.run_for(secs(1));
    (world, stream)
}

#[test]
fn a_publish_awaited_inside_a_receive_loop_whose_queue_is_full_completes() {
    for qos in [Q0, Q1] {
        let (mut world, stream) = flooded(options(), qos);
        for _ in 0..4 {
            let got = world.receive(stream);
            let token = world.publish(message("reply", got.text().unwrap(), Q1)).unwrap();
            world.published(token).unwrap();
        }
        assert_eq!(world.broker.record().accepted["reply"].len(), 4);
        assert_eq!(world.broker.record().connections, 1);
        world.assert_clean();
    }
}

#[test]
fn the_same_holds_for_every_operation_that_awaits_the_server() {
    let (mut world, stream) = flooded(options(), Q0);
    assert!(!world.engine.wants_read());
    let other = world.subscribe("other", Q1).unwrap();
    world.unsubscribe(other).unwrap();
    let token = world.token();
    world.engine.flush(world.now, token);
    world.complete(token);
    world.receive(stream);
    world.assert_clean();
}

#[test]
fn and_for_version_3_1_1() {
    for qos in [Q0, Q1] {
        let options = options().version(Version::V311).clean_start(false);
        let (mut world, stream) = {
            let mut world = connected(options);
            let stream = narrow(&mut world, "flood", WhenStreamFull::DropNewest);
            for number in 0..7 {
                broadcast(&mut world, "flood", &number.to_string(), qos);
            }
            world.run_for(secs(1));
            (world, stream)
        };
        let got = world.receive(stream);
        let token = world.publish(message("reply", got.text().unwrap(), Q1)).unwrap();
        world.published(token).unwrap();
        assert_eq!(world.broker.record().connections, 1);
        world.assert_clean();
    }
}

#[test]
fn qos_0_pauses_reading_while_nothing_of_ours_waits_and_nothing_is_lost() {
    let mut world = connected(options());
    world.network = PipeConfig { capacity: 200, ..PipeConfig::default() };
    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    let stream = narrow(&mut world, "flood", WhenStreamFull::DropNewest);
    for number in 0..200 {
        broadcast(&mut world, "flood", &number.to_string(), Q0);
        world.run_for(millis(1));
    }
    assert!(!world.engine.wants_read());
    for number in 0..200 {
        assert_eq!(world.receive(stream).text().unwrap(), number.to_string());
    }
    assert_eq!(world.engine.metrics().dropped_incoming, 0);
    world.assert_clean();
}

#[test]
fn past_the_reserve_qos_0_is_dropped_by_the_streams_policy_counted_and_told() {
    for (policy, kept) in [
        (WhenStreamFull::DropNewest, (0..8).collect::<Vec<_>>()),
        (WhenStreamFull::DropOldest, (12..20).collect()),
    ] {
        let mut world = connected(options());
        let stream = narrow(&mut world, "flood", policy);
        // Something of ours waits for the server all the time.
        world.broker.config.acks = AckPolicy::Held;
        world.publish(message("t", "x", Q1)).unwrap();
        for number in 0..20 {
            broadcast(&mut world, "flood", &number.to_string(), Q0);
        }
        world.run_for(secs(1));
        assert!(world.engine.wants_read());
        let got: Vec<u32> = std::iter::from_fn(|| world.try_receive(stream).unwrap())
            .map(|message| message.text().unwrap().parse().unwrap())
            .collect();
        assert_eq!(got, kept, "{policy:?}");
        assert_eq!(world.engine.metrics().dropped_incoming, 12);
        assert!(
            world
                .events
                .iter()
                .any(|event| matches!(event, Event::Dropped { incoming, .. } if *incoming > 0))
        );
    }
}

#[test]
fn a_slow_stream_of_qos_1_does_not_starve_a_fast_one() {
    let mut world = connected(options());
    let slow = narrow(&mut world, "slow", WhenStreamFull::DropNewest);
    let fast = world.subscribe("fast", Q1).unwrap();
    for number in 0..100 {
        broadcast(&mut world, "slow", "x", Q1);
        broadcast(&mut world, "fast", &number.to_string(), Q1);
        assert_eq!(world.receive(fast).text().unwrap(), number.to_string());
    }
    for _ in 0..100 {
        world.receive(slow);
    }
    assert_eq!(world.engine.metrics().dropped_incoming, 0);
    world.assert_clean();
}

#[test]
fn version_3_1_1_pauses_for_messages_that_nothing_else_bounds() {
    for qos in [Q1, Q2] {
        let mut world = connected(options().version(Version::V311).clean_start(false));
        let stream = narrow(&mut world, "flood", WhenStreamFull::DropNewest);
        for number in 0..30 {
            broadcast(&mut world, "flood", &number.to_string(), qos);
        }
        for number in 0..30 {
            assert_eq!(world.receive(stream).text().unwrap(), number.to_string());
        }
        assert_eq!((world.broker.record().connections, world.engine.metrics().dropped_incoming), (1, 0));
        world.assert_clean();
    }
}

#[test]
fn version_3_1_1_beyond_the_reserve_closes_and_the_session_delivers_again() {
    for qos in [Q1, Q2] {
        let mut world = connected(options().version(Version::V311).clean_start(false));
        let mut wide = request("flood", Q2);
        wide.stream.max_messages = 12;
        let stream = world.subscribe_with(wide).unwrap();
        // Something of ours waits for the server, so reading can't pause.
        world.broker.config.acks = AckPolicy::Held;
        let token = world.publish(message("t", "x", Q1)).unwrap();
        for number in 0..30 {
            broadcast(&mut world, "flood", &number.to_string(), qos);
        }
        world.run_for(millis(50));
        world.broker.config.acks = AckPolicy::Immediate;
        world.broker.release_acks(world.now);
        let mut got = std::collections::BTreeSet::new();
        for _ in 0..200 {
            got.insert(world.receive(stream).text().unwrap().parse::<u32>().unwrap());
            if got.len() == 30 {
                break;
            }
        }
        assert_eq!(got.len(), 30);
        world.published(token).unwrap();
        world.run_for(secs(1));
        while let Ok(Some(_)) = world.try_receive(stream) {}
        world.run_for(secs(1));
        assert!(world.broker.record().connections > 1);
        assert_eq!((world.broker.pending("c"), world.engine.metrics().dropped_incoming), (0, 0));
        world.assert_clean();
    }
}

#[test]
fn what_is_sent_again_does_not_pile_up_beside_what_was_not_taken() {
    for qos in [Q1, Q2] {
        let mut world = connected(options().receive_maximum(10));
        let stream = world.subscribe("a", Q2).unwrap();
        for number in 0..15 {
            broadcast(&mut world, "a", &number.to_string(), qos);
        }
        for connections in 2..12 {
            world.run_for(secs(1));
            world.cut();
            assert!(world.run_until(|world| world.broker.record().connections == connections));
        }
        world.run_for(secs(1));
        let got: Vec<u32> = (0..15).map(|_| world.receive(stream).text().unwrap().parse().unwrap()).collect();
        assert_eq!(got, (0..15).collect::<Vec<_>>());
        assert!(world.try_receive(stream).unwrap().is_none());
        world.assert_clean();
    }
}

#[test]
fn the_reader_of_an_empty_stream_waits_for_the_server_too() {
    let mut world = connected(options());
    let full = narrow(&mut world, "flood", WhenStreamFull::DropNewest);
    let empty = world.subscribe("other", Q1).unwrap();
    for number in 0..4 {
        broadcast(&mut world, "flood", &number.to_string(), Q0);
    }
    broadcast(&mut world, "flood", "4", Q0);
    world.run_for(millis(10));
    assert!(!world.engine.wants_read());
    // Whoever asks the other stream may be the reader of this one.
    assert_eq!(world.try_receive(empty).unwrap(), None);
    assert!(world.engine.wants_read());
    broadcast(&mut world, "other", "x", Q1);
    assert_eq!(world.receive(empty).payload(), b"x");
    assert!(!world.engine.wants_read());
    assert_eq!(world.receive(full).payload(), b"0");
    world.assert_clean();
}
