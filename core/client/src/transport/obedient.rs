//! A server in memory that answers each packet at once, for tests of what happens on this side of a transport.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test ends by panicking, and so does what it is made from"
)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use polymqtt_proto::codec::{Frame, PacketType, take_frames};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Speaks version 5; what is published at `echo` comes back at QoS 0. It takes one QoS 1 message at a time: others
/// wait in the client's queue.
#[derive(Debug, Default)]
pub(crate) struct Obedient {
    received: BytesMut,
    answers: BytesMut,
    closed: bool,
    /// Who found no answer.
    reader: Option<Waker>,
}

impl Obedient {
    fn answer(&mut self) {
        let mut frames = take_frames(&mut self.received, u32::MAX).unwrap();
        while let Some(frame) = frames.next() {
            let id = |at: usize| [frame.body()[at], frame.body()[at + 1]];
            let answer = match frame.packet_type().unwrap() {
                // A receive maximum of 1.
                PacketType::Connect => vec![0x20, 6, 0, 0, 3, 0x21, 0, 1],
                PacketType::Subscribe => [&[0x90, 4][..], &id(0), &[0, 0]].concat(),
                PacketType::Unsubscribe => [&[0xB0, 4][..], &id(0), &[0, 0]].concat(),
                PacketType::Publish if frame.flags() & 0b110 != 0 => {
                    [&[0x40, 2][..], &id(2 + topic(&frame).len())].concat()
                }
                PacketType::Publish if topic(&frame) == b"echo" => b"\x30\x07\0\x04echo\0".to_vec(),
                _ => Vec::new(),
            };
            self.answers.extend_from_slice(&answer);
        }
        drop(frames);
        if let Some(reader) = self.reader.take_if(|_| !self.answers.is_empty()) {
            reader.wake();
        }
    }
}

fn topic<'a>(publish: &Frame<'a>) -> &'a [u8] {
    let length = u16::from_be_bytes([publish.body()[0], publish.body()[1]]);
    &publish.body()[2..][..length.into()]
}

impl AsyncWrite for Obedient {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.received.extend_from_slice(bytes);
        self.answer();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Obedient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answers.is_empty() && !self.closed {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = self.answers.len().min(buf.remaining());
        buf.put_slice(&self.answers[..count]);
        self.answers.advance(count);
        Poll::Ready(Ok(()))
    }
}
