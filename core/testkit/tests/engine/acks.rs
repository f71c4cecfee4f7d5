//! Acknowledging what was received: when the application has taken it, in order of arrival.

use polymqtt_proto::engine::{Event, StreamId, SubscribeRequest};
use polymqtt_proto::message::Message;
use polymqtt_testkit::model_broker::{BrokerConfig, Overlapping};
use polymqtt_testkit::world::{World, request};

use crate::support::{Q0, Q1, Q2, broadcast, connected, connected_to, millis, options, secs};

fn acknowledged(world: &mut World) -> Vec<String> {
    world.run_for(millis(20));
    let text = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
    world.broker.record().acknowledged.iter().map(|message| text(&message.payload)).collect()
}

fn manual(filter: &str) -> SubscribeRequest {
    let mut request = request(filter, Q2);
    request.stream.manual_ack = true;
    request
}

fn subscribed(world: &mut World, filter: &str) -> StreamId {
    world.subscribe(filter, Q2).unwrap()
}

#[test]
fn asking_for_the_next_message_acknowledges_the_one_before() {
    for qos in [Q1, Q2] {
        let mut world = connected(options());
        let stream = subscribed(&mut world, "a");
        for payload in ["1", "2"] {
            broadcast(&mut world, "a", payload, qos);
        }
        world.run_for(secs(1));
        assert!(acknowledged(&mut world).is_empty());
        assert_eq!(world.receive(stream).payload(), b"1");
        assert!(acknowledged(&mut world).is_empty());
        assert_eq!(world.receive(stream).payload(), b"2");
        assert_eq!(acknowledged(&mut world), ["1"]);
        assert!(world.try_receive(stream).unwrap().is_none());
        assert_eq!(acknowledged(&mut world), ["1", "2"]);
        assert_eq!(world.broker.pending("c"), 0);
        world.assert_clean();
    }
}

#[test]
fn a_batch_is_acknowledged_by_asking_for_the_next_batch() {
    let mut world = connected(options());
    let stream = subscribed(&mut world, "a");
    for payload in ["1", "2", "3"] {
        broadcast(&mut world, "a", payload, Q1);
    }
    world.run_for(millis(20));
    let mut batch = Vec::new();
    assert_eq!(world.engine.receive_many(world.now, stream, 10, &mut batch).unwrap(), 3);
    assert!(acknowledged(&mut world).is_empty());
    assert_eq!(world.engine.receive_many(world.now, stream, 10, &mut batch).unwrap(), 0);
    assert_eq!(acknowledged(&mut world), ["1", "2", "3"]);
    world.assert_clean();
}

#[test]
fn a_batch_that_is_handed_on_one_by_one_is_acknowledged_as_far_as_it_was_taken() {
    for qos in [Q1, Q2] {
        let mut world = connected(options());
        let stream = subscribed(&mut world, "a");
        for payload in ["1", "2", "3"] {
            broadcast(&mut world, "a", payload, qos);
        }
        world.run_for(secs(1));
        let mut batch = Vec::new();
        assert_eq!(world.engine.receive_more(world.now, stream, 0, 10, &mut batch).unwrap(), 3);
        assert!(batch.iter().all(Message::owes_acknowledgement));
        world.engine.taken(world.now, stream, 1);
        assert_eq!(acknowledged(&mut world), ["1"]);
        assert_eq!(world.engine.receive_more(world.now, stream, 1, 10, &mut batch).unwrap(), 0);
        assert_eq!(acknowledged(&mut world), ["1", "2"]);
        // More than there are is all there are.
        world.engine.taken(world.now, stream, 7);
        assert_eq!(acknowledged(&mut world), ["1", "2", "3"]);
        world.assert_clean();
    }
}

