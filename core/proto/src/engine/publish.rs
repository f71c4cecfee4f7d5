//! Messages on their way out: accepted, queued, sent, acknowledged.

use std::collections::BTreeSet;
use std::time::Duration;

use super::queue::Queued;
use super::round_trip::Probed;
use super::timers::Timer;
use super::{Completion, Engine, PublishAck, Token};
use crate::codec::{
    Delivery, MAX_REMAINING_LENGTH, PublishHead, PublishProperties, SubscriptionIdentifiers, Version,
};
use crate::connection::{Connection, TopicForm};
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::mutant::Mutant;
use crate::qos::{PacketId, QoS};
use crate::reason::ReasonCode;
use crate::session::{Record, SlotState};
use crate::time::Timestamp;

/// Messages of at least this many bytes have their packet's size worked out before they are accepted.
const CERTAINLY_FITS: usize = 1 << 20;

/// QoS 2 messages in flight with version 3.1.1, where a server can't announce its receive maximum: mosquitto takes 20 of
/// QoS 1 and 2 unless it is told otherwise, and ends the connection at the next. One is left for QoS 1.
const EXACTLY_ONCE_V311: usize = 19;

/// A message that was not accepted, given back with the reason.
#[derive(Debug)]
pub struct Rejected {
    /// Why.
    pub error: Error,
    /// The message as it was given.
    pub message: Message,
}

/// A flush that waits: first for the queue, then for the transport.
#[derive(Debug)]
pub(super) struct Flush {
    token: Token,
    /// The place in the queue.
    queue: u64,
    /// The place in the stream of bytes, once the queue has passed.
    written: Option<u64>,
}

/// Publishes that end at a certain time whatever happens.
#[derive(Debug, Default)]
pub(super) struct PublishTimeouts(BTreeSet<(Timestamp, Token)>);

impl Engine {
    /// Publishes a message: sent at once where the connection and its quota allow, else queued.
    ///
    /// With `timeout`, the operation ends after that time at the latest: withdrawn when it was never sent, else
    /// indeterminate. The outcome is a [`Completion::Published`]; [`Token::NONE`] gives none.
    /// Gives the number of the journal record that the acceptance depends on, 0 without a store.
    ///
    /// # Errors
    /// [`Rejected`] with the message when it breaks a rule or a limit of the server, when the queue is full, or the
    /// client is closing.
    pub fn publish(
        &mut self,
        now: Timestamp,
        message: Message,
        timeout: Option<Duration>,
        token: Token,
    ) -> Result<u64, Rejected> {
        let now = self.tick(now);
        if self.life.is_closing() {
            return Err(Rejected { error: self.life.closed_error(), message });
        }
        self.submit(now, message, token)?;
        if let Some(timeout) = timeout {
            self.publish_timeouts.0.insert((now + timeout, token));
            self.timers.set_at_latest(Timer::Publish, now + timeout);
        }
        Ok(self.journal.position())
    }

    /// Sends a message or queues it.
    #[inline]
    pub(super) fn submit(&mut self, now: Timestamp, message: Message, token: Token) -> Result<(), Rejected> {
        if let Err(error) = self.check(&message) {
            return Err(Rejected { error, message });
        }
        if self.queue.is_empty() && self.may_send(&message) {
            let number = self.accept(&message);
            match message.properties {
                None => self.put_publish(message, token, number),
                // An interval of zero has passed by now.
                Some(_) => self.send(now, Queued::new(message, token, number, now)),
            }
            return Ok(());
        }
        self.enqueue(now, message, token)
    }

