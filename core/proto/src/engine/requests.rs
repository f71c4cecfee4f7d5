//! Request and response (section 4.10): messages that are published with the expectation of an answer.
//!
//! One subscription takes the answers to all requests; correlation data tells which one an answer is for. A request is
//! *held* until the server has granted that subscription; then its message is an ordinary publish.

use std::time::Duration;

use super::awaited::{Stage, Waiting};
use super::publish::Rejected;
use super::stream::StreamId;
use super::timers::Timer;
use super::{Completion, Engine, PublishAck, Token};
use crate::codec::Version;
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::reason::ReasonCode;
use crate::session::AckRef;
use crate::time::Timestamp;

/// Requests that may wait for their answers at once. The queue bounds what was not sent; this bounds the rest.
const MOST_REQUESTS: usize = 65_536;

impl Engine {
    /// Publishes a message and waits for the answer (v5, section 4.10); the outcome is a [`Completion::Responded`].
    ///
    /// Response topic and correlation data are the engine's. The first request subscribes to the response topic: it,
    /// and those made meanwhile, leave once the server has granted that. From then on the message is published like
    /// any other: it waits in the queue, and is sent again after reconnects as its quality of service says. The wait
    /// for the answer goes on while there is no connection. When the server loses the session, the subscription is
    /// made anew before anything is sent; a request that the server had acknowledged is not sent a second time.
    ///
    /// The operation ends once: with the answer, or with an error. The server's refusal of the message, or of the
    /// subscription, is as it says; [`ErrorKind::NoResponder`] when the server tells that nobody subscribes to the
    /// topic (of QoS 1 and 2, and not of retained messages); [`ErrorKind::Timeout`] after `timeout`, with the message
    /// withdrawn if it was never sent; [`ErrorKind::Expired`] and [`ErrorKind::Dropped`] as for a publish;
    /// [`ErrorKind::Cancelled`] by [`Engine::cancel`]; [`ErrorKind::Closed`] with the client. Without a message expiry
    /// interval of its own, the message gets one of `timeout`, to the next second: nobody takes a later answer.
    ///
    /// Answers may come in any order. One that is late, comes twice, or is none to this client is acknowledged and
    /// counted ([`Metrics::unmatched_responses`](super::Metrics::unmatched_responses)).
    ///
    /// # Errors
    /// [`Rejected`] with the message: [`ErrorKind::Unsupported`] in version 3.1.1; [`ErrorKind::InvalidMessage`] when
    /// it has a response topic or correlation data already (to choose these, publish the message and subscribe to the
    /// topic); [`ErrorKind::QuotaExceeded`] when 65,536 requests wait; else as [`Engine::publish`].
    pub fn request(
        &mut self,
        now: Timestamp,
        message: Message,
        timeout: Duration,
        token: Token,
    ) -> Result<(), Rejected> {
        let now = self.tick(now);
        if let Err(error) = self.check_request_message(&message) {
            return Err(Rejected { error, message });
        }
        self.timers.set_at_latest(Timer::Request, now + timeout);
        let mut waiting =
            Waiting { token, accepted: now, timeout, retain: message.retain, stage: Stage::Published(0) };
        match self.granted_inlet() {
            Some(inlet) if self.requests.held.is_empty() => {
                waiting.stage = Stage::Published(inlet);
                let number = self.requests.insert(waiting);
                // The message goes back as it came when it is not accepted.
                self.publish_request(now, number, inlet, message.clone()).map_err(|error| {
                    self.requests.remove(number);
                    Rejected { error, message }
                })
            }
            _ => {
                let queue = &self.settings.queue;
                let bytes = self.requests.held_bytes.saturating_add(message.size());
                let full = self.requests.held.len() >= queue.max_messages || bytes > queue.max_bytes;
                if full && !self.requests.held.is_empty() {
                    let what = "the queue of requests that wait for the response subscription is full";
                    return Err(Rejected { error: Error::new(ErrorKind::QueueFull, what), message });
                }
                waiting.stage = Stage::Held(message);
                self.requests.insert(waiting);
                self.listen_for_responses();
                Ok(())
            }
        }
    }

    /// Whether the protocol version in use has requests and responses at all.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] in version 3.1.1.
    pub fn check_requests(&self) -> Result<(), Error> {
        match self.version() {
            Version::V5 => Ok(()),
            Version::V311 => Err(Error::new(
                ErrorKind::Unsupported,
                "requests and responses need MQTT 5: version 3.1.1 has no response topic",
            )),
        }
    }

    /// Nobody waits for the answer to a request any more: forgets it without a completion, and withdraws its message
    /// if that was never sent. Does nothing for another token.
    pub fn forget_request(&mut self, now: Timestamp, token: Token) {
        self.tick(now);
        self.withdraw_request(token);
        self.settle_goodbye();
    }

    /// Ends a request by its token; whether there was one.
    pub(super) fn cancel_request(&mut self, token: Token) -> bool {
        let cancelled = self.withdraw_request(token);
        if cancelled {
            let error = Error::new(ErrorKind::Cancelled, "the request was cancelled");
            self.complete(token, Completion::Responded(Err(error)));
        }
        cancelled
    }

    fn withdraw_request(&mut self, token: Token) -> bool {
        let Some(number) = self.requests.by_token.get(&token).copied() else {
            return false;
        };
        self.take_request(number);
        self.withdraw_unsent(Token::of_request(number));
        true
    }

