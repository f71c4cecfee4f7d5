//! What the server grants is honoured before anything is sent; what it must not send ends the connection.

use std::ops::RangeInclusive;

use polymqtt_proto::codec::{SubscriptionOptions, Version};
use polymqtt_proto::engine::SubscribeRequest;
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::message::Message;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::world::World;

use crate::support::{Q0, Q1, Q2, accepted, connected, connected_to, message, millis, options, secs};

#[test]
fn the_receive_maximum_bounds_what_is_in_flight() {
    for qos in [Q1, Q2] {
        let acks = AckPolicy::Delayed(millis(1)..=millis(90));
        let mut world = connected_to(BrokerConfig { receive_maximum: 3, acks, ..BrokerConfig::default() });
        let tokens: Vec<_> =
            (0..40).map(|number| world.publish(message("t", &number.to_string(), qos)).unwrap()).collect();
        for token in tokens {
            world.published(token).unwrap();
        }
        assert_eq!(world.broker.record().accepted["t"].len(), 40);
        world.assert_clean();
    }
}

#[test]
fn other_packets_are_not_delayed_by_a_used_up_quota() {
    let acks = AckPolicy::Held;
    let mut world = connected_to(BrokerConfig { receive_maximum: 1, acks, ..BrokerConfig::default() });
    for _ in 0..3 {
        world.publish(message("t", "x", Q1)).unwrap();
    }
    world.run_for(secs(1));
    let token = world.token();
    world.engine.subscribe(world.now, polymqtt_testkit::world::request("a", Q1), token).unwrap();
    world.run_for(secs(1));
    assert_eq!(world.broker.filters("c").len(), 1);
    assert_eq!(accepted(&world, "t").len(), 1);
    world.assert_clean();
}

#[test]
fn a_pending_pubrel_counts_after_a_resume_and_gives_its_place_back() {
    let acks = AckPolicy::Held;
    let mut world = connected_to(BrokerConfig { acks, ..BrokerConfig::default() });
    let mut tokens: Vec<_> = (0..4).map(|_| world.publish(message("t", "two", Q2)).unwrap()).collect();
    world.run_for(millis(50));
    world.broker.release_acks(world.now);
    world.run_for(millis(50));
    // Four PUBRELs are pending; the next connection takes two messages at a time.
    world.broker.config.receive_maximum = 2;
    world.cut();
    world.run_for(secs(3));
    tokens.extend((0..6).map(|_| world.publish(message("t", "more", Q1)).unwrap()));
    world.run_for(secs(1));
    world.broker.config.acks = AckPolicy::Immediate;
    world.broker.release_acks(world.now);
    for token in tokens {
        world.published(token).unwrap();
    }
    world.assert_clean();
}

#[test]
fn messages_above_a_limit_are_errors_and_nothing_is_sent() {
    let broker = BrokerConfig {
        maximum_qos: Q1,
        retain_available: false,
        maximum_packet_size: Some(100),
        ..BrokerConfig::default()
    };
    let mut world = connected_to(broker);
    let rejected = |world: &mut World, message: Message| {
        let error = world.publish(message).unwrap_err().error;
        (error.kind(), error.reason_code())
    };
    let unsupported = |code| (ErrorKind::Unsupported, Some(code));
    assert_eq!(rejected(&mut world, message("t", "x", Q2)), unsupported(ReasonCode::QoSNotSupported));
    let retained = message("t", "x", Q0).with_retain(true);
    assert_eq!(rejected(&mut world, retained), unsupported(ReasonCode::RetainNotSupported));
    let large = message("t", &"x".repeat(100), Q1);
    assert_eq!(rejected(&mut world, large), (ErrorKind::PacketTooLarge, Some(ReasonCode::PacketTooLarge)));
    // One byte more than fits, and what just fits: fixed header 2, topic 3, identifier 2, properties 1.
    assert!(world.publish(message("t", &"x".repeat(93), Q1)).is_err());
    let token = world.publish(message("t", &"x".repeat(92), Q1)).unwrap();
    world.published(token).unwrap();
    world.assert_clean();
}

#[test]
fn a_message_that_waited_is_checked_against_the_limits_of_the_connection_it_would_go_to() {
    let mut world = connected(options());
    world.cut();
    world.run_for(millis(2));
    let large = world.publish(message("t", &"x".repeat(500), Q1)).unwrap();
    let two = world.publish(message("t", "two", Q2)).unwrap();
    let fine = world.publish(message("t", "fine", Q1)).unwrap();
    world.broker.config.maximum_packet_size = Some(300);
    world.broker.config.maximum_qos = Q1;
    assert_eq!(world.published(large).unwrap_err().kind(), ErrorKind::PacketTooLarge);
    assert_eq!(world.published(two).unwrap_err().reason_code(), Some(ReasonCode::QoSNotSupported));
    world.published(fine).unwrap();
    assert_eq!(accepted(&world, "t"), ["fine"]);
    world.assert_clean();
}

