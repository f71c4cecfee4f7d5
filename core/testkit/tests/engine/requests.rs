//! Request and response (section 4.10): a client that asks, and in the same world the responder that it asks.

mod answers;
mod connections;
mod failures;

use bytes::Bytes;
use polymqtt_proto::codec::PublishProperties;
use polymqtt_proto::engine::{StreamId, Token};
use polymqtt_proto::error::Error;
use polymqtt_proto::message::Message;
use polymqtt_testkit::model_broker::BrokerMessage;
use polymqtt_testkit::world::World;

use crate::support::{Q1, Q2, connected, message, millis, options, secs};

/// A connected world with a stream that plays the responder.
fn with_responder() -> (World, StreamId) {
    let mut world = connected(options());
    let rows = world.subscribe("rows/+", Q2).unwrap();
    (world, rows)
}

fn ask(world: &mut World, topic: &str) -> Token {
    world.request(message(topic, "", Q1), secs(30)).unwrap()
}

/// Answers as another client would.
fn answer(world: &mut World, request: &Message, payload: &str) {
    let response = request.response(payload.to_owned()).unwrap();
    let properties = response.properties().cloned().unwrap_or_default();
    publish(world, response.topic(), payload, properties);
}

fn publish(world: &mut World, topic: &str, payload: &str, properties: PublishProperties) {
    let topic = topic.try_into().unwrap();
    let mut message = BrokerMessage::new(&topic, payload.to_owned(), Q1);
    message.properties = properties;
    world.broker.publish(world.now, message);
    world.settle();
}

/// The connection is gone, and the client knows.
fn go_offline(world: &mut World) {
    world.reachable = false;
    world.cut();
    world.run_for(millis(100));
}

fn response_topic(request: &Message) -> &str {
    request.properties().unwrap().response_topic.as_ref().unwrap()
}

fn correlation_data(request: &Message) -> Bytes {
    request.properties().unwrap().correlation_data.clone().unwrap()
}

/// The response topics that the server knows of.
fn response_filters(world: &World) -> Vec<String> {
    let filters = world.broker.filters("c").into_iter().map(|filter| filter.to_string());
    filters.filter(|filter| !filter.starts_with("rows")).collect()
}

fn unsettled(world: &World) -> (usize, usize, u64) {
    let metrics = world.engine.metrics();
    (metrics.requests, metrics.in_flight, metrics.unmatched_responses)
}

fn failure(world: &mut World, token: Token) -> Error {
    world.responded(token).unwrap_err()
}

fn is_pending(world: &mut World, token: Token) -> bool {
    world.try_complete(token).is_none()
}
