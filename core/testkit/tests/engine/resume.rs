//! Sessions that go on, and sessions that are lost.

use polymqtt_proto::engine::{Event, SubscribeRequest};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::OnSessionLost;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig, OnConnect};
use polymqtt_testkit::world::World;

use crate::support::{Q1, Q2, accepted, broadcast, connected, message, millis, options, secs, world};

fn reconnected(world: &mut World, times: usize) {
    assert!(world.run_until(|world| world.broker.record().connections == times), "{:?}", world.events);
    world.run_for(millis(50));
}

/// A world whose broker holds its acknowledgements back.
fn held() -> World {
    let broker = BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() };
    let mut world = World::new(options().check().unwrap(), broker, 1);
    world.connect().unwrap();
    world
}

#[test]
fn what_was_not_acknowledged_is_sent_again_in_order_and_marked() {
    let mut world = held();
    let tokens: Vec<_> =
        (0..5).map(|number| world.publish(message("t", &number.to_string(), Q1)).unwrap()).collect();
    world.run_for(secs(1));
    world.cut();
    world.broker.config.acks = AckPolicy::Immediate;
    for token in tokens {
        world.published(token).unwrap();
    }
    assert_eq!(accepted(&world, "t"), ["0", "1", "2", "3", "4", "0", "1", "2", "3", "4"]);
    let dups: Vec<_> = world.broker.record().accepted["t"].iter().map(|message| message.dup).collect();
    assert_eq!(dups, [[false; 5], [true; 5]].concat());
    world.assert_clean();
}

#[test]
fn exactly_once_stays_so_wherever_the_link_is_cut() {
    // Cuts after every possible number of milliseconds of the handshake of four packets.
    for cut in 0..8 {
        let mut world = connected(options());
        let token = world.publish(message("t", "x", Q2)).unwrap();
        world.run_for(millis(cut));
        world.cut();
        world.published(token).unwrap();
        world.run_for(secs(1));
        assert_eq!(accepted(&world, "t"), ["x"], "cut after {cut} ms");
        assert_eq!(world.engine.metrics().in_flight, 0);
        world.assert_clean();
    }
}

#[test]
fn pubrels_follow_the_order_of_pubrecs_after_a_resume() {
    let mut world = held();
    let tokens: Vec<_> =
        (0..4).map(|number| world.publish(message("t", &number.to_string(), Q2)).unwrap()).collect();
    world.run_for(secs(1));
    // PUBRECs leave, PUBCOMPs are held.
    world.broker.release_acks(world.now);
    world.run_for(secs(1));
    world.cut();
    world.broker.config.acks = AckPolicy::Immediate;
    for token in tokens {
        world.published(token).unwrap();
    }
    assert_eq!(accepted(&world, "t"), ["0", "1", "2", "3"]);
    world.assert_clean();
}

#[test]
fn nothing_is_sent_again_on_a_live_connection() {
    let mut world = held();
    world.publish(message("t", "x", Q1)).unwrap();
    world.publish(message("t", "y", Q2)).unwrap();
    world.run_for(secs(1_000));
    assert_eq!(accepted(&world, "t"), ["x", "y"]);
    world.assert_clean();
}

#[test]
fn subscriptions_of_a_session_that_goes_on_are_not_made_again() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q1).unwrap();
    world.cut();
    world.run_for(millis(10));
    broadcast(&mut world, "a", "while away", Q1);
    assert_eq!(world.receive(stream).payload(), b"while away");
    assert_eq!(world.broker.record().resumed, 1);
    world.assert_clean();
}

#[test]
fn a_lost_session_is_told_and_its_subscriptions_are_restored_first() {
    let mut world = connected(options());
    let stream = world.subscribe("a/#", Q1).unwrap();
    let other = world.subscribe("b", Q2).unwrap();
    world.lose_sessions();
    world.run_for(millis(5));
    // Waits in the queue, and would be missed if it overtook the SUBSCRIBEs.
    world.publish(message("a/own", "after", Q1)).unwrap();
    reconnected(&mut world, 2);
    assert!(world.events.contains(&Event::SessionLost));
    assert_eq!(world.broker.filters("c").len(), 2);
    assert_eq!(world.receive(stream).payload(), b"after");
    broadcast(&mut world, "b", "x", Q2);
    assert_eq!(world.receive(other).payload(), b"x");
    world.assert_clean();
}

#[test]
fn when_the_session_is_lost_at_least_once_is_sent_anew_and_exactly_once_is_indeterminate() {
    let mut world = held();
    let one = world.publish(message("t", "one", Q1)).unwrap();
    let two = world.publish(message("t", "two", Q2)).unwrap();
    let three = world.publish(message("t", "three", Q1)).unwrap();
    world.run_for(secs(1));
    world.lose_sessions();
    world.run_for(millis(2));
    let four = world.publish(message("t", "four", Q1)).unwrap();
    world.broker.config.acks = AckPolicy::Immediate;
    world.published(one).unwrap();
    assert_eq!(world.published(two).unwrap_err().kind(), ErrorKind::Indeterminate);
    world.published(three).unwrap();
    world.published(four).unwrap();
    assert_eq!(accepted(&world, "t"), ["one", "two", "three", "one", "three", "four"]);
    let dups = world.broker.record().accepted["t"].iter().filter(|message| message.dup).count();
    assert_eq!(dups, 0);
    world.assert_clean();
}

