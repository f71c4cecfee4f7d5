//! The received messages of one subscription, until the application takes them.

use std::collections::VecDeque;

use crate::error::Error;
use crate::message::Message;
use crate::qos::QoS;
use crate::session::AckRef;

/// Names a stream of an engine; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(super) u32);

/// The bounds of a stream and how its messages are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// Messages from which on the stream is full; the default is 1,024.
    pub max_messages: usize,
    /// Bytes (topics and payloads) from which on the stream is full; the default is 8 MiB.
    pub max_bytes: usize,
    /// What happens to QoS 0 messages when the stream is full and reading can't pause.
    pub when_full: WhenStreamFull,
    /// Whether the application acknowledges each message itself; by default a message is acknowledged once the
    /// application asks for the next one.
    pub manual_ack: bool,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            max_messages: 1024,
            max_bytes: 8 * 1024 * 1024,
            when_full: WhenStreamFull::default(),
            manual_ack: false,
        }
    }
}

/// Which QoS 0 message of a full stream is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenStreamFull {
    /// The one that arrives.
    #[default]
    DropNewest,
    /// The one that waits longest.
    DropOldest,
}

/// How full a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fill {
    /// There is room.
    Room,
    /// Its bounds are reached: reading should pause where it may.
    Full,
    /// Twice its bounds: nothing more is taken.
    Beyond,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) options: StreamOptions,
    /// The numbers of its subscriptions.
    pub(super) subscriptions: Vec<u32>,
    queue: VecDeque<Message>,
    bytes: usize,
    /// Acknowledgements of what was handed out and not taken yet.
    in_hand: Vec<AckRef>,
    /// Set once no more messages will come: in order, or with an error.
    pub(super) ended: Option<Result<(), Error>>,
    /// Whether the host was told that there is something to receive, and has not yet found the stream empty.
    pub(super) signalled: bool,
}

impl Stream {
    pub(super) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            subscriptions: Vec::new(),
            queue: VecDeque::new(),
            bytes: 0,
            in_hand: Vec::new(),
            ended: None,
            signalled: false,
        }
    }

    #[inline]
    pub(super) fn fill(&self) -> Fill {
        let reached = |times: usize| {
            self.queue.len() >= self.options.max_messages.saturating_mul(times)
                || self.bytes >= self.options.max_bytes.saturating_mul(times)
        };
        match () {
            () if !reached(1) => Fill::Room,
            () if !reached(2) => Fill::Full,
            () => Fill::Beyond,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, message: Message) {
        self.bytes += message.size();
        self.queue.push_back(message);
    }

    /// Removes the QoS 0 message that waits longest.
    pub(super) fn drop_oldest(&mut self) -> Option<Message> {
        let index = self.queue.iter().position(|message| message.qos == QoS::AtMostOnce)?;
        let message = self.queue.remove(index)?;
        self.bytes -= message.size();
        Some(message)
    }

    /// Hands a message out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.bytes -= message.size();
        if !message.ack.is_none() && !self.options.manual_ack {
            self.in_hand.push(message.ack);
        }
        Some(message)
    }

    /// The acknowledgements of what was handed out: the application took it all.
    #[inline]
    pub(super) fn in_hand(&mut self) -> &mut Vec<AckRef> {
        &mut self.in_hand
    }

    /// Everything that waits, when the stream is closed.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Message> + '_ {
        self.bytes = 0;
        self.queue.drain(..)
    }
}
