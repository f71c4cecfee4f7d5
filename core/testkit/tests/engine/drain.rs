//! The orderly end.

use polymqtt_proto::engine::{Completion, DisconnectOptions, Event, Undelivered};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::pipe::PipeConfig;

use crate::support::{
    Q0, Q1, Q2, accepted, broadcast, connected, connected_to, message, millis, options, secs, world,
};

#[test]
fn a_disconnect_delivers_what_was_accepted_first() {
    let acks = AckPolicy::Delayed(millis(100)..=millis(200));
    let mut world = connected_to(BrokerConfig { receive_maximum: 2, acks, ..BrokerConfig::default() });
    let tokens: Vec<_> = [Q0, Q1, Q2]
        .into_iter()
        .cycle()
        .take(30)
        .map(|qos| world.publish(message("t", "x", qos)).unwrap())
        .collect();
    let undelivered = world.disconnect(DisconnectOptions::default());
    assert_eq!(undelivered, Undelivered::default());
    for token in tokens {
        world.published(token).unwrap();
    }
    assert_eq!(accepted(&world, "t").len(), 30);
    assert_eq!(world.broker.record().disconnects, [ReasonCode::Success]);
    assert!(matches!(world.events.last(), Some(Event::Disconnected { error: None, retry_in: None })));
    world.assert_clean();
}

#[test]
fn what_could_not_be_delivered_in_time_is_reported() {
    let acks = AckPolicy::Held;
    let mut world = connected_to(BrokerConfig { receive_maximum: 2, acks, ..BrokerConfig::default() });
    let tokens: Vec<_> = (0..5).map(|_| world.publish(message("t", "x", Q1)).unwrap()).collect();
    let begun = world.now;
    let undelivered =
        world.disconnect(DisconnectOptions { timeout: secs(3), ..DisconnectOptions::default() });
    assert_eq!(undelivered, Undelivered { queued: 3, unacknowledged: 2 });
    assert!(world.now.since(begun) < secs(5));
    let kinds: Vec<_> = tokens.into_iter().map(|token| world.published(token).unwrap_err().kind()).collect();
    assert_eq!(kinds[..2], [ErrorKind::Indeterminate; 2]);
    assert_eq!(kinds[2..], [ErrorKind::Closed; 3]);
    assert_eq!(accepted(&world, "t").len(), 2);
    world.assert_clean();
}

#[test]
fn nothing_follows_the_goodbye_even_if_much_waits() {
    let mut world = connected(options());
    world.network = PipeConfig { capacity: 500, ..PipeConfig::default() };
    world.cut();
    world.run_for(secs(3));
    let stream = world.subscribe("a", Q1).unwrap();
    for _ in 0..300 {
        world.publish(message("t", &"x".repeat(2_000), Q1)).unwrap();
        broadcast(&mut world, "a", "x", Q1);
    }
    world.receive(stream);
    let token = world.token();
    let options = DisconnectOptions { timeout: secs(0), ..DisconnectOptions::default() };
    world.engine.disconnect(world.now, options, token).unwrap();
    while let Ok(Some(_)) = world.try_receive(stream) {}
    assert!(matches!(world.complete(token), Completion::Disconnected(_)));
    world.run_for(secs(10));
    world.assert_clean();
}

#[test]
fn a_disconnect_without_a_connection_waits_for_one_as_long_as_it_may() {
    let mut world = connected(options());
    world.reachable = false;
    world.cut();
    world.run_for(secs(1));
    let token = world.publish(message("t", "x", Q1)).unwrap();
    let end = world.token();
    world
        .engine
        .disconnect(world.now, DisconnectOptions { timeout: secs(60), ..Default::default() }, end)
        .unwrap();
    world.run_for(secs(2));
    world.reachable = true;
    world.published(token).unwrap();
    assert!(matches!(
        world.complete(end),
        Completion::Disconnected(Undelivered { queued: 0, unacknowledged: 0 })
    ));
    world.assert_clean();
}

#[test]
fn a_disconnect_that_never_finds_a_connection_ends_all_the_same() {
    let mut world = connected(options());
    world.reachable = false;
    world.cut();
    world.run_for(secs(1));
    let token = world.publish(message("t", "x", Q1)).unwrap();
    let undelivered = world.disconnect(DisconnectOptions::default());
    assert_eq!(undelivered, Undelivered { queued: 1, unacknowledged: 0 });
    assert_eq!(world.published(token).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn new_operations_are_refused_from_then_on() {
    let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
    world.publish(message("t", "x", Q1)).unwrap();
    let token = world.token();
    world.engine.disconnect(world.now, DisconnectOptions::default(), token).unwrap();
    assert_eq!(world.publish(message("t", "y", Q1)).unwrap_err().error.kind(), ErrorKind::Closed);
    assert_eq!(world.subscribe("a", Q1).unwrap_err().kind(), ErrorKind::Closed);
    assert!(matches!(world.complete(token), Completion::Disconnected(_)));
}

#[test]
fn streams_end_in_order_once_they_are_empty() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q0).unwrap();
    broadcast(&mut world, "a", "last", Q0);
    world.run_for(millis(20));
    world.disconnect(DisconnectOptions::default());
    assert_eq!(world.try_receive(stream).unwrap().unwrap().payload(), b"last");
    assert_eq!(world.try_receive(stream).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_server_that_does_not_close_is_left_after_a_second() {
    let mut world = connected(options());
    world.half_open();
    let begun = world.now;
    world.disconnect(DisconnectOptions::default());
    assert_eq!(world.now.since(begun), secs(1));
}

#[test]
fn every_operation_ends_when_the_client_closes() {
    let mut world = world(options().keep_trying(true));
    world.reachable = false;
    let connect = world.start_connect();
    let publish = world.publish(message("t", "x", Q2)).unwrap();
    let subscribe = world.token();
    let request = polymqtt_testkit::world::request("a", Q1);
    let stream = world.engine.subscribe(world.now, request, subscribe).unwrap();
    let flush = world.token();
    world.engine.flush(world.now, flush);
    world.run_for(secs(5));
    world.disconnect(DisconnectOptions { timeout: secs(1), ..DisconnectOptions::default() });
    assert!(matches!(world.complete(connect), Completion::Connected(Err(_))));
    assert!(matches!(world.complete(publish), Completion::Published(Err(_))));
    assert!(matches!(world.complete(subscribe), Completion::Subscribed(Err(_))));
    assert!(matches!(world.complete(flush), Completion::Flushed(Err(_))));
    assert!(world.try_receive(stream).is_err());
    world.assert_clean();
}

#[test]
fn a_flush_of_a_closed_client_says_so() {
    let mut world = connected(options());
    world.disconnect(DisconnectOptions::default());
    let flush = world.token();
    world.engine.flush(world.now, flush);
    let Completion::Flushed(Err(error)) = world.complete(flush) else { panic!("nothing is connected") };
    assert_eq!(error.kind(), ErrorKind::Closed);
}
