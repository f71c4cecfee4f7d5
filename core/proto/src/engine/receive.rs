//! Messages on their way in: routed to streams, taken by the application, acknowledged.

use super::stream::{Fill, StreamId, WhenStreamFull};
use super::subscriptions::Subscriptions;
use super::{Completion, Engine, Token};
use crate::codec::{Delivery, Frame, Publish, SubscriptionIdentifiers, UserProperties, Version};
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::mutant::Mutant;
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::session::{AckRef, Arrival, Record};
use crate::time::Timestamp;
use crate::topic::{TopicFilter, TopicName};

impl Engine {
    /// Hands out the next message of a stream. Asking says that the application has taken all that were handed out
    /// before: they are acknowledged now, unless the stream has manual acknowledgement.
    ///
    /// `Ok(None)` when nothing waits; [`Engine::poll_readable`] will tell.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] once a stream that ended in order is empty, or the error that ended it.
    #[inline]
    pub fn receive(&mut self, now: Timestamp, stream: StreamId) -> Result<Option<Message>, Error> {
        self.tick(now);
        self.take(stream);
        self.next_message(stream)
    }

    /// As [`Engine::receive`], up to `most` messages at once, appended to `messages`; how many.
    ///
    /// # Errors
    /// As [`Engine::receive`], when there is not one.
    pub fn receive_many(
        &mut self,
        now: Timestamp,
        stream: StreamId,
        most: usize,
        messages: &mut Vec<Message>,
    ) -> Result<usize, Error> {
        self.receive_more(now, stream, usize::MAX, most, messages)
    }

