//! The topic that answers to requests arrive at, and the subscription to it (section 4.10.1).
//!
//! The subscription is an entry among the others, made at the first request and restored like them, but its stream is
//! none of [`Subscriptions::streams`](super::subscriptions::Subscriptions): the router finds it for answers only, and
//! plain messages pay nothing for it.

use std::fmt::Write;

use super::awaited::{Inlet, Stage, Waiting};
use super::stream::StreamId;
use super::subscriptions::SubscriptionState;
use super::{Engine, Token};
use crate::codec::{RetainHandling, SubscriptionOptions, UserProperties};
use crate::connection::Grant;
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::options::ResponseSettings;
use crate::qos::QoS;
use crate::text::Utf8String;
use crate::topic::{TopicFilter, TopicName};

impl Engine {
    /// The inlet for new requests, once the server has granted it.
    pub(super) fn granted_inlet(&self) -> Option<u32> {
        let current = self.requests.current?;
        let granted = |number| {
            let state = self.subscriptions.entries.get(&number)?.state;
            matches!(state, SubscriptionState::Active(_) | SubscriptionState::Doubted).then_some(number)
        };
        granted(current)
    }

    /// There is a new connection. The server may have given other response information: new requests use that, those
    /// that wait still get their answers where they expect them.
    pub(super) fn renew_response_topic(&mut self) {
        if let Err(error) = self.check_requests() {
            // The server was found to speak version 3.1.1 only.
            return self.fail_requests(&error);
        }
        let Some(connection) = &self.connection else {
            return;
        };
        let topic = response_topic(&connection.grant, &self.settings.responses, self.requests.nonce);
        let current = self.requests.current.and_then(|current| self.requests.inlets.get(&current));
        if current.is_some_and(|current| topic.as_ref() != Ok(&current.topic)) {
            self.requests.current = None;
            self.close_unused_inlets();
        }
        if self.requests.held() > 0 {
            self.listen_for_responses();
        }
    }

    /// Subscribes to the response topic, unless that was done, or there is no connection to make the topic from.
    pub(super) fn listen_for_responses(&mut self) {
        let Some(connection) = self.connection.as_ref().filter(|_| self.requests.current.is_none()) else {
            return;
        };
        let topic = response_topic(&connection.grant, &self.settings.responses, self.requests.nonce);
        let (topic, filter) = match topic.and_then(|topic| Ok((TopicFilter::try_from(topic.clone())?, topic)))
        {
            Ok((filter, topic)) => (topic, filter),
            Err(error) => return self.fail_held_requests(&error),
        };
        let stream = match self.requests.stream {
            Some(stream) => stream,
            None => *self.requests.stream.insert(StreamId(self.subscriptions.number())),
        };
        let known = self.subscriptions.find(&filter).map(|(number, _)| number);
        let number = known.unwrap_or_else(|| {
            let options = SubscriptionOptions {
                maximum_qos: QoS::AtLeastOnce,
                retain_handling: RetainHandling::DoNotSend,
                ..SubscriptionOptions::default()
            };
            self.subscriptions.insert(filter, options, UserProperties::new())
        });
        if let Some(entry) = self.subscriptions.entries.get_mut(&number)
            && !entry.streams.contains(&stream)
        {
            entry.streams.push(stream);
        }
        self.subscriptions.forget_route();
        // A topic that was used before may have requests that still wait at it.
        self.requests.inlets.entry(number).or_insert(Inlet { topic, waiting: 0 });
        self.requests.current = Some(number);
        self.send_subscribes();
    }

    /// The server does not grant the response subscription, or not any more: what depends on it can't be answered.
    pub(super) fn response_subscription_refused(&mut self, subscription: u32, error: &Error) {
        if self.requests.inlets.remove(&subscription).is_none() {
            return;
        }
        let lost =
            |waiting: &Waiting| matches!(waiting.stage, Stage::Published(inlet) if inlet == subscription);
        let waiting = &self.requests.waiting;
        let lost: Vec<u64> =
            waiting.iter().filter(|(_, waiting)| lost(waiting)).map(|(number, _)| *number).collect();
        if self.requests.current == Some(subscription) {
            // The next request tries again.
            self.requests.current = None;
            self.fail_held_requests(error);
        }
        for number in lost {
            self.withdraw_unsent(Token::of_request(number));
            self.end_request(number, Err(error.clone()));
        }
    }