#[test]
fn what_nobody_has_seen_of_a_batch_goes_back_in_its_order() {
    let mut world = connected(options());
    let stream = subscribed(&mut world, "a");
    for (payload, qos) in [("1", Q1), ("2", Q0), ("3", Q1), ("4", Q1)] {
        broadcast(&mut world, "a", payload, qos);
    }
    world.run_for(secs(1));
    let mut batch = Vec::new();
    world.engine.receive_more(world.now, stream, 0, 3, &mut batch).unwrap();
    let unseen = batch.split_off(1);
    world.engine.put_back(world.now, stream, unseen);
    world.engine.taken(world.now, stream, usize::MAX);
    assert_eq!(acknowledged(&mut world), ["1"]);
    let rest: Vec<_> = (0..3).map(|_| world.receive(stream).payload().to_vec()).collect();
    assert_eq!(rest, [b"2", b"3", b"4"]);
    world.assert_clean();
}

#[test]
fn manual_acknowledgements_come_in_any_order_and_leave_in_order_of_arrival() {
    for qos in [Q1, Q2] {
        let mut world = connected(options());
        let stream = world.subscribe_with(manual("a")).unwrap();
        for payload in ["1", "2", "3"] {
            broadcast(&mut world, "a", payload, qos);
        }
        let messages: Vec<_> = (0..3).map(|_| world.receive(stream)).collect();
        assert!(acknowledged(&mut world).is_empty());
        world.engine.acknowledge(world.now, &messages[2]);
        world.engine.acknowledge(world.now, &messages[1]);
        assert!(acknowledged(&mut world).is_empty());
        world.engine.acknowledge(world.now, &messages[0]);
        assert_eq!(acknowledged(&mut world), ["1", "2", "3"]);
        // A second time is no harm.
        world.engine.acknowledge(world.now, &messages[0]);
        assert_eq!(acknowledged(&mut world).len(), 3);
        world.assert_clean();
    }
}

#[test]
fn a_qos_1_acknowledgement_of_an_earlier_connection_is_ignored() {
    let mut world = connected(options());
    let stream = world.subscribe_with(manual("a")).unwrap();
    broadcast(&mut world, "a", "1", Q1);
    let old = world.receive(stream);
    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    let again = world.receive(stream);
    assert!(again.dup());
    world.engine.acknowledge(world.now, &old);
    assert!(acknowledged(&mut world).is_empty());
    world.engine.acknowledge(world.now, &again);
    assert_eq!(acknowledged(&mut world), ["1"]);
    world.assert_clean();
}

#[test]
fn a_qos_2_acknowledgement_of_an_earlier_connection_counts() {
    let mut world = connected(options());
    let stream = world.subscribe_with(manual("a")).unwrap();
    broadcast(&mut world, "a", "1", Q2);
    let message = world.receive(stream);
    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.engine.acknowledge(world.now, &message);
    assert_eq!(acknowledged(&mut world), ["1"]);
    assert_eq!(world.broker.pending("c"), 0);
    world.assert_clean();
}

#[test]
fn of_several_streams_the_last_one_acknowledges() {
    for qos in [Q1, Q2] {
        let mut world = connected(options());
        let (one, other) = (subscribed(&mut world, "a"), subscribed(&mut world, "a"));
        broadcast(&mut world, "a", "x", qos);
        for stream in [one, other] {
            assert!(acknowledged(&mut world).is_empty());
            assert_eq!(world.receive(stream).payload(), b"x");
            assert!(world.try_receive(stream).unwrap().is_none());
        }
        assert_eq!(acknowledged(&mut world), ["x"]);
        world.assert_clean();
    }
}

#[test]
fn closing_a_stream_acknowledges_what_it_holds() {
    for qos in [Q1, Q2] {
        let mut world = connected(options());
        let stream = subscribed(&mut world, "a");
        for payload in ["1", "2"] {
            broadcast(&mut world, "a", payload, qos);
        }
        world.receive(stream);
        world.unsubscribe(stream).unwrap();
        assert_eq!(acknowledged(&mut world), ["1", "2"]);
        assert_eq!((world.broker.pending("c"), world.broker.filters("c").len()), (0, 0));
        world.assert_clean();
    }
}

