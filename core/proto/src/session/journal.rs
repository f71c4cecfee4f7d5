//! The ordered records of what a session must not forget, and how far they are known to be safe.

use std::collections::VecDeque;

use crate::message::Message;
use crate::qos::PacketId;
use crate::text::Utf8String;

/// One change of the session. Reading the records back in order gives the session as it was.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// The client identifier that the session belongs to.
    ClientId(Utf8String),
    /// A QoS 1 or 2 message was accepted: the `number`th of this journal.
    Accepted {
        /// Counts accepted messages.
        number: u64,
        /// The message.
        message: Message,
    },
    /// An accepted message was given a packet identifier and sent.
    Sent {
        /// Of its `Accepted` record.
        number: u64,
        /// Its packet identifier.
        packet_id: PacketId,
    },
    /// An accepted message ended without being sent (expired, dropped, withdrawn).
    Withdrawn {
        /// Of its `Accepted` record.
        number: u64,
    },
    /// PUBREC arrived: the message is the server's, PUBREL is owed.
    Received(PacketId),
    /// PUBACK, PUBCOMP or a refusal arrived: the identifier is free.
    Finished(PacketId),
    /// The QoS 2 message with this identifier was given up after it was sent: the identifier stays in use.
    Retired(PacketId),
    /// The application took the QoS 2 message with this identifier: it must not be delivered again.
    Taken(PacketId),
    /// PUBREL arrived for it: the identifier may come again.
    Released(PacketId),
    /// The server has lost the session: every record before counts no more, but for messages not yet sent.
    SessionLost,
}

/// Numbers the records and knows which of them are safe. Without a store behind it nothing is recorded, and
/// everything is safe at once.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    enabled: bool,
    written: u64,
    safe: u64,
    pending: VecDeque<(u64, Record)>,
}

impl Journal {
    pub(crate) fn enable(&mut self) {
        self.enabled = true;
    }

    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Appends the record that `make` gives, if there is a store to take it.
    #[inline]
    pub(crate) fn append(&mut self, make: impl FnOnce() -> Record) {
        if self.enabled {
            self.written += 1;
            self.pending.push_back((self.written, make()));
        }
    }

    /// The number of the last record: what depends on everything so far depends on this one.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.written
    }

    #[inline]
    pub(crate) fn is_safe(&self, record: u64) -> bool {
        record <= self.safe
    }

    /// Whether a record is not safe yet.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.safe < self.written
    }

    pub(crate) fn confirm(&mut self, record: u64) {
        self.safe = self.safe.max(record.min(self.written));
    }

    pub(crate) fn poll(&mut self) -> Option<(u64, Record)> {
        self.pending.pop_front()
    }
}
