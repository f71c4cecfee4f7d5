//! The received messages of one subscription, until the application takes them.

use std::collections::VecDeque;

use crate::error::{Error, ErrorKind};
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

impl StreamOptions {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.max_messages == 0 || self.max_bytes == 0 {
            return Err(Error::new(ErrorKind::InvalidOption, "a stream's bounds must be at least 1"));
        }
        Ok(())
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
    /// The reserve is used up, at first twice its bounds: nothing more is taken.
    Beyond,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) options: StreamOptions,
    /// The numbers of its subscriptions.
    pub(super) subscriptions: Vec<u32>,
    queue: VecDeque<Message>,
    bytes: usize,
    /// How many times its bounds the stream holds where reading can't pause.
    reserve: usize,
    /// Acknowledgements of what was handed out and not taken yet.
    in_hand: Vec<AckRef>,
    /// Set once no more messages will come: in order, or with an error.
    pub(super) ended: Option<Result<(), Error>>,
    /// Whether the host was told that there is something to receive, and has not yet found the stream empty.
    pub(super) signalled: bool,
    /// Whether a reader found it empty since the last message.
    pub(super) hungry: bool,
}

impl Stream {
    pub(super) fn new(options: StreamOptions) -> Self {
        Self {
            options,
            subscriptions: Vec::new(),
            queue: VecDeque::new(),
            bytes: 0,
            reserve: 2,
            in_hand: Vec::new(),
            ended: None,
            signalled: false,
            hungry: false,
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
            () if !reached(self.reserve) => Fill::Full,
            () => Fill::Beyond,
        }
    }

    /// Whether reading may go on after a pause: not at the first free place, else it would pause again at once.
    #[inline]
    pub(super) fn is_half_empty(&self) -> bool {
        self.queue.len() <= self.options.max_messages / 2 && self.bytes <= self.options.max_bytes / 2
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

    /// Takes back what was handed out last and not taken: it waits again, in front.
    pub(super) fn put_back(&mut self, messages: Vec<Message>) {
        for message in messages.into_iter().rev() {
            if !message.ack.is_none() && self.in_hand.last() == Some(&message.ack) {
                self.in_hand.pop();
            }
            self.bytes += message.size();
            self.queue.push_front(message);
        }
    }

    /// The reserve was not enough. The server will send all of it again in one go: there must be room for more of it,
    /// else the next connection ends in the same way, and nothing ever moves.
    pub(super) fn grow_reserve(&mut self) {
        self.reserve = self.reserve.saturating_mul(2);
    }

    /// The server goes on with the session and sends again what was not acknowledged: QoS 1 messages that nobody has
    /// taken would be here twice, and pile up with every reconnect.
    pub(super) fn forget_unacknowledged(&mut self) {
        let comes_again = |message: &Message| message.qos == QoS::AtLeastOnce && !message.ack.is_none();
        self.queue.retain(|message| !comes_again(message));
        self.bytes = self.queue.iter().map(Message::size).sum();
    }

    /// The server has lost the session: nothing that waits here comes again, and nothing is owed for it.
    pub(super) fn forget_acknowledgements(&mut self) {
        for message in &mut self.queue {
            message.ack = AckRef::NONE;
        }
    }

    /// Everything that waits, when the stream is closed.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Message> + '_ {
        self.bytes = 0;
        self.queue.drain(..)
    }
}