#[test]
fn one_slow_stream_delays_acknowledgements_behind_it_but_not_messages() {
    let mut world = connected(options());
    let (slow, quick) = (subscribed(&mut world, "slow"), subscribed(&mut world, "quick"));
    broadcast(&mut world, "slow", "held", Q1);
    for number in 0..20 {
        broadcast(&mut world, "quick", &number.to_string(), Q1);
        assert_eq!(world.receive(quick).payload(), number.to_string().as_bytes());
    }
    assert!(acknowledged(&mut world).is_empty());
    world.receive(slow);
    world.try_receive(slow).unwrap();
    assert_eq!(acknowledged(&mut world).len(), 20);
    world.assert_clean();
}

#[test]
fn what_is_held_stays_within_our_receive_maximum() {
    let mut world = connected(options().receive_maximum(5));
    let stream = subscribed(&mut world, "a");
    for number in 0..50 {
        broadcast(&mut world, "a", &number.to_string(), if number % 2 == 0 { Q1 } else { Q2 });
    }
    world.run_for(secs(1));
    assert_eq!(world.broker.unacknowledged("c"), 5);
    let got: Vec<_> = (0..50).map(|_| world.receive(stream).text().unwrap().to_owned()).collect();
    let mut sorted = got.clone();
    sorted.sort_by_key(|text| text.parse::<usize>().unwrap());
    assert_eq!(got.len(), 50);
    assert_eq!(got, sorted);
    world.assert_clean();
}

#[test]
fn overlapping_subscriptions_deliver_one_copy_to_each_stream_they_name() {
    for overlapping in [Overlapping::OneCopy, Overlapping::CopyEach] {
        let mut world = connected_to(BrokerConfig { overlapping, ..BrokerConfig::default() });
        let (wide, narrow) = (subscribed(&mut world, "a/#"), subscribed(&mut world, "a/b"));
        broadcast(&mut world, "a/b", "x", Q1);
        for stream in [wide, narrow] {
            assert_eq!(world.receive(stream).payload(), b"x");
            assert!(world.try_receive(stream).unwrap().is_none(), "{overlapping:?}");
        }
        world.run_for(secs(1));
        assert_eq!(world.broker.pending("c"), 0);
        world.assert_clean();
    }
}

#[test]
fn acknowledgements_that_one_message_holds_back_are_told_of_once() {
    let mut world = connected(options());
    let stream = world.subscribe_with(manual("a")).unwrap();
    for payload in ["1", "2", "3"] {
        broadcast(&mut world, "a", payload, Q1);
    }
    let messages: Vec<_> = (0..3).map(|_| world.receive(stream)).collect();
    let told = |world: &World| {
        world.events.iter().filter(|event| matches!(event, Event::AcksHeld { acks: 2 })).count()
    };
    world.engine.acknowledge(world.now, &messages[2]);
    world.run_for(secs(9));
    world.engine.acknowledge(world.now, &messages[1]);
    assert_eq!(told(&world), 0);
    world.run_for(secs(60));
    assert_eq!((told(&world), world.broker.pending("c")), (1, 3));
    world.engine.acknowledge(world.now, &messages[0]);
    world.run_for(secs(60));
    assert_eq!((told(&world), world.broker.pending("c")), (1, 0));
    world.assert_clean();
}

#[test]
fn a_stream_that_takes_its_messages_holds_nothing() {
    for qos in [Q1, Q2] {
        let mut world = connected(options());
        let stream = world.subscribe("a", Q2).unwrap();
        for payload in ["1", "2", "3"] {
            broadcast(&mut world, "a", payload, qos);
        }
        world.receive(stream);
        world.run_for(secs(60));
        assert!(!world.events.iter().any(|event| matches!(event, Event::AcksHeld { .. })));
    }
}
