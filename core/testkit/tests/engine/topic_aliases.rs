//! Topic aliases both ways (section 3.3.2.3.4).

use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::BrokerConfig;
use polymqtt_testkit::world::World;

use crate::support::{
    Q0, Q1, Q2, accepted, broadcast, connected, connected_to, message, millis, options, secs,
};

fn takes_aliases(maximum: u16) -> BrokerConfig {
    BrokerConfig { topic_alias_maximum: maximum, ..BrokerConfig::default() }
}

fn publish(world: &mut World, topic: &str, payload: &str) {
    let token = world.publish(message(topic, payload, Q1)).unwrap();
    world.published(token).unwrap();
}

#[test]
fn a_topic_that_was_published_to_goes_by_its_alias() {
    let mut world = connected_to(takes_aliases(10));
    for qos in [Q0, Q1, Q2] {
        world.publish(message("sensors/attic", "x", qos)).unwrap();
    }
    world.run_for(millis(10));
    assert_eq!((accepted(&world, "sensors/attic").len(), world.broker.record().aliased), (3, 2));
    world.assert_clean();
}

#[test]
fn the_least_recently_used_alias_is_given_away() {
    let mut world = connected_to(takes_aliases(2));
    for topic in ["first", "second", "first", "third", "first", "second"] {
        publish(&mut world, topic, "x");
    }
    assert_eq!(world.broker.record().aliased, 2);
    assert_eq!(accepted(&world, "first").len(), 3);
    world.assert_clean();
}

#[test]
fn the_smaller_maximum_of_both_sides_holds() {
    let round_robin = |options: polymqtt_proto::options::Options, server: u16| {
        let mut world = World::new(options.check().unwrap(), takes_aliases(server), 1);
        world.connect().unwrap();
        for topic in ["topic/1", "topic/2", "topic/3"].repeat(2) {
            publish(&mut world, topic, "x");
        }
        world.assert_clean();
        world.broker.record().aliased
    };
    assert_eq!(round_robin(options(), 3), 3);
    assert_eq!(round_robin(options(), 0), 0);
    assert_eq!(round_robin(options().outgoing_topic_aliases(0), 3), 0);
    assert_eq!(round_robin(options().outgoing_topic_aliases(2), 3), 0);
}

#[test]
fn aliases_end_with_their_connection() {
    let mut world = connected_to(takes_aliases(10));
    publish(&mut world, "topic", "1");
    let token = world.publish(message("topic", "2", Q1)).unwrap();
    world.cut();
    world.published(token).unwrap();
    publish(&mut world, "topic", "3");
    assert!(accepted(&world, "topic").ends_with(&["2".to_owned(), "3".to_owned()]));
    world.assert_clean();
}

#[test]
fn an_alias_never_makes_a_packet_too_large() {
    // The packet with its topic in full: exactly the maximum.
    let payload = "x".repeat(64 - 2 - 2 - "topic".len() - 2 - 1);
    let config = BrokerConfig { maximum_packet_size: Some(64), ..takes_aliases(10) };
    let mut world = connected_to(config);
    publish(&mut world, "topic", &payload);
    publish(&mut world, "topic", "small");
    publish(&mut world, "topic", "small");
    assert_eq!(world.broker.record().aliased, 1);
    world.assert_clean();
}

#[test]
fn no_more_are_allowed_to_the_server_than_the_user_wants() {
    let config = || BrokerConfig { uses_topic_aliases: true, ..BrokerConfig::default() };
    let mut world = World::new(options().topic_alias_maximum(0).check().unwrap(), config(), 1);
    world.connect().unwrap();
    assert_eq!(world.broker.record().connects[0].properties.topic_alias_maximum, None);
    let stream = world.subscribe("#", Q1).unwrap();
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).topic(), "a");
    world.assert_clean();
}

#[test]
fn a_topic_alias_of_the_server_must_be_one_that_we_allowed_and_that_stands_for_something() {
    // PUBLISH at QoS 0 with an empty topic and the alias 1, 0 and 33.
    for alias in [1_u8, 0, 33] {
        let mut world = connected(options());
        world.broker.send_raw("c", &[0x30, 0x06, 0x00, 0x00, 0x03, 0x23, 0x00, alias]);
        world.run_for(secs(2));
        let told = &world.broker.record().disconnects;
        let possible = [ReasonCode::TopicAliasInvalid, ReasonCode::ProtocolError];
        assert!(told.len() == 1 && possible.contains(&told[0]), "alias {alias}: {told:?}");
    }
}

#[test]
fn topic_aliases_of_the_server_are_resolved_and_do_not_outlive_the_connection() {
    let mut world = connected_to(BrokerConfig { uses_topic_aliases: true, ..BrokerConfig::default() });
    let stream = world.subscribe("a/#", Q1).unwrap();
    for round in 0..3 {
        for topic in ["a/1", "a/2", "a/1"] {
            broadcast(&mut world, topic, &round.to_string(), Q0);
            let message = world.receive(stream);
            assert_eq!((message.topic(), message.text().unwrap()), (topic, &*round.to_string()));
        }
        world.cut();
        world.run_for(secs(3));
    }
    world.assert_clean();
}