    /// Whether it is worth trying to publish again after `queue full`.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.queue.has_room(1) || self.life.is_closing()
    }

    /// Completes with [`Completion::Flushed`] once everything accepted so far was handed to the transport; with
    /// [`ErrorKind::Closed`] where the client has ended.
    pub fn flush(&mut self, now: Timestamp, token: Token) {
        self.tick(now);
        if self.life.is_ended() {
            return self.complete(token, Completion::Flushed(Err(self.life.closed_error())));
        }
        self.flushes.push(Flush { token, queue: self.queue.end(), written: None });
        self.settle_flushes();
    }

    /// Withdraws a publish that was never sent, or ends it as indeterminate; a request ends as cancelled. Whether there
    /// was one.
    pub fn cancel(&mut self, now: Timestamp, token: Token) -> bool {
        self.tick(now);
        if self.cancel_request(token) {
            self.settle_goodbye();
            return true;
        }
        let error = || Error::new(ErrorKind::Cancelled, "the message was withdrawn before it was sent");
        self.end_publish(
            token,
            error,
            "the message was sent, then withdrawn: whether it arrived is not known",
        )
    }

    /// Whether the message is within the rules, and the limits of the server as it is connected.
    #[inline]
    pub(super) fn check(&self, message: &Message) -> Result<(), Error> {
        if let Some(properties) = message.properties() {
            check_properties(self.version(), properties, message.payload())?;
        }
        if message.payload.len() >= CERTAINLY_FITS {
            check_size(self.version(), message)?;
        }
        match &self.connection {
            Some(connection) => connection.grant.limits.check_message(message),
            None => Ok(()),
        }
    }

    /// Whether the connection and its quota allow sending a message now.
    #[inline]
    fn may_send(&self, message: &Message) -> bool {
        let Some(connection) = &self.connection else {
            return false;
        };
        if !connection.replay.is_empty() || !self.outbox.has_room() {
            return false;
        }
        if message.qos == QoS::ExactlyOnce
            && connection.grant.limits.version == Version::V311
            && self.slots.exactly_once() >= EXACTLY_ONCE_V311
        {
            return false;
        }
        message.qos == QoS::AtMostOnce
            || (connection.send_quota > 0
                && (self.slots.bytes().saturating_add(message.size()) <= self.settings.queue.max_bytes
                    || self.slots.bytes() == 0))
    }

    /// Records that a message of QoS 1 or 2 was accepted; gives its number.
    #[inline]
    fn accept(&mut self, message: &Message) -> u64 {
        if message.qos == QoS::AtMostOnce || !self.journal.is_enabled() {
            return 0;
        }
        self.accepted += 1;
        let number = self.accepted;
        self.journal.append(|| Record::Accepted { number, message: message.clone().detach() });
        number
    }

    fn enqueue(&mut self, now: Timestamp, message: Message, token: Token) -> Result<(), Rejected> {
        if !self.queue.would_take(message.size()) {
            let error =
                Error::new(ErrorKind::QueueFull, "the queue of messages that wait to be sent is full");
            return Err(Rejected { error, message });
        }
        if self.queue.drops_newest(&message) {
            self.metrics.dropped_outgoing += 1;
            self.fail_publish(token, dropped("the newest message"));
            return Ok(());
        }
        while let Some(old) = self.queue.make_room(&message) {
            self.metrics.dropped_outgoing += 1;
            self.withdrawn(old.number);
            self.fail_publish(old.token, dropped("this message, to make room for a newer one,"));
        }
        let number = self.accept(&message);
        self.queue.push(Queued::new(message, token, number, now));
        if let Some(expiry) = self.queue.next_expiry() {
            self.timers.set_at_latest(Timer::Expiry, expiry);
        }
        Ok(())
    }

    /// Sends what waits, as far as the connection and its quota allow.
    pub(super) fn pump(&mut self, now: Timestamp) {
        self.replay();
        while let Some(next) = self.queue.front()
            && self.may_send(&next.message)
            && let Some(queued) = self.queue.pop()
        {
            self.send(now, queued);
        }
        self.publish_held_requests(now);
        self.settle_flushes();
    }

    /// Sends a message that waited, unless its interval has passed or the limits have changed with the connection.
    #[inline]
    fn send(&mut self, now: Timestamp, mut queued: Queued) {
        let Some(connection) = &self.connection else {
            return;
        };
        match queued.expiry_left(now) {
            Ok(None) => {}
            Ok(left) => queued.message.properties_mut().message_expiry_interval = left,
            Err(_expired) => return self.expired(&queued),
        }
        if let Err(error) = connection.grant.limits.check_message(&queued.message)
            && !Mutant::LimitsOfOldServer.is_active()
        {
            self.withdrawn(queued.number);
            return self.fail_publish(queued.token, error);
        }
        self.put_publish(queued.message, queued.token, queued.number);
    }

    /// Encodes one message, which the connection has room and quota for, and which is within its limits.
    #[inline]
    fn put_publish(&mut self, message: Message, token: Token, number: u64) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        self.metrics.messages_sent += 1;
        let qos = message.qos;
        if qos == QoS::AtMostOnce {
            return match encode(&mut self.outbox, connection, &message, Delivery::AtMostOnce) {
                Ok(()) => self.complete(token, Completion::Published(Ok(PublishAck::SUCCESS))),
                Err(error) => self.fail_publish(token, error),
            };
        }
        let packet_id = match self.slots.insert(token, SlotState::Publish { message, number }) {
            Ok(packet_id) => packet_id,
            Err(_all_in_use) => {
                let error = Error::new(ErrorKind::QuotaExceeded, "all 65,535 packet identifiers are in use");
                return self.fail_publish(token, error);
            }
        };
        connection.send_quota -= 1;
        self.journal.append(|| Record::Sent { number, packet_id });
        self.outbox.gate(&self.journal);
        let dup = Mutant::DupOnLiveConnection.is_active();
        if let SlotState::Publish { message, .. } = self.slots.state(packet_id)
            && let Err(error) = encode(&mut self.outbox, connection, message, delivery(qos, packet_id, dup))
        {
            return self.finish(packet_id, Err(error));
        }
        if qos == QoS::AtLeastOnce && self.round_trip.is_idle() {
            self.round_trip.start(Probed::Publish(packet_id), self.outbox.encoded());
        }
    }

    /// Sends PUBLISHes of the resumed session again, in their order, as far as the quota allows [MQTT-4.4.0-1].
    fn replay(&mut self) {
        while let Some(connection) = &mut self.connection
            && connection.send_quota > 0
            && self.outbox.has_room()
            && let Some(packet_id) = connection.replay.pop_front()
        {
            let SlotState::Publish { message, .. } = self.slots.state(packet_id) else {
                continue;
            };
            let interval = message.properties().and_then(|properties| properties.message_expiry_interval);
            let expired = interval.is_some() && Mutant::ExpiryAppliedToSent.is_active();
            let sent = match connection.grant.limits.check_message(message) {
                _ if expired => Err(Error::new(ErrorKind::Expired, "a fault of tests")),
                Ok(()) => {
                    encode(&mut self.outbox, connection, message, delivery(message.qos, packet_id, true))
                }
                Err(error) => Err(error),
            };
            let exactly_once = message.qos == QoS::ExactlyOnce;
            match sent {
                Ok(()) => connection.send_quota -= 1,
                Err(error) if exactly_once => {
                    let token = self.slots.retire(packet_id);
                    self.journal.append(|| Record::Retired(packet_id));
                    self.fail_publish(token, error);
                }
                Err(error) => {
                    connection.send_quota -= 1;
                    self.finish(packet_id, Err(error));
                }
            }
        }
    }

    fn expired(&mut self, queued: &Queued) {
        self.withdrawn(queued.number);
        let error =
            Error::new(ErrorKind::Expired, "the message's expiry interval passed before it could be sent");
        self.fail_publish(queued.token, error);
    }

    fn withdrawn(&mut self, number: u64) {
        if number > 0 {
            self.journal.append(|| Record::Withdrawn { number });
        }
    }

    /// Takes a message back that was never sent; whether there was one.
    pub(super) fn withdraw_unsent(&mut self, token: Token) -> bool {
        let Some(queued) = self.queue.remove(token) else {
            return false;
        };
        self.withdrawn(queued.number);
        true
    }

    /// Ends a publish early: with `unsent` when it was never sent, else as indeterminate.
    fn end_publish(&mut self, token: Token, unsent: impl FnOnce() -> Error, sent: &str) -> bool {
        if self.withdraw_unsent(token) {
            self.fail_publish(token, unsent());
            return true;
        }
        // The handshake goes on; nobody waits for it any more.
        if self.slots.abandon(token) {
            self.fail_publish(token, Error::new(ErrorKind::Indeterminate, sent));
            return true;
        }
        false
    }

    /// Removes what has expired from the queue, and ends publishes whose timeout has passed.
    pub(super) fn sweep_publishes(&mut self, now: Timestamp) {
        if self.timers.take_due(Timer::Expiry, now) {
            while let Some(queued) = self.queue.pop_expired(now) {
                self.expired(&queued);
            }
            self.timers.set(Timer::Expiry, self.queue.next_expiry());
        }
        if self.timers.take_due(Timer::Publish, now) {
            while let Some((at, token)) = self.publish_timeouts.0.pop_first() {
                if at > now {
                    self.publish_timeouts.0.insert((at, token));
                    self.timers.set(Timer::Publish, Some(at));
                    break;
                }
                let error = || Error::new(ErrorKind::Timeout, "the message could not be sent in time");
                self.end_publish(
                    token,
                    error,
                    "no acknowledgement came in time: whether it arrived is not known",
                );
            }
        }
    }

    pub(super) fn settle_flushes(&mut self) {
        let (encoded, written) = (self.outbox.encoded(), self.outbox.written());
        let mut index = 0;
        while let Some(flush) = self.flushes.get_mut(index) {
            if flush.written.is_none() && self.queue.has_passed(flush.queue) {
                flush.written = Some(encoded);
            }
            if flush.written.is_some_and(|place| place <= written) {
                let token = self.flushes.remove(index).token;
                self.complete(token, Completion::Flushed(Ok(())));
            } else {
                index += 1;
            }
        }
    }

    /// The connection is gone: flushes that waited for its bytes failed, the others go on waiting.
    pub(super) fn fail_flushes(&mut self, all: bool, error: &Error) {
        let failed: Vec<Flush> =
            self.flushes.extract_if(.., |flush| all || flush.written.is_some()).collect();
        for flush in failed {
            self.complete(flush.token, Completion::Flushed(Err(error.clone())));
        }
    }

    /// The server has lost the session: what was in flight is sent again as new, or ends.
    pub(super) fn resend_as_new(&mut self, now: Timestamp, resend: bool) {
        let lost = |qos: QoS| {
            let kind =
                if qos == QoS::AtLeastOnce { ErrorKind::SessionLost } else { ErrorKind::Indeterminate };
            Error::new(kind, "the server lost the session: whether the message arrived is not known")
        };
        for packet_id in self.slots.in_order(SlotState::is_publish).into_iter().rev() {
            let publish = match self.slots.state(packet_id) {
                SlotState::Publish { message, number } => Some((message.clone(), *number)),
                _ => None,
            };
            let Some(token) = self.slots.free(packet_id) else {
                continue;
            };
            match publish {
                Some((message, number)) if resend && message.qos == QoS::AtLeastOnce => {
                    self.queue.push_front(Queued::new(message, token, number, now));
                }
                Some((message, number)) => {
                    self.withdrawn(number);
                    self.fail_publish(token, lost(message.qos));
                }
                None => self.fail_publish(token, lost(QoS::ExactlyOnce)),
            }
        }
    }

    /// The client is closed: every publish ends.
    pub(super) fn fail_publishes(&mut self, error: &Error) {
        while let Some(queued) = self.queue.pop() {
            self.fail_publish(queued.token, error.clone());
        }
        for packet_id in self.slots.in_order(SlotState::is_publish) {
            if let Some(token) = self.slots.free(packet_id) {
                let what = format!("the client was closed before the acknowledgement arrived ({error})");
                self.fail_publish(token, Error::new(ErrorKind::Indeterminate, what));
            }
        }
        self.publish_timeouts.0.clear();
        self.fail_flushes(true, error);
    }
}

