//! As much of a WebSocket (RFC 6455) as MQTT needs, for the server and the raw contender: a stream of bytes in binary
//! messages, one a write.

use std::io::{self, Read, Write};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// How much is asked of the stream at once.
const READ_BUFFER: usize = 256 * 1024;

/// The mask of what the client sends: a constant one costs as much as a random one.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const BINARY: u8 = 2;

/// A stream of bytes over a WebSocket.
pub(crate) struct WebSocket<S> {
    stream: S,
    /// A client masks what it sends.
    is_client: bool,
    /// What was read and not looked at.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes left of the frame that is being read, and their mask, turned to the next of them.
    left: u64,
    mask: [u8; 4],
    out: Vec<u8>,
}

impl<S: Read + Write> WebSocket<S> {
    /// Asks a server for a WebSocket.
    pub(crate) fn connect(stream: S) -> io::Result<Self> {
        let mut socket = Self::new(stream, true);
        socket.stream.write_all(
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Protocol: mqtt\r\n\r\n",
        )?;
        let answer = socket.head()?;
        if answer.starts_with("HTTP/1.1 101 ") { Ok(socket) } else { Err(io::Error::other(answer)) }
    }

    /// Gives a client the WebSocket that it asks for.
    pub(crate) fn accept(stream: S) -> io::Result<Self> {
        let mut socket = Self::new(stream, false);
        let request = socket.head()?;
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value.trim())
        });
        let key = key.ok_or_else(|| io::Error::other("no key of a WebSocket"))?;
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        socket.stream.write_all(answer.as_bytes())?;
        Ok(socket)
    }

    fn new(stream: S, is_client: bool) -> Self {
        let buffer = vec![0; READ_BUFFER];
        Self { stream, is_client, buffer, start: 0, end: 0, left: 0, mask: [0; 4], out: Vec::new() }
    }

    /// Reads the head of a request or an answer.
    fn head(&mut self) -> io::Result<String> {
        loop {
            let unread = self.unread();
            if let Some(length) = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(unread.get(..length).unwrap_or_default()).into_owned();
                self.start += length + 4;
                return Ok(head);
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let read = self.stream.read(self.buffer.get_mut(self.end..).unwrap_or_default())?;
        self.end += read;
        Ok(read)
    }

    /// Looks at the next frame's header, if it is all there; whether it was.
    fn header(&mut self) -> io::Result<bool> {
        let Some((header, left, mask)) = parse_header(self.unread())? else { return Ok(false) };
        self.start += header;
        (self.left, self.mask) = (left, mask);
        Ok(true)
    }
}

/// The size of a frame's header, of its content, and the mask; `None` while it is not all there.
fn parse_header(bytes: &[u8]) -> io::Result<Option<(usize, u64, [u8; 4])>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if !matches!(first & 0x0f, 0 | BINARY) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no binary message"));
    }
    let (length, extended) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
        (127, [a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 8),
        (126 | 127, _) => return Ok(None),
        (length, _) => (u64::from(length), 0),
    };
    if second & 0x80 == 0 {
        return Ok(Some((2 + extended, length, [0; 4])));
    }
    let mask = rest.get(extended..).and_then(|rest| rest.first_chunk());
    Ok(mask.map(|mask| (2 + extended + 4, length, *mask)))
}

impl<S: Read + Write> Read for WebSocket<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 || self.start == self.end {
            let found = self.left == 0 && self.header()?;
            if !found && self.fill()? == 0 {
                return Ok(0);
            }
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let unread = self.unread();
        let taken = unread.get(..most).unwrap_or(unread);
        let length = taken.len();
        if let Some(into) = into.get_mut(..length) {
            into.copy_from_slice(taken);
            apply(self.mask, into);
        }
        self.mask.rotate_left(length % 4);
        self.start += length;
        self.left -= length as u64;
        Ok(length)
    }
}

impl<S: Read + Write> Write for WebSocket<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.clear();
        let masked = if self.is_client { 0x80 } else { 0 };
        self.out.push(0x80 | BINARY);
        match bytes.len() {
            length @ ..126 => self.out.push(masked | length as u8),
            length @ ..0x1_0000 => {
                self.out.push(masked | 126);
                self.out.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                self.out.push(masked | 127);
                self.out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if self.is_client {
            self.out.extend_from_slice(&MASK);
        }
        let header = self.out.len();
        self.out.extend_from_slice(bytes);
        if self.is_client {
            apply(MASK, self.out.get_mut(header..).unwrap_or_default());
        }
        self.stream.write_all(&self.out)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Masks bytes, or takes the mask off, eight at a time.
fn apply(mask: [u8; 4], bytes: &mut [u8]) {
    if mask == [0; 4] {
        return;
    }
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let masked = <[u8; 8]>::try_from(&*chunk).map(|bytes| u64::from_ne_bytes(bytes) ^ wide);
        chunk.copy_from_slice(&masked.unwrap_or_default().to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A stream whose two sides are the same: what is written is read.
    struct Loop(VecDeque<u8>, usize);

    impl Read for Loop {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = into.len().min(self.1);
            self.0.read(&mut into[..most])
        }
    }

    impl Write for Loop {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_pass_in_frames_of_any_size_and_chunks_of_any_size() {
        for chunk in [1, 3, 1000, READ_BUFFER] {
            let mut socket = WebSocket::new(Loop(VecDeque::new(), chunk), true);
            let sent: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
            for part in [&sent[..5], &sent[5..300], &sent[300..]] {
                socket.write_all(part).unwrap();
            }
            let mut received = vec![0; sent.len()];
            socket.read_exact(&mut received).unwrap();
            assert_eq!(received, sent);
        }
    }
}
