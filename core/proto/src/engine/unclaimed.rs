//! Messages of a resumed session that arrive before the program has subscribed again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::message::Message;
use crate::time::Timestamp;

/// How long a message waits for a stream before it is acknowledged and counted as dropped.
const TIMEOUT: Duration = Duration::from_secs(30);

const MAX_MESSAGES: usize = 1024;
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Unclaimed {
    waiting: VecDeque<(Timestamp, Message)>,
    bytes: usize,
}

impl Unclaimed {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Keeps a message; gives back those that no longer fit, oldest first.
    pub(super) fn hold(&mut self, now: Timestamp, message: Message) -> Vec<Message> {
        self.bytes += message.size();
        self.waiting.push_back((now + TIMEOUT, message));
        let mut released = Vec::new();
        while self.waiting.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            released.extend(self.pop());
        }
        released
    }

    /// Takes the messages whose topic is wanted, in order of arrival.
    pub(super) fn claim(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<Message> {
        let (claimed, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, message)| wanted(message.topic()));
        self.waiting = rest;
        self.bytes = self.waiting.iter().map(|(_, message)| message.size()).sum();
        claimed.into_iter().map(|(_, message)| message).collect()
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.waiting.front().map(|(deadline, _)| *deadline)
    }

    pub(super) fn pop_overdue(&mut self, now: Timestamp) -> Option<Message> {
        if self.deadline()? > now {
            return None;
        }
        self.pop()
    }

    /// QoS 1 messages of a lost connection come again: they must not wait twice.
    pub(super) fn connection_lost(&mut self) {
        self.waiting.retain(|(_, message)| message.qos == crate::qos::QoS::ExactlyOnce);
        self.bytes = self.waiting.iter().map(|(_, message)| message.size()).sum();
    }

    fn pop(&mut self) -> Option<Message> {
        let (_, message) = self.waiting.pop_front()?;
        self.bytes -= message.size();
        Some(message)
    }
}