fn dropped(what: &str) -> Error {
    Error::new(ErrorKind::Dropped, format!("the queue is full: {what} was dropped"))
}

#[inline]
fn encode(
    outbox: &mut super::Outbox,
    connection: &mut Connection,
    message: &Message,
    delivery: Delivery,
) -> Result<(), Error> {
    let limits = &connection.grant.limits;
    let (topic, topic_alias, assigned) = match connection.outgoing_aliases.form(&message.topic) {
        TopicForm::Full => (message.topic(), None, None),
        TopicForm::Assigns(alias) => (message.topic(), Some(alias), Some(alias)),
        TopicForm::Alias(alias) => ("", Some(alias), None),
    };
    let mut head = PublishHead {
        delivery,
        retain: message.retain,
        topic,
        topic_alias,
        subscription_identifiers: &SubscriptionIdentifiers::NONE,
        properties: message.properties(),
        payload_len: message.payload.len(),
    };
    // The message fits without an alias; it may not with one.
    if let (Some(alias), Some(maximum)) = (assigned, limits.maximum_packet_size)
        && head.encoded_len(limits.version) > maximum as usize
    {
        connection.outgoing_aliases.revoke(alias);
        head.topic_alias = None;
    }
    if let Err(error) = head.encode(limits.version, outbox.tail()) {
        assigned.into_iter().for_each(|alias| connection.outgoing_aliases.revoke(alias));
        return Err(Error::new(ErrorKind::InvalidMessage, error.to_string()));
    }
    outbox.put_payload(&message.payload);
    Ok(())
}

