//! Bytes of a connection as whole packets.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads packets from a byte stream.
#[derive(Debug)]
pub(crate) struct Packets<R> {
    pub(crate) from: R,
    received: BytesMut,
}

impl<R: AsyncRead + Unpin> Packets<R> {
    pub(crate) fn of(from: R) -> Self {
        Self { from, received: BytesMut::new() }
    }

    /// The next packet, its fixed header included; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(length) = packet_length(&self.received)
                && self.received.len() >= length
            {
                let packet = self.received.get(..length).map(<[u8]>::to_vec);
                self.received.advance(length);
                return packet;
            }
            match self.from.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// The whole length of the packet at the front, once its remaining length is there [section 2.1.4].
fn packet_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(2 + index + length);
        }
    }
    None
}