    fn fail_held_requests(&mut self, error: &Error) {
        for number in std::mem::take(&mut self.requests.held) {
            self.end_request(number, Err(error.clone()));
        }
    }

    /// Unsubscribes from topics that no request waits at and no new one uses.
    pub(super) fn close_unused_inlets(&mut self) {
        let current = self.requests.current;
        let unused = |number: &u32, inlet: &Inlet| inlet.waiting == 0 && current != Some(*number);
        let inlets = self.requests.inlets.iter();
        let numbers: Vec<u32> =
            inlets.filter(|(number, inlet)| unused(number, inlet)).map(|(number, _)| *number).collect();
        for number in &numbers {
            self.requests.inlets.remove(number);
        }
        if let Some(stream) = self.requests.stream
            && !numbers.is_empty()
        {
            let filters = self.remove_subscriptions_of(stream, &numbers);
            self.request_unsubscribe(self.now, filters, UserProperties::new(), Token::NONE);
        }
    }

    /// Whether a message that no stream is for is an answer to an earlier run of this client, whose session goes on.
    /// Nobody will ever claim it: it is acknowledged and counted, and its topic unsubscribed.
    pub(super) fn is_answer_to_earlier_run(&mut self, message: &Message) -> bool {
        let Some(connection) = &self.connection else {
            return false;
        };
        let Some((reserved, run)) = message.topic().rsplit_once('/') else {
            return false;
        };
        let is_run = run.len() == 16 && run.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_run || reserved != reserved_topic(&connection.grant, &self.settings.responses) {
            return false;
        }
        self.metrics.unmatched_responses += 1;
        self.inbound.take(message.ack);
        let waiting = self.subscriptions.unsubscriptions.values();
        let asked =
            waiting.flat_map(|waiting| &waiting.filters).any(|filter| filter.as_str() == message.topic());
        if let Ok(filter) = TopicFilter::try_from(message.topic())
            && !asked
        {
            self.request_unsubscribe(self.now, vec![filter], UserProperties::new(), Token::NONE);
        }
        true
    }

    /// The client says goodbye and its session lasts: no later run would know the response topic, so it is given up.
    pub(super) fn stop_listening_for_responses(&mut self) {
        let lasting = self.settings.lasting_session(self.version());
        if lasting && self.connection.is_some() && self.requests.current.is_some() {
            self.requests.current = None;
            self.close_unused_inlets();
        }
    }
}

/// Where answers to this client's requests are sent: different for each client and run.
fn response_topic(grant: &Grant, settings: &ResponseSettings, nonce: u64) -> Result<Utf8String, Error> {
    let topic = format!("{}/{nonce:016x}", reserved_topic(grant, settings));
    TopicName::try_from(topic).map(TopicName::into_text).map_err(|error| {
        let what = format!("no response topic can be made from prefix and client identifier: {error}");
        Error::new(ErrorKind::InvalidTopic, what)
    })
}

/// What the response topics of all runs of this client begin with: what the server, or else the user's prefix, reserves
/// for it.
fn reserved_topic(grant: &Grant, settings: &ResponseSettings) -> String {
    let information =
        grant.response_information.as_ref().map(|information| information.trim_end_matches('/'));
    match information.filter(|information| TopicName::try_from(*information).is_ok()) {
        Some(information) => information.to_owned(),
        None => format!("{}/{}", settings.topic_prefix, topic_level(&grant.client_id)),
    }
}

/// A client identifier as one level of a topic: any text may be one, so what would end the level is escaped.
fn topic_level(client_id: &str) -> String {
    let mut level = String::with_capacity(client_id.len());
    for character in client_id.chars() {
        match character {
            '/' | '+' | '#' | '%' => {
                // Writing to a string does not fail.
                let _written = write!(level, "%{:02X}", u32::from(character));
            }
            _ => level.push(character),
        }
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_client_identifier_is_one_level() {
        assert_eq!(topic_level("pump-7"), "pump-7");
        assert_eq!(topic_level("a/b+c#d%e"), "a%2Fb%2Bc%23d%25e");
    }
}
