//! Bytes on their way to the transport.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::session::Journal;

/// At most this much is encoded ahead of the transport; the rest waits as messages, where expiry and the queue's
/// policy reach it.
const AHEAD: u64 = 256 * 1024;

/// A payload above this rides along as a reference, for a vectored write, instead of being copied.
const COPY_LIMIT: usize = 4096;

/// Bytes for the transport, swapped out by [`Engine::poll_transmit`](super::Engine::poll_transmit): first the chunks
/// in their order, then the tail.
#[derive(Debug, Default)]
pub struct Transmit {
    /// Earlier bytes in pieces, large payloads among them.
    pub chunks: VecDeque<Bytes>,
    /// The bytes after them.
    pub tail: BytesMut,
}

impl Transmit {
    /// Whether nothing is left to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }
}

/// The outgoing bytes of one connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    chunked: u64,
    tail: BytesMut,
    /// Places in the stream that must not be passed before a journal record is safe, in order of both.
    gates: VecDeque<Gate>,
    /// Bytes encoded and bytes written since the connection was opened.
    encoded: u64,
    written: u64,
}

#[derive(Debug)]
struct Gate {
    /// Bytes from here on depend on the record.
    start: u64,
    record: u64,
}

impl Outbox {
    /// Starts a new connection: whatever was not written is gone.
    pub(super) fn reset(&mut self) {
        self.chunks.clear();
        self.tail.clear();
        self.gates.clear();
        (self.chunked, self.encoded, self.written) = (0, 0, 0);
    }

    /// Whether nothing waits to be handed out.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.chunked == 0 && self.tail.is_empty()
    }

    /// Whether another message may be encoded.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.encoded() - self.written < AHEAD
    }

    /// The buffer to append packets to; call [`Outbox::encoded`] for the place reached.
    #[inline]
    pub(super) fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// What is encoded next depends on every record of the journal so far.
    #[inline]
    pub(super) fn gate(&mut self, journal: &Journal) {
        if journal.is_behind() {
            let (start, record) = (self.encoded(), journal.position());
            self.gates.push_back(Gate { start, record });
        }
    }

    /// Appends a payload: copied when small, by reference when large.
    #[inline]
    pub(super) fn put_payload(&mut self, payload: &Bytes) {
        if payload.len() <= COPY_LIMIT {
            self.tail.put_slice(payload);
            return;
        }
        self.push_tail();
        self.push_chunk(payload.clone());
    }

    /// The place in the stream of bytes that encoding has reached.
    #[inline]
    pub(super) fn encoded(&self) -> u64 {
        self.encoded + self.chunked + self.tail.len() as u64
    }

    /// The place in the stream of bytes that writing has reached.
    #[inline]
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn confirm_written(&mut self, bytes: usize) {
        self.written = (self.written + bytes as u64).min(self.encoded);
    }

    /// Hands out what may be written now; whether that is anything. `transmit` must be empty: its buffer is kept for
    /// the next round.
    pub(super) fn take(&mut self, journal: &Journal, transmit: &mut Transmit) -> bool {
        if self.is_empty() {
            return false;
        }
        while self.gates.front().is_some_and(|gate| journal.is_safe(gate.record)) {
            self.gates.pop_front();
        }
        if let Some(gate) = self.gates.front() {
            let free = gate.start.saturating_sub(self.encoded);
            return self.take_part(free, transmit);
        }
        self.encoded += self.chunked + self.tail.len() as u64;
        self.chunked = 0;
        std::mem::swap(&mut self.chunks, &mut transmit.chunks);
        std::mem::swap(&mut self.tail, &mut transmit.tail);
        true
    }

    /// Hands out the first `bytes` only: the rest waits for the journal.
    fn take_part(&mut self, bytes: u64, transmit: &mut Transmit) -> bool {
        self.push_tail();
        let mut left = bytes;
        while left > 0
            && let Some(mut chunk) = self.chunks.pop_front()
        {
            let taken = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            transmit.chunks.push_back(chunk.split_to(taken));
            if !chunk.is_empty() {
                self.chunks.push_front(chunk);
            }
            left -= taken as u64;
            self.chunked -= taken as u64;
            self.encoded += taken as u64;
        }
        bytes > 0
    }

    fn push_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = self.tail.split().freeze();
            self.push_chunk(tail);
        }
    }

    fn push_chunk(&mut self, chunk: Bytes) {
        self.chunked += chunk.len() as u64;
        self.chunks.push_back(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Record;

    fn all(transmit: &mut Transmit) -> Vec<u8> {
        let mut bytes: Vec<u8> = transmit.chunks.drain(..).flatten().collect();
        bytes.extend(transmit.tail.split());
        bytes
    }

    #[test]
    fn large_payloads_keep_their_place_in_the_stream() {
        let (mut outbox, journal, mut transmit) =
            (Outbox::default(), Journal::default(), Transmit::default());
        outbox.tail().put_slice(b"head");
        outbox.put_payload(&Bytes::from(vec![7; COPY_LIMIT + 1]));
        outbox.tail().put_slice(b"end");
        assert!(outbox.take(&journal, &mut transmit));
        let bytes = all(&mut transmit);
        assert_eq!(bytes.len(), 4 + COPY_LIMIT + 1 + 3);
        assert!(bytes.starts_with(b"head\x07") && bytes.ends_with(b"\x07end"));
        assert!(!outbox.take(&journal, &mut transmit));
    }

    #[test]
    fn bytes_behind_a_gate_wait_for_their_record() {
        let (mut outbox, mut journal, mut transmit) =
            (Outbox::default(), Journal::default(), Transmit::default());
        journal.enable();
        outbox.tail().put_slice(b"free");
        journal.append(|| Record::SessionLost);
        outbox.gate(&journal);
        outbox.tail().put_slice(b"gated");
        assert!(outbox.take(&journal, &mut transmit));
        assert_eq!(all(&mut transmit), b"free");
        assert!(!outbox.take(&journal, &mut transmit));
        journal.confirm(1);
        assert!(outbox.take(&journal, &mut transmit));
        assert_eq!(all(&mut transmit), b"gated");
    }

    #[test]
    fn room_comes_back_as_bytes_are_written() {
        let (mut outbox, journal, mut transmit) =
            (Outbox::default(), Journal::default(), Transmit::default());
        outbox.tail().put_bytes(0, usize::try_from(AHEAD).unwrap());
        assert!(!outbox.has_room());
        outbox.take(&journal, &mut transmit);
        outbox.confirm_written(1);
        assert!(outbox.has_room());
    }
}
