//! The one bounded queue of messages that wait, online and offline.

use polymqtt_proto::engine::Completion;
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{QueueOptions, WhenFull};
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::pipe::PipeConfig;
use polymqtt_testkit::world::World;

use crate::support::{Q0, Q1, Q2, accepted, connected, connected_to, message, millis, options, secs};

/// Offline, with room for three messages.
fn offline(when_full: WhenFull) -> World {
    let queue = QueueOptions { max_messages: 3, when_full, ..QueueOptions::default() };
    let mut world = connected(options().queue(queue));
    world.reachable = false;
    world.cut();
    world.run_for(millis(100));
    world
}

fn online(mut world: World) -> World {
    world.reachable = true;
    let connections = world.broker.record().connections;
    assert!(world.run_until(|world| world.broker.record().connections > connections));
    world.run_for(secs(1));
    world.assert_clean();
    world
}

#[test]
fn a_full_queue_gives_the_message_back() {
    for when_full in [WhenFull::Wait, WhenFull::Fail] {
        let mut world = offline(when_full);
        for qos in [Q0, Q1, Q2] {
            world.publish(message("t", "in", qos)).unwrap();
        }
        let extra = message("t", "out", Q1);
        assert!(!world.engine.has_room());
        let rejected = world.publish(extra.clone()).unwrap_err();
        assert_eq!((rejected.error.kind(), &rejected.message), (ErrorKind::QueueFull, &extra));
        assert!(rejected.error.retry_may_help());
        let world = online(world);
        assert!(world.engine.has_room());
        assert_eq!(accepted(&world, "t"), ["in"; 3]);
    }
}

#[test]
fn dropping_the_oldest_or_the_newest_ends_it_as_dropped() {
    for (when_full, dropped, kept) in
        [(WhenFull::DropOldest, [0, 1], ["2", "3", "4"]), (WhenFull::DropNewest, [3, 4], ["0", "1", "2"])]
    {
        let mut world = offline(when_full);
        let tokens: Vec<_> =
            (0..5).map(|number| world.publish(message("t", &number.to_string(), Q1)).unwrap()).collect();
        for index in dropped {
            assert_eq!(world.published(tokens[index]).unwrap_err().kind(), ErrorKind::Dropped);
        }
        let world = online(world);
        assert_eq!(accepted(&world, "t"), kept);
        assert_eq!(world.engine.metrics().dropped_outgoing, 2);
    }
}

#[test]
fn the_latest_of_each_topic_stays() {
    let mut world = offline(WhenFull::LatestPerTopic);
    for (topic, payload) in [("a", "1"), ("b", "1"), ("c", "1"), ("b", "2"), ("b", "3"), ("a", "2")] {
        world.publish(message(topic, payload, Q1)).unwrap();
    }
    let world = online(world);
    assert_eq!([accepted(&world, "a"), accepted(&world, "b"), accepted(&world, "c")], [["2"], ["3"], ["1"]]);
}

#[test]
fn the_bound_in_bytes_holds_whatever_the_policy() {
    for when_full in [WhenFull::DropOldest, WhenFull::DropNewest, WhenFull::LatestPerTopic, WhenFull::Fail] {
        let queue = QueueOptions { max_messages: 1_000, max_bytes: 10_000, when_full };
        let mut world = connected(options().queue(queue));
        world.reachable = false;
        world.cut();
        world.run_for(millis(100));
        for number in 0..200_usize {
            let payload = "x".repeat(number * 37 % 3_000);
            let _full = world.publish(message(&format!("t/{}", number % 5), &payload, Q1));
            let bytes = world.engine.metrics().queued_bytes;
            assert!(bytes <= 10_000, "{when_full:?}: {bytes} bytes wait");
        }
    }
}

#[test]
fn qos_0_waits_for_a_connection_too() {
    let mut world = offline(WhenFull::Wait);
    world.publish(message("t", "x", Q0)).unwrap();
    assert_eq!(accepted(&online(world), "t"), ["x"]);
}

