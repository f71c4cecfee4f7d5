//! Messages that no stream is for: of a resumed session before the program has subscribed again, or of a filter whose
//! stream is detached.

use std::collections::VecDeque;
use std::time::Duration;

use super::Engine;
use super::stream::{Stream, StreamId, StreamOptions};
use super::timers::Timer;
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::qos::QoS;
use crate::time::Timestamp;
use crate::topic::TopicFilter;

const MAX_MESSAGES: usize = 1024;
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Unclaimed {
    /// Not acknowledged, in order of arrival, each with the time it arrived.
    waiting: VecDeque<(Timestamp, Message)>,
    bytes: usize,
    /// Where they go after their time.
    stream: Option<StreamId>,
}

impl Engine {
    /// Opens the stream of messages that no other stream is for. One of QoS 1 or 2 that belongs to a session that lasts,
    /// or that was asked for by [`clean_start`](crate::options::Options::clean_start) being off, gets there once it has
    /// waited for [`unclaimed_timeout`](crate::options::Options::unclaimed_timeout), any other at once. Without such a stream they are acknowledged and counted as dropped.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] when it is open already; [`ErrorKind::Closed`] when the client is closing.
    pub fn unclaimed(&mut self, now: Timestamp, options: StreamOptions) -> Result<StreamId, Error> {
        self.tick(now);
        if self.life.is_closing() {
            return Err(self.life.closed_error());
        }
        if self.unclaimed.stream.is_some() {
            let what = "the stream of unclaimed messages is open already: a client has one";
            return Err(Error::new(ErrorKind::InvalidOption, what));
        }
        options.check()?;
        let id = StreamId(self.subscriptions.number());
        self.subscriptions.streams.insert(id, Stream::new(options));
        self.unclaimed.stream = Some(id);
        Ok(id)
    }

    /// Moves messages that waited for a stream into this one.
    pub(super) fn claim(&mut self, id: StreamId) {
        if self.unclaimed.waiting.is_empty() {
            return;
        }
        let Some(stream) = self.subscriptions.streams.get_mut(&id) else {
            return;
        };
        let entries = &self.subscriptions.entries;
        let filters: Vec<&TopicFilter> =
            stream.subscriptions.iter().filter_map(|number| Some(&entries.get(number)?.filter)).collect();
        let claimed: Vec<Message> =
            self.unclaimed.claim(|topic| filters.iter().any(|filter| filter.matches(topic)));
        if claimed.is_empty() {
            return;
        }
        self.metrics.messages_received += claimed.len() as u64;
        claimed.into_iter().for_each(|message| stream.push(message));
        self.signal(id);
    }

    /// A message that no stream is for. One of QoS 1 or 2 waits, unacknowledged, for a stream, where the session lasts or
    /// may be an earlier program's: that this one ends the session does not make its messages worthless.
    pub(super) fn hold_unclaimed(&mut self, message: Message) {
        let may_be_claimed = self.settings.lasting_session(self.version()) || !self.settings.clean_start;
        if message.ack.is_none() || !may_be_claimed {
            return self.give_up(message);
        }
        if self.is_answer_to_earlier_run(&message) {
            return;
        }
        for message in self.unclaimed.hold(self.now, message) {
            self.give_up(message);
        }
        if let Some(at) = self.unclaimed.deadline(self.settings.unclaimed_timeout) {
            self.timers.set_at_latest(Timer::Unclaimed, at);
        }
    }

    /// Lets go of messages that no stream has claimed in time.
    pub(super) fn sweep_unclaimed(&mut self, now: Timestamp) {
        if !self.timers.take_due(Timer::Unclaimed, now) {
            return;
        }
        let timeout = self.settings.unclaimed_timeout;
        while let Some(message) = self.unclaimed.pop_overdue(now, timeout) {
            self.give_up(message);
        }
        self.timers.set(Timer::Unclaimed, self.unclaimed.deadline(timeout));
        self.flush_acks();
    }

    /// Nobody has claimed the message.
    fn give_up(&mut self, message: Message) {
        let Some(stream) = self.unclaimed.stream else {
            self.metrics.dropped_incoming += 1;
            return self.inbound.take(message.ack);
        };
        self.metrics.messages_received += 1;
        self.push_to(stream, message);
    }
}

impl Unclaimed {
    /// Keeps a message; gives back those that no longer fit, oldest first.
    fn hold(&mut self, now: Timestamp, message: Message) -> Vec<Message> {
        self.bytes += message.size();
        self.waiting.push_back((now, message));
        let mut released = Vec::new();
        while self.waiting.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            released.extend(self.pop());
        }
        released
    }

    /// Takes the messages whose topic is wanted, in order of arrival.
    fn claim(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<Message> {
        let (claimed, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, message)| wanted(message.topic()));
        self.waiting = rest;
        self.bytes = self.waiting.iter().map(|(_, message)| message.size()).sum();
        claimed.into_iter().map(|(_, message)| message).collect()
    }

    fn deadline(&self, timeout: Duration) -> Option<Timestamp> {
        self.waiting.front().map(|(since, _)| *since + timeout)
    }

    fn pop_overdue(&mut self, now: Timestamp, timeout: Duration) -> Option<Message> {
        if self.deadline(timeout)? > now {
            return None;
        }
        self.pop()
    }

    /// QoS 1 messages of a lost connection come again: they must not wait twice.
    pub(super) fn connection_lost(&mut self) {
        self.waiting.retain(|(_, message)| message.qos == QoS::ExactlyOnce);
        self.bytes = self.waiting.iter().map(|(_, message)| message.size()).sum();
    }

    /// A stream is closed: if it was that of the unclaimed, they have none any more.
    pub(super) fn forget(&mut self, stream: StreamId) {
        self.stream = self.stream.filter(|open| *open != stream);
    }

    fn pop(&mut self) -> Option<Message> {
        let (_, message) = self.waiting.pop_front()?;
        self.bytes -= message.size();
        Some(message)
    }
}
