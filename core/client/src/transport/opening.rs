//! A stream that reads little until a handshake is over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest answer of a server to a handshake: headers without an end must not fill the memory.
const LONGEST: usize = 64 * 1024;

/// A stream of which no more than 64 KiB are read until it is [opened](Opening::opened).
#[derive(Debug)]
pub(super) struct Opening<S> {
    stream: S,
    /// What may still be read; `None` once it is open.
    left: Option<usize>,
}

impl<S> Opening<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, left: Some(LONGEST) }
    }

    /// The handshake is over.
    pub(super) fn opened(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let opening = self.get_mut();
        let Some(left) = &mut opening.left else {
            return Pin::new(&mut opening.stream).poll_read(cx, buf);
        };
        if *left == 0 {
            let what = format!("the server's answer is longer than {LONGEST} bytes");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut opening.stream).poll_read(cx, buf);
        *left = left.saturating_sub(buf.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
