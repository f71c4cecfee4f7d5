//! What most tests begin with.

use std::time::Duration;

use polymqtt_proto::message::Message;
use polymqtt_proto::options::Options;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::topic::TopicName;
use polymqtt_testkit::model_broker::{BrokerConfig, BrokerMessage};
use polymqtt_testkit::world::World;

pub(crate) const Q0: QoS = QoS::AtMostOnce;
pub(crate) const Q1: QoS = QoS::AtLeastOnce;
pub(crate) const Q2: QoS = QoS::ExactlyOnce;

pub(crate) fn options() -> Options {
    Options::new("mqtt://broker").unwrap().client_id("c")
}

/// A world with this client and a broker without limits, not connected.
#[expect(clippy::needless_pass_by_value, reason = "so that tests can chain setters")]
pub(crate) fn world(options: Options) -> World {
    World::new(options.check().unwrap(), BrokerConfig::default(), 1)
}

/// The same, connected.
pub(crate) fn connected(options: Options) -> World {
    let mut world = world(options);
    world.connect().unwrap();
    world
}

/// Connected to a broker with these limits.
pub(crate) fn connected_to(broker: BrokerConfig) -> World {
    let mut world = World::new(options().check().unwrap(), broker, 1);
    world.connect().unwrap();
    world
}

pub(crate) fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    Message::new(topic, payload.to_owned()).unwrap().with_qos(qos)
}

/// Publishes as another client would.
pub(crate) fn broadcast(world: &mut World, topic: &str, payload: &str, qos: QoS) {
    let topic = TopicName::try_from(topic).unwrap();
    world.broker.publish(world.now, BrokerMessage::new(&topic, payload.to_owned(), qos));
    world.settle();
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What the broker took for a topic, as text.
pub(crate) fn accepted(world: &World, topic: &str) -> Vec<String> {
    world
        .broker
        .record()
        .payloads(topic)
        .iter()
        .map(|payload| String::from_utf8_lossy(payload).into_owned())
        .collect()
}