#[test]
fn a_timeout_withdraws_what_was_never_sent() {
    let mut world = offline(WhenFull::Wait);
    let token = world.token();
    world.engine.publish(world.now, message("t", "x", Q1), Some(secs(3)), token).unwrap();
    let begun = world.now;
    assert_eq!(world.published(token).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(world.now.since(begun), secs(3));
    assert!(accepted(&online(world), "t").is_empty());
}

#[test]
fn a_timeout_after_sending_is_indeterminate_and_the_handshake_goes_on() {
    for qos in [Q1, Q2] {
        let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
        let token = world.token();
        world.engine.publish(world.now, message("t", "x", qos), Some(secs(3)), token).unwrap();
        assert_eq!(world.published(token).unwrap_err().kind(), ErrorKind::Indeterminate);
        world.broker.config.acks = AckPolicy::Immediate;
        world.broker.release_acks(world.now);
        world.run_for(secs(1));
        assert_eq!(world.engine.metrics().in_flight, 0);
        assert_eq!(accepted(&world, "t"), ["x"]);
        world.assert_clean();
    }
}

#[test]
fn a_publish_can_be_withdrawn_until_it_is_sent() {
    let mut world = offline(WhenFull::Wait);
    let keep = world.publish(message("t", "keep", Q1)).unwrap();
    let withdrawn = world.publish(message("t", "withdrawn", Q1)).unwrap();
    assert!(world.engine.cancel(world.now, withdrawn));
    assert!(!world.engine.cancel(world.now, withdrawn));
    assert_eq!(world.published(withdrawn).unwrap_err().kind(), ErrorKind::Cancelled);
    let mut world = online(world);
    world.published(keep).unwrap();
    assert!(!world.engine.cancel(world.now, keep));
    assert_eq!(accepted(&world, "t"), ["keep"]);
}

#[test]
fn what_expires_in_the_queue_is_not_sent_and_what_does_not_leaves_with_what_is_left() {
    let mut world = connected(options());
    world.takes_messages = true;
    world.subscribe("t", Q1).unwrap();
    world.reachable = false;
    world.cut();
    world.run_for(millis(100));
    let mut expiring = |seconds: u32| {
        let mut message = message("t", &seconds.to_string(), Q1);
        message.properties_mut().message_expiry_interval = Some(seconds);
        world.publish(message).unwrap()
    };
    let (short, long) = (expiring(5), expiring(500));
    let begun = world.now;
    assert_eq!(world.published(short).unwrap_err().kind(), ErrorKind::Expired);
    assert_eq!(world.now.since(begun), secs(5));
    world.run_for(secs(95));
    let mut world = online(world);
    world.published(long).unwrap();
    assert_eq!(accepted(&world, "t"), ["500"]);
    let interval = |message: &polymqtt_proto::message::Message| message.properties()?.message_expiry_interval;
    let left = world.received.first().and_then(|(_, message)| interval(message)).unwrap();
    // Less what the next attempt to connect waited, a minute at most.
    assert!((335..=400).contains(&left), "{left}");
}

#[test]
fn a_flush_waits_for_the_transport() {
    let mut world = connected(options());
    world.network = PipeConfig { capacity: 100, ..PipeConfig::default() };
    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.run_for(millis(50));
    for _ in 0..50 {
        world.publish(message("t", &"x".repeat(100), Q0)).unwrap();
    }
    let token = world.token();
    world.engine.flush(world.now, token);
    assert!(world.try_complete(token).is_none());
    assert!(matches!(world.complete(token), Completion::Flushed(Ok(()))));
    world.run_for(secs(1));
    assert_eq!(accepted(&world, "t").len(), 50);
}

#[test]
fn a_flush_of_nothing_is_done_at_once() {
    let mut world = connected(options());
    let token = world.token();
    world.engine.flush(world.now, token);
    assert!(matches!(world.try_complete(token), Some(Completion::Flushed(Ok(())))));
}

#[test]
fn only_so_much_is_encoded_ahead_of_the_socket() {
    let mut world = connected(options());
    world.network = PipeConfig { capacity: 1_000, ..PipeConfig::default() };
    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.run_for(millis(50));
    for _ in 0..400 {
        world.publish(message("t", &"x".repeat(2_000), Q0)).unwrap();
    }
    let waiting = world.engine.metrics().queued;
    assert!((250..400).contains(&waiting), "{waiting} messages of 2 KB wait, 256 KiB are ahead");
    // What waits as messages can still be dropped by expiry and policies.
    assert!(world.run_until(|world| world.broker.record().accepted_count() == 400));
}