#[inline]
fn delivery(qos: QoS, packet_id: PacketId, dup: bool) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
    }
}

fn check_size(version: Version, message: &Message) -> Result<(), Error> {
    let fixed = 2 + message.topic().len() + 2;
    let properties =
        if version.has_properties() { message.properties().map_or(1, properties_bound) } else { 0 };
    if message.payload.len() + fixed + properties <= MAX_REMAINING_LENGTH {
        return Ok(());
    }
    let what = format!(
        "the payload has {} bytes: a packet holds at most {MAX_REMAINING_LENGTH} with topic and properties",
        message.payload.len()
    );
    Err(Error::new(ErrorKind::PacketTooLarge, what).with_reason_code(ReasonCode::PacketTooLarge))
}

/// No properties encode to more bytes than this.
fn properties_bound(properties: &PublishProperties) -> usize {
    let pairs: usize =
        properties.user_properties.iter().map(|(name, value)| 5 + name.len() + value.len()).sum();
    64 + pairs
        + properties.response_topic.as_ref().map_or(0, |topic| topic.len())
        + properties.content_type.as_ref().map_or(0, |text| text.len())
        + properties.correlation_data.as_ref().map_or(0, bytes::Bytes::len)
}

fn check_properties(version: Version, properties: &PublishProperties, payload: &[u8]) -> Result<(), Error> {
    let invalid = |what: &str| Err(Error::new(ErrorKind::InvalidMessage, what));
    if version == Version::V311 {
        return Err(Error::new(ErrorKind::Unsupported, "a message's properties need MQTT 5"));
    }
    if properties.payload_format_indicator == Some(true) && std::str::from_utf8(payload).is_err() {
        return invalid("the payload is not UTF-8, as its payload format indicator says");
    }
    if properties.response_topic.as_ref().is_some_and(|topic| topic.is_empty() || topic.contains(['+', '#']))
    {
        return Err(Error::new(
            ErrorKind::InvalidTopic,
            "the response topic must be a topic name: not empty and without wildcards [MQTT-3.3.2-14]",
        ));
    }
    if properties.correlation_data.as_ref().is_some_and(|data| data.len() > usize::from(u16::MAX)) {
        return invalid("correlation_data has more than 65,535 bytes");
    }
    Ok(())
}