#[test]
fn on_session_lost_fail_sends_nothing_again() {
    let broker = BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() };
    let mut world = World::new(options().on_session_lost(OnSessionLost::Fail).check().unwrap(), broker, 1);
    world.connect().unwrap();
    let one = world.publish(message("t", "one", Q1)).unwrap();
    let two = world.publish(message("t", "two", Q2)).unwrap();
    world.run_for(secs(1));
    world.lose_sessions();
    let kind = world.published(one).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::SessionLost | ErrorKind::Indeterminate), "{kind:?}");
    assert_eq!(world.published(two).unwrap_err().kind(), ErrorKind::Indeterminate);
    world.run_for(secs(60));
    assert_eq!(accepted(&world, "t"), ["one", "two"]);
}

#[test]
fn a_received_exactly_once_message_is_not_delivered_again_by_a_resumed_session() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q2).unwrap();
    broadcast(&mut world, "a", "once", Q2);
    world.run_for(millis(50));
    // In the stream, not taken, PUBREC held.
    world.cut();
    reconnected(&mut world, 2);
    assert_eq!(world.receive(stream).payload(), b"once");
    assert!(world.try_receive(stream).unwrap().is_none());
    world.run_for(secs(1));
    assert_eq!(world.broker.pending("c"), 0);
    world.assert_clean();
}

#[test]
fn a_message_in_the_hand_of_the_application_is_acknowledged_on_the_next_connection() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q2).unwrap();
    broadcast(&mut world, "a", "once", Q2);
    assert_eq!(world.receive(stream).payload(), b"once");
    world.cut();
    reconnected(&mut world, 2);
    assert_eq!(world.broker.pending("c"), 1);
    assert!(world.try_receive(stream).unwrap().is_none());
    world.run_for(secs(1));
    assert_eq!(world.broker.pending("c"), 0);
    world.assert_clean();
}

#[test]
fn a_released_identifier_that_is_not_known_is_answered_with_0x92() {
    let mut world = connected(options());
    // PUBREL for the identifier 7.
    world.broker.send_raw("c", &[0x62, 0x02, 0x00, 0x07]);
    world.run_for(secs(1));
    // The broker, which knows of none, calls the PUBCOMP a violation; the connection goes on.
    assert_eq!(world.broker.violations().len(), 1);
    assert_eq!(world.broker.violations()[0].statement, "MQTT-4.3.3-11");
    assert_eq!(world.opened.len(), 1);
}

#[test]
fn expiry_is_not_applied_to_what_was_sent() {
    for qos in [Q1, Q2] {
        let mut world = held();
        let mut message = message("t", "x", qos);
        message.properties_mut().message_expiry_interval = Some(2);
        let token = world.publish(message).unwrap();
        world.run_for(secs(1));
        world.cut();
        world.reachable = false;
        world.run_for(secs(30));
        world.reachable = true;
        world.broker.config.acks = AckPolicy::Immediate;
        world.published(token).unwrap();
        world.assert_clean();
    }
}

#[test]
fn a_subscribe_without_answer_is_asked_again_after_a_reconnect() {
    let mut world = held();
    let token = world.token();
    let request: SubscribeRequest = polymqtt_testkit::world::request("a", Q1);
    let stream = world.engine.subscribe(world.now, request, token).unwrap();
    world.run_for(secs(1));
    world.cut();
    world.broker.config.acks = AckPolicy::Immediate;
    world.complete(token);
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
    world.assert_clean();
}

#[test]
fn a_server_that_disconnects_with_a_passing_reason_is_met_again() {
    let mut world = connected(options());
    world.broker.disconnect(world.now, "c", ReasonCode::ServerShuttingDown);
    reconnected(&mut world, 2);
    assert_eq!(world.broker.record().resumed, 1);
}

#[test]
fn without_reconnect_a_lost_connection_is_the_end() {
    let mut world = world(options().reconnect(None));
    world.connect().unwrap();
    let token = world.publish(message("t", "x", Q1)).unwrap();
    world.cut();
    let error = world.published(token).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Indeterminate | ErrorKind::Transport), "{error:?}");
    world.run_for(secs(100));
    assert_eq!(world.opened.len(), 1);
}

#[test]
fn a_session_that_began_with_a_connack_that_got_lost_is_subscribed_again() {
    let mut world = connected(options());
    let retained = world.publish(message("a", "kept", Q1).with_retain(true)).unwrap();
    world.published(retained).unwrap();
    let stream = world.subscribe("a", Q1).unwrap();
    assert_eq!(world.receive(stream).payload(), b"kept");
    world.lose_sessions();
    // The broker has made a new session; its CONNACK is on its way.
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    world.half_open();
    world.run_for(secs(100));
    assert!(!world.events.contains(&Event::SessionLost));
    assert_eq!(world.broker.record().resumed, 1);
    assert_eq!(world.broker.filters("c").len(), 1);
    broadcast(&mut world, "a", "x", Q1);
    while world.receive(stream).payload() != b"x" {}
    world.assert_clean();
}

#[test]
fn an_unanswered_connect_to_a_session_that_still_stands_brings_nothing_twice() {
    let mut world = connected(options());
    let retained = world.publish(message("a", "kept", Q1).with_retain(true)).unwrap();
    world.published(retained).unwrap();
    let stream = world.subscribe("a", Q1).unwrap();
    assert_eq!(world.receive(stream).payload(), b"kept");
    assert!(world.try_receive(stream).unwrap().is_none());
    world.run_for(secs(1));
    world.broker.on_connect.push_back(OnConnect::Silent);
    world.cut();
    world.run_for(secs(100));
    assert_eq!(world.broker.record().resumed, 1);
    assert!(world.try_receive(stream).unwrap().is_none());
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
    world.assert_clean();
}
