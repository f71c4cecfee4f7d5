//! An open connection, and what is on its way into it. Whoever has the wire may move bytes: mostly the driver.

use std::fmt::{self, Debug};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use polymqtt_proto::codec::missing;
use polymqtt_proto::engine::Transmit;
use polymqtt_proto::error::{Error, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWrite};

use crate::packet_trace::PacketTrace;
use crate::transport::Transport;

/// Bytes asked of the transport at once. Bigger is not faster: see the benchmarks.
const READ_SIZE: usize = 128 * 1024;

/// Buffers above this are given back when there is nothing to do.
const KEPT_CAPACITY: usize = 4 * 1024;

/// Pieces of one vectored write.
const PIECES: usize = 64;

pub(crate) struct Wire {
    transport: Transport,
    /// Bytes of the engine, empty when it may be asked for more.
    pub(crate) transmit: Transmit,
    /// Bytes of the transmit's tail that were written.
    tail_written: usize,
    /// Where somebody wants to see the packets of this connection.
    packets: Option<Box<PacketTrace>>,
}

impl Wire {
    pub(crate) fn new(transport: Transport, packets: Option<Box<PacketTrace>>) -> Box<Self> {
        Box::new(Self { transport, transmit: Transmit::default(), tail_written: 0, packets })
    }

    /// Whether the transport has all bytes that there were.
    pub(crate) fn is_clear(&self) -> bool {
        self.transmit.is_empty()
    }

    /// Writes as far as the transport takes bytes, and adds how many it took to `written`.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>, written: &mut usize) -> Result<(), Error> {
        while !self.is_clear() {
            let taken = match self.write_some(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(lost("the connection takes no more bytes")),
                Poll::Ready(Ok(taken)) => taken,
                Poll::Ready(Err(error)) => return Err(io_error(&error)),
            };
            *written += taken;
            self.tell(taken);
            self.advance(taken);
        }
        // A TLS session may hold bytes back until it is asked.
        match Pin::new(&mut self.transport).poll_flush(cx) {
            Poll::Ready(Err(error)) => Err(io_error(&error)),
            _ => Ok(()),
        }
    }

    /// Reads once, behind what is in `inbox`; the number of bytes.
    pub(crate) fn read(&mut self, cx: &mut Context<'_>, inbox: &mut BytesMut) -> Poll<Result<usize, Error>> {
        make_room_to_read(inbox);
        let read = match pin!(self.transport.read_buf(inbox)).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(lost("the server closed the connection"))),
            Poll::Ready(Ok(read)) => read,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(io_error(&error))),
        };
        if let Some(packets) = &mut self.packets {
            let start = inbox.len().saturating_sub(read);
            packets.received(inbox.get(start..).unwrap_or_default());
        }
        Poll::Ready(Ok(read))
    }

    /// Tells the peer that nothing more will be written.
    pub(crate) fn shut_down(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // One that can't be told will find out.
        Pin::new(&mut self.transport).poll_shutdown(cx).map(|_told| ())
    }

    /// Gives a big buffer back before a rest.
    pub(crate) fn shrink(&mut self) {
        if self.is_clear() && self.transmit.tail.capacity() > KEPT_CAPACITY {
            self.transmit.tail = BytesMut::new();
        }
    }

    fn write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let transport = Pin::new(&mut self.transport);
        let Transmit { chunks, tail } = &self.transmit;
        let tail = tail.get(self.tail_written..).unwrap_or_default();
        if chunks.is_empty() {
            return transport.poll_write(cx, tail);
        }
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let bytes = chunks.iter().map(|chunk| &chunk[..]).chain([tail]);
        let count = pieces.iter_mut().zip(bytes).map(|(piece, bytes)| *piece = IoSlice::new(bytes)).count();
        transport.poll_write_vectored(cx, pieces.get(..count).unwrap_or_default())
    }

    /// Tells of the first `bytes` of what is left, which were written.
    fn tell(&mut self, mut bytes: usize) {
        let Some(packets) = &mut self.packets else {
            return;
        };
        let tail = self.transmit.tail.get(self.tail_written..).unwrap_or_default();
        for piece in self.transmit.chunks.iter().map(|chunk| &chunk[..]).chain([tail]) {
            let taken = piece.get(..bytes).unwrap_or(piece);
            bytes -= taken.len();
            if taken.is_empty() {
                return;
            }
            packets.sent(taken);
        }
    }

    /// Takes written bytes off.
    fn advance(&mut self, mut written: usize) {
        let Transmit { chunks, tail } = &mut self.transmit;
        while let Some(chunk) = chunks.front_mut() {
            if written < chunk.len() {
                return chunk.advance(written);
            }
            written -= chunk.len();
            chunks.pop_front();
        }
        self.tail_written += written;
        if self.tail_written >= tail.len() {
            // Cleared rather than advanced: the buffer keeps its whole capacity.
            tail.clear();
            self.tail_written = 0;
        }
    }
}

impl Debug for Wire {
    /// Without the bytes: a password may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// A large packet is read to where it stays: growing step by step copied each MiB twice. What its length promises is
/// believed for eight times of what has come, so that bytes cost memory and promises don't.
fn make_room_to_read(inbox: &mut BytesMut) {
    let spare = inbox.capacity() - inbox.len();
    match missing(inbox) {
        Some(missing) if missing > READ_SIZE / 2 => {
            inbox.reserve(missing.min(8 * inbox.len()).max(READ_SIZE));
        }
        // The rest of a large one.
        Some(missing) if missing <= spare && inbox.len() >= READ_SIZE => {}
        _ => inbox.reserve(READ_SIZE),
    }
}

pub(crate) fn lost(what: &str) -> Error {
    Error::new(ErrorKind::Transport, what)
}

fn io_error(error: &io::Error) -> Error {
    let known = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let unknown = || Error::new(ErrorKind::Transport, format!("the connection was lost: {error}"));
    known.cloned().unwrap_or_else(unknown)
}