    /// As [`Engine::receive_many`], for hosts that hand messages on one by one: only the first `taken` of those that
    /// [an acknowledgement is owed for](Message::owes_acknowledgement), that were handed out and not said to be taken
    /// yet, are acknowledged.
    ///
    /// # Errors
    /// As [`Engine::receive`], when there is not one.
    pub fn receive_more(
        &mut self,
        now: Timestamp,
        stream: StreamId,
        taken: usize,
        most: usize,
        messages: &mut Vec<Message>,
    ) -> Result<usize, Error> {
        self.taken(now, stream, taken);
        let before = messages.len();
        while messages.len() - before < most {
            match self.next_message(stream) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) if messages.len() == before => return Err(error),
                Err(_later) => break,
            }
        }
        Ok(messages.len() - before)
    }

    /// Takes back messages that a stream handed out last, in their order, as before it is let go of: what nobody has
    /// seen waits again, and has the stream's end.
    pub fn put_back(&mut self, now: Timestamp, stream: StreamId, messages: Vec<Message>) {
        self.tick(now);
        if let Some(stream) = self.subscriptions.streams.get_mut(&stream) {
            stream.put_back(messages);
        }
    }

    /// Whether the host should read from the transport.
    ///
    /// Reading pauses while QoS 0 messages fill a stream, but only as long as nothing of ours waits for the server, not
    /// even the reader of another stream: what is waited for travels behind those messages, and whoever waits may be
    /// the reader of the full stream. With version 3.1.1, which has no receive maximum, any messages pause reading once
    /// they are beyond the stream's reserve, unless an operation waits; so they do where a server ignores the receive
    /// maximum of version 5.
    #[must_use]
    #[inline]
    pub fn wants_read(&self) -> bool {
        self.streams_have_room() && !self.life.is_verifying()
    }

    /// Whether streams do not keep packets from being handled.
    #[inline]
    pub(super) fn streams_have_room(&self) -> bool {
        let Subscriptions { full, beyond, hungry, .. } = &self.subscriptions;
        let bounded = beyond.is_empty() && !self.overrun;
        if Mutant::CompletionsStuckBehindMessages.is_active() {
            return bounded && full.is_empty();
        }
        (bounded && (full.is_empty() || *hungry > 0)) || self.awaits_server()
    }

    fn awaits_server(&self) -> bool {
        self.connection.is_none()
            || !self.slots.is_empty()
            || !self.queue.is_empty()
            || !self.flushes.is_empty()
            || !self.requests.is_empty()
            || self.authenticating.is_under_way()
            || self.life.is_closing()
    }

    #[inline]
    fn next_message(&mut self, id: StreamId) -> Result<Option<Message>, Error> {
        let Some(stream) = self.subscriptions.streams.get_mut(&id) else {
            return Err(Error::new(ErrorKind::Closed, "the subscription is closed"));
        };
        let message = stream.pop();
        let was_full = !self.subscriptions.full.is_empty() || !self.subscriptions.beyond.is_empty();
        if was_full && stream.is_half_empty() {
            self.subscriptions.is_drained(id);
        }
        if message.is_some() {
            return Ok(message);
        }
        self.subscriptions.found_empty(id)
    }

    /// PUBLISH (section 3.3).
    #[inline]
    pub(super) fn handle_publish(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let Publish { delivery, retain, topic, topic_alias, subscription_identifiers, properties, payload } =
            connection.publish_decoder.decode(frame)?;
        let topic = match topic_alias {
            Some(alias) if topic.is_empty() => connection.incoming_aliases.resolve(alias)?,
            alias => {
                let topic = TopicName::of_publish(topic);
                if let Some(alias) = alias {
                    connection.incoming_aliases.assign(alias, &topic)?;
                }
                topic
            }
        };
        if delivery != Delivery::AtMostOnce {
            self.check_receive_maximum()?;
        }
        let ack = match delivery {
            Delivery::AtMostOnce => AckRef::NONE,
            Delivery::AtLeastOnce { packet_id, .. } => self.inbound.arrive_at_least_once(packet_id),
            Delivery::ExactlyOnce { packet_id, dup } => {
                match self.inbound.arrive_exactly_once(packet_id, dup) {
                    Arrival::Known => return Ok(()),
                    Arrival::New(ack) => ack,
                    Arrival::Reused(ack) => {
                        self.journal.append(|| Record::Released(packet_id));
                        ack
                    }
                }
            }
        };
        if self.settings.verify_payload_format
            && let Some(properties) = &properties
            && properties.payload_format_indicator == Some(true)
            && std::str::from_utf8(&payload).is_err()
        {
            self.refuse(ack, ReasonCode::PayloadFormatInvalid);
            return Ok(());
        }
        let message =
            Message { topic, payload, properties, qos: delivery.qos(), retain, dup: delivery.dup(), ack };
        self.deliver(message, &subscription_identifiers)
    }

    /// The server must not send more than the receive maximum of this side [MQTT-3.3.4-9]; version 3.1.1 has none.
    ///
    /// mosquitto 2.0.11 does, while it has a backlog: each acknowledgement brings two messages. Closing would bring the
    /// same backlog again, for ever: reading pauses instead. Only where it can't, twice as many end the connection.
    #[inline]
    fn check_receive_maximum(&mut self) -> Result<(), Error> {
        let maximum = usize::from(self.settings.receive_maximum);
        if self.version() == Version::V311 || self.inbound.outstanding() < maximum {
            return Ok(());
        }
        self.overrun = true;
        if self.inbound.outstanding() < 2 * maximum {
            return Ok(());
        }
        let what = format!(
            "the server sent more than twice the {maximum} messages that it may without waiting for acknowledgements"
        );
        Err(Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ReceiveMaximumExceeded))
    }

    #[inline]
    fn deliver(&mut self, message: Message, identifiers: &SubscriptionIdentifiers) -> Result<(), Error> {
        let streams = self.subscriptions.take_route(&message.topic, identifiers);
        let outcome = match streams.split_last() {
            None => {
                self.hold_unclaimed(message);
                Ok(())
            }
            Some(_) if self.is_overrun(&streams, message.qos) => {
                self.inbound.forget(message.ack);
                self.subscriptions.grow_reserves(&streams);
                let what = "a subscription holds twice its bound of messages that are not taken: the server sends \
                            them again on the next connection";
                Err(Error::new(ErrorKind::QuotaExceeded, what))
            }
            Some((last, others)) => {
                self.metrics.messages_received += 1;
                if !others.is_empty() {
                    self.inbound.hold(message.ack, u32::try_from(streams.len()).unwrap_or(u32::MAX));
                }
                others.iter().for_each(|stream| self.push_to(*stream, message.clone()));
                self.push_to(*last, message);
                Ok(())
            }
        };
        self.subscriptions.return_route(streams);
        outcome
    }

    /// Whether a message of version 3.1.1, which has no receive maximum, finds no room where reading can't pause.
    fn is_overrun(&self, streams: &[StreamId], qos: QoS) -> bool {
        let unbounded = self.version() == Version::V311 && qos != QoS::AtMostOnce;
        let beyond = |id: &StreamId| {
            self.subscriptions.streams.get(id).is_some_and(|stream| stream.fill() == Fill::Beyond)
        };
        unbounded && self.awaits_server() && streams.iter().any(beyond)
    }

    #[inline]
    pub(super) fn push_to(&mut self, id: StreamId, message: Message) {
        let version = self.version();
        let Some(stream) = self.subscriptions.streams.get_mut(&id) else {
            return self.handle_response(id, message);
        };
        let fill = stream.fill();
        if fill == Fill::Beyond && message.qos == QoS::AtMostOnce {
            self.metrics.dropped_incoming += 1;
            match stream.options.when_full {
                WhenStreamFull::DropNewest => return,
                WhenStreamFull::DropOldest => drop(stream.drop_oldest()),
            }
        }
        if fill != Fill::Room && message.qos == QoS::AtMostOnce {
            self.subscriptions.full.insert(id);
        }
        // Without a receive maximum nothing else bounds what the server sends.
        if fill == Fill::Beyond && message.qos != QoS::AtMostOnce && version == Version::V311 {
            self.subscriptions.beyond.insert(id);
        }
        stream.push(message);
        if !stream.signalled {
            self.signal(id);
        }
    }

    /// Tells the host once that a stream has something.
    #[inline]
    pub(super) fn signal(&mut self, id: StreamId) {
        if self.subscriptions.signal(id) {
            self.readable.push_back(id);
        }
    }

    /// Removes a stream and everything it holds: what it was handed and what waited counts as taken.
    /// Gives the filters that are to be unsubscribed.
    pub(super) fn remove_stream(&mut self, id: StreamId) -> Vec<TopicFilter> {
        let Some(mut stream) = self.subscriptions.remove_stream(id) else {
            return Vec::new();
        };
        self.unclaimed.forget(id);
        for ack in stream.in_hand().drain(..) {
            self.inbound.take(ack);
        }
        for message in stream.drain() {
            self.metrics.dropped_incoming += 1;
            self.inbound.take(message.ack);
        }
        self.cancel_call_of(id);
        let subscriptions = std::mem::take(&mut stream.subscriptions);
        self.remove_subscriptions_of(id, &subscriptions)
    }

    /// Removes a stream, its subscriptions stay: what waited in it waits for the next stream of the same filter.
    pub(super) fn detach_stream(&mut self, id: StreamId) {
        let Some(mut stream) = self.subscriptions.remove_stream(id) else {
            return;
        };
        self.unclaimed.forget(id);
        for number in std::mem::take(&mut stream.subscriptions) {
            if let Some(entry) = self.subscriptions.entries.get_mut(&number) {
                entry.streams.retain(|stream| *stream != id);
            }
        }
        self.subscriptions.forget_route();
        for ack in stream.in_hand().drain(..) {
            self.inbound.take(ack);
        }
        let waiting: Vec<Message> = stream.drain().collect();
        for message in waiting {
            self.hold_unclaimed(message);
        }
    }

    /// No more messages will come; what waits can still be received.
    pub(super) fn end_stream(&mut self, id: StreamId, outcome: Result<(), Error>) {
        let Some(stream) = self.subscriptions.streams.get_mut(&id) else {
            return;
        };
        if stream.ended.is_some() {
            return;
        }
        stream.ended = Some(outcome);
        let subscriptions = std::mem::take(&mut stream.subscriptions);
        let filters = self.remove_subscriptions_of(id, &subscriptions);
        self.request_unsubscribe(self.now, filters, UserProperties::new(), Token::NONE);
        self.signal(id);
    }

    /// The stream of a subscribe call is closed before its outcome is known.
    fn cancel_call_of(&mut self, id: StreamId) {
        let calls = &mut self.subscriptions.calls;
        let Some(number) = calls.iter().find(|(_, call)| call.stream == id).map(|(number, _)| *number) else {
            return;
        };
        if let Some(call) = calls.remove(&number) {
            let what = "the stream was closed before the server had answered SUBSCRIBE";
            self.complete(call.token, Completion::Subscribed(Err(Error::new(ErrorKind::Cancelled, what))));
        }
    }
}