    fn check_request_message(&self, message: &Message) -> Result<(), Error> {
        if self.life.is_closing() {
            return Err(self.life.closed_error());
        }
        self.check_requests()?;
        if let Some(properties) = message.properties()
            && (properties.response_topic.is_some() || properties.correlation_data.is_some())
        {
            return Err(Error::new(
                ErrorKind::InvalidMessage,
                "a request's response_topic and correlation_data are set by the client: to choose them, publish the \
                 message and subscribe to the response topic",
            ));
        }
        if self.requests.len() >= MOST_REQUESTS {
            let what = format!("{MOST_REQUESTS} requests wait for their answers already");
            return Err(Error::new(ErrorKind::QuotaExceeded, what));
        }
        self.check(message)
    }

    /// Gives the message what makes it a request, and publishes it.
    fn publish_request(
        &mut self,
        now: Timestamp,
        number: u64,
        inlet: u32,
        mut message: Message,
    ) -> Result<(), Error> {
        let requests = &self.requests;
        let (Some(waiting), Some(inlet)) = (requests.waiting.get(&number), requests.inlets.get(&inlet))
        else {
            return Ok(());
        };
        let expiry = waiting.expiry(&message, now)?;
        let (topic, data) = (inlet.topic.clone(), requests.correlation_data(number));
        let properties = message.properties_mut();
        properties.message_expiry_interval = expiry;
        properties.response_topic = Some(topic);
        properties.correlation_data = Some(data);
        self.submit(now, message, Token::of_request(number)).map_err(|rejected| rejected.error)
    }

    /// Publishes the requests that waited for the response subscription, as far as the queue takes them.
    pub(super) fn publish_held_requests(&mut self, now: Timestamp) {
        while let Some(number) = self.requests.held.first().copied()
            && let Some(inlet) = self.granted_inlet()
            && self.has_room_for_request(number)
            && let Some(message) = self.requests.unhold(number, inlet)
        {
            if let Err(error) = self.publish_request(now, number, inlet, message) {
                self.end_request(number, Err(error));
            }
        }
    }

    fn has_room_for_request(&self, number: u64) -> bool {
        match self.requests.waiting.get(&number).map(|waiting| &waiting.stage) {
            Some(Stage::Held(message)) => self.queue.would_take(message.size()),
            _ => true,
        }
    }

    /// What became of a request's publish. That it arrived is no news: the answer is waited for.
    pub(super) fn request_published(&mut self, token: Token, completion: Completion) {
        let (Some(number), Completion::Published(outcome)) = (token.request(), completion) else {
            return;
        };
        let retained = self.requests.waiting.get(&number).is_some_and(|waiting| waiting.retain);
        match outcome {
            Ok(PublishAck { reason_code: ReasonCode::NoMatchingSubscribers, properties }) if !retained => {
                let properties = properties.map(|boxed| *boxed).unwrap_or_default();
                let error =
                    Error::new(ErrorKind::NoResponder, "nobody subscribes to the topic of the request")
                        .with_reason_code(ReasonCode::NoMatchingSubscribers)
                        .with_details(properties.reason_string, properties.user_properties);
                self.end_request(number, Err(error));
            }
            Ok(_) => {}
            Err(error) => self.end_request(number, Err(error)),
        }
    }

    /// A message for a stream that is none of the subscriptions': an answer, or one for a stream that is gone.
    pub(super) fn handle_response(&mut self, stream: StreamId, mut message: Message) {
        self.inbound.take(std::mem::replace(&mut message.ack, AckRef::NONE));
        if self.requests.stream != Some(stream) {
            return;
        }
        match self.requests.answered_by(&message) {
            Some(number) => self.end_request(number, Ok(Box::new(message))),
            None => self.metrics.unmatched_responses += 1,
        }
    }

    /// Ends requests that got no answer in time.
    pub(super) fn sweep_requests(&mut self, now: Timestamp) {
        if !self.timers.take_due(Timer::Request, now) {
            return;
        }
        while let Some((_, number)) = self.requests.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            let Some(waiting) = self.take_request(number) else {
                return;
            };
            let held = matches!(waiting.stage, Stage::Held(_));
            let unsent = self.withdraw_unsent(Token::of_request(number)) || held;
            let what = if unsent { "the request could not be sent" } else { "no answer came" };
            let what = format!("{what} within {} s", waiting.timeout.as_secs_f64());
            let error = Error::new(ErrorKind::Timeout, what);
            self.complete(waiting.token, Completion::Responded(Err(error)));
        }
        self.timers.set(Timer::Request, self.requests.deadlines.first().map(|(at, _)| *at));
    }

    /// The client is closed: every request ends.
    pub(super) fn fail_requests(&mut self, error: &Error) {
        for number in self.requests.waiting.keys().copied().collect::<Vec<_>>() {
            self.end_request(number, Err(error.clone()));
        }
    }

    pub(super) fn end_request(&mut self, number: u64, outcome: Result<Box<Message>, Error>) {
        if let Some(waiting) = self.take_request(number) {
            self.complete(waiting.token, Completion::Responded(outcome));
        }
    }

    /// Forgets a request, and the topic that only it was waiting at, unless new requests use that.
    pub(super) fn take_request(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.requests.remove(number)?;
        if let Stage::Published(inlet) = waiting.stage
            && self.requests.current != Some(inlet)
        {
            self.close_unused_inlets();
        }
        Some(waiting)
    }
}
