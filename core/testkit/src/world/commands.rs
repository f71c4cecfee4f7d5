//! Commands to the engine, with the wait for their outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use polymqtt_proto::codec::{SubscriptionOptions, UserProperties};
use polymqtt_proto::connection::Grant;
use polymqtt_proto::engine::{
    Completion, DisconnectOptions, PublishAck, Rejected, StreamId, SubscribeRequest, Token, Undelivered,
    UnsubscribeAck,
};
use polymqtt_proto::error::Error;
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::topic::TopicFilter;

use super::{PATIENCE, World, unexpected};

impl World {
    /// Connects and waits for the outcome.
    ///
    /// # Errors
    /// Why the first connect failed.
    pub fn connect(&mut self) -> Result<Box<Grant>, Error> {
        let token = self.start_connect();
        match self.complete(token) {
            Completion::Connected(outcome) => outcome,
            other => unexpected(&other),
        }
    }

    /// Connects without waiting.
    pub fn start_connect(&mut self) -> Token {
        let token = self.token();
        let started = self.engine.connect(self.now, token);
        assert!(started.is_ok(), "connect: {started:?}");
        token
    }

    /// Publishes without waiting.
    ///
    /// # Errors
    /// When the engine does not accept the message.
    pub fn publish(&mut self, message: Message) -> Result<Token, Rejected> {
        let token = self.token();
        self.engine.publish(self.now, message, None, token)?;
        Ok(token)
    }

    /// Waits for the outcome of a publish.
    ///
    /// # Errors
    /// That outcome.
    pub fn published(&mut self, token: Token) -> Result<PublishAck, Error> {
        match self.complete(token) {
            Completion::Published(outcome) => outcome,
            other => unexpected(&other),
        }
    }

    /// Subscribes to one filter and waits for the outcome.
    ///
    /// # Errors
    /// Why there is no subscription.
    pub fn subscribe(&mut self, filter: &str, qos: QoS) -> Result<StreamId, Error> {
        self.subscribe_with(request(filter, qos))
    }

    /// Subscribes and waits for the outcome.
    ///
    /// # Errors
    /// Why there is no subscription.
    pub fn subscribe_with(&mut self, request: SubscribeRequest) -> Result<StreamId, Error> {
        let token = self.token();
        let stream = self.engine.subscribe(self.now, request, token)?;
        match self.complete(token) {
            Completion::Subscribed(outcome) => outcome.map(|_| stream),
            other => unexpected(&other),
        }
    }

    /// Makes a request without waiting.
    ///
    /// # Errors
    /// When the engine does not accept the message.
    pub fn request(&mut self, message: Message, timeout: Duration) -> Result<Token, Rejected> {
        let token = self.token();
        self.engine.request(self.now, message, timeout, token)?;
        Ok(token)
    }

    /// Waits for the outcome of a request.
    ///
    /// # Errors
    /// That outcome.
    pub fn responded(&mut self, token: Token) -> Result<Message, Error> {
        match self.complete(token) {
            Completion::Responded(outcome) => outcome.map(|message| *message),
            other => unexpected(&other),
        }
    }

    /// Closes a stream and waits for the outcome.
    ///
    /// # Errors
    /// That outcome.
    pub fn unsubscribe(&mut self, stream: StreamId) -> Result<UnsubscribeAck, Error> {
        let token = self.token();
        self.engine.unsubscribe(self.now, stream, UserProperties::new(), token)?;
        match self.complete(token) {
            Completion::Unsubscribed(outcome) => outcome,
            other => unexpected(&other),
        }
    }

    /// Disconnects in order and waits for the end.
    pub fn disconnect(&mut self, options: DisconnectOptions) -> Undelivered {
        let token = self.token();
        let started = self.engine.disconnect(self.now, options, token);
        assert!(started.is_ok(), "disconnect: {started:?}");
        match self.complete(token) {
            Completion::Disconnected(undelivered) => undelivered,
            other => unexpected(&other),
        }
    }

    /// The next message of a stream, waited for if need be. Acknowledges the ones before.
    pub fn receive(&mut self, stream: StreamId) -> Message {
        let until = self.now + PATIENCE;
        loop {
            match self.engine.receive(self.now, stream) {
                Ok(Some(message)) => {
                    self.settle();
                    return message;
                }
                Ok(None) => assert!(self.step(until), "no message came for {stream:?}: {:?}", self.events),
                Err(error) => unexpected(&error),
            }
        }
    }

    /// The next message of a stream, if one is there now. Acknowledges the ones before.
    ///
    /// # Errors
    /// When the stream has ended.
    pub fn try_receive(&mut self, stream: StreamId) -> Result<Option<Message>, Error> {
        let message = self.engine.receive(self.now, stream);
        self.settle();
        message
    }

    /// Waits for an operation to end, and gives its outcome.
    pub fn complete(&mut self, token: Token) -> Completion {
        self.run_until(|world| world.completions.contains_key(&token));
        match self.completions.remove(&token) {
            Some(completion) => completion,
            None => unexpected(&format!("{token:?} does not end; events: {:?}", self.events)),
        }
    }

    /// The outcomes of all operations that have ended and were not asked for yet.
    pub fn take_completions(&mut self) -> BTreeMap<Token, Completion> {
        self.settle();
        std::mem::take(&mut self.completions)
    }

    /// The outcome of an operation, if it has ended.
    pub fn try_complete(&mut self, token: Token) -> Option<Completion> {
        self.settle();
        self.completions.remove(&token)
    }
}

/// A request for one filter.
#[must_use]
pub fn request(filter: &str, qos: QoS) -> SubscribeRequest {
    let Ok(filter) = TopicFilter::try_from(filter) else {
        unexpected(&format!("{filter:?} is no topic filter"))
    };
    let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
    SubscribeRequest { filters: vec![(filter, options)], ..SubscribeRequest::default() }
}