#[test]
fn a_message_in_flight_is_checked_again_before_it_is_resent() {
    let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
    let large = world.publish(message("t", &"x".repeat(500), Q1)).unwrap();
    let fine = world.publish(message("t", "fine", Q1)).unwrap();
    world.run_for(millis(50));
    world.broker.config.maximum_packet_size = Some(300);
    world.broker.config.receive_maximum = 1;
    world.broker.config.acks = AckPolicy::Immediate;
    world.cut();
    assert_eq!(world.published(large).unwrap_err().kind(), ErrorKind::PacketTooLarge);
    world.published(fine).unwrap();
    // The place and the identifier of the one that can't be sent are free.
    let next = world.publish(message("t", "next", Q1)).unwrap();
    world.published(next).unwrap();
    assert_eq!(world.engine.metrics().in_flight, 0);
    world.assert_clean();
}

#[test]
fn the_identifier_of_a_message_that_can_not_be_resent_is_not_used_for_another() {
    let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
    let token = world.publish(message("t", &"x".repeat(500), Q2)).unwrap();
    world.run_for(secs(1));
    assert_eq!(accepted(&world, "t").len(), 1);
    world.broker.config.acks = AckPolicy::Immediate;
    world.broker.config.maximum_packet_size = Some(300);
    world.cut();
    assert_eq!(world.published(token).unwrap_err().kind(), ErrorKind::PacketTooLarge);
    // Nobody waits for it.
    assert_eq!(world.engine.metrics().in_flight, 0);
    for number in 0..200 {
        let token = world.publish(message("t", &number.to_string(), Q2)).unwrap();
        world.published(token).unwrap();
    }
    assert_eq!(accepted(&world, "t").len(), 201);
    world.assert_clean();
}

#[test]
fn filters_that_the_server_does_not_offer_are_errors_and_nothing_is_sent() {
    let broker = BrokerConfig {
        wildcard_subscriptions: false,
        shared_subscriptions: false,
        subscription_identifiers: false,
        ..BrokerConfig::default()
    };
    let mut world = connected_to(broker);
    let wild = world.subscribe("a/#", Q1).unwrap_err();
    assert_eq!(wild.reason_code(), Some(ReasonCode::WildcardSubscriptionsNotSupported));
    let shared = world.subscribe("$share/g/a", Q1).unwrap_err();
    assert_eq!(shared.reason_code(), Some(ReasonCode::SharedSubscriptionsNotSupported));
    // Without identifiers in the SUBSCRIBE, as the broker wants it.
    world.subscribe("a", Q1).unwrap();
    world.assert_clean();
}

#[test]
fn no_local_is_not_for_shared_subscriptions() {
    let mut world = connected(options());
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let filters = vec![("$share/g/a".try_into().unwrap(), options)];
    let request = SubscribeRequest { filters, ..SubscribeRequest::default() };
    assert_eq!(world.subscribe_with(request).unwrap_err().kind(), ErrorKind::InvalidOption);
    world.assert_clean();
}

/// PUBLISHes at QoS 1 to "a", as a server sends them that ignores the receive maximum.
fn flood(world: &mut World, ids: RangeInclusive<u8>) {
    for id in ids {
        world.broker.send_raw("c", &[0x32, 0x06, 0x00, 0x01, b'a', 0x00, id, 0x00]);
    }
    world.run_for(secs(2));
}

#[test]
fn reading_pauses_where_a_server_ignores_our_receive_maximum() {
    let mut world = connected(options().receive_maximum(2));
    let stream = world.subscribe("a", Q1).unwrap();
    flood(&mut world, 1..=50);
    assert!(!world.engine.wants_read());
    for _ in 0..50 {
        world.receive(stream);
    }
    assert_eq!(world.try_receive(stream).unwrap(), None);
    assert!(world.engine.wants_read());
    assert_eq!((world.broker.record().connections, world.broker.record().disconnects.len()), (1, 0));
}

#[test]
fn where_reading_can_not_pause_twice_the_receive_maximum_is_told_0x93() {
    let mut world = connected(options().receive_maximum(2));
    world.subscribe("a", Q1).unwrap();
    // Something of ours waits for the server.
    world.broker.config.acks = AckPolicy::Held;
    world.publish(message("t", "x", Q1)).unwrap();
    flood(&mut world, 1..=4);
    assert!(world.broker.record().disconnects.is_empty());
    flood(&mut world, 5..=5);
    assert_eq!(world.broker.record().disconnects, [ReasonCode::ReceiveMaximumExceeded]);
}

#[test]
fn a_packet_above_our_maximum_is_told_0x95() {
    let mut world = connected(options().maximum_packet_size(200));
    world.broker.send_raw("c", &[0x30, 0xc8, 0x01, 0x00, 0x01, b'a', 0x00]);
    world.run_for(secs(2));
    assert_eq!(world.broker.record().disconnects, [ReasonCode::PacketTooLarge]);
}

#[test]
fn version_3_1_1_has_no_receive_maximum() {
    let mut world = World::new(options().version(Version::V311).check().unwrap(), BrokerConfig::default(), 1);
    world.broker.config.acks = AckPolicy::Held;
    world.connect().unwrap();
    for number in 0..200 {
        world.publish(message("t", &number.to_string(), Q1)).unwrap();
    }
    world.run_for(secs(1));
    assert_eq!(accepted(&world, "t").len(), 200);
    world.assert_clean();
}
