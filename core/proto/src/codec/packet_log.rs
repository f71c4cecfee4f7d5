//! Reading along with a connection, to show its packets.

use std::fmt;

use bytes::BytesMut;

use super::connect::Connect;
use super::display;
use super::encode::Sink;
use super::error::DecodeError;
use super::frame::{Frame, packet_size, take_frames};
use super::packet::{Packet, PacketType};
use super::publish::Publish;
use super::version::Version;

/// Of a larger packet only so many bytes are kept: enough for all but the wildest properties.
const KEPT: usize = 16 * 1024;

/// Finds the packets in the bytes of one connection, both ways, for a log.
///
/// It is fed with what was written and read, in pieces of any size, and tells of each packet once its last byte has
/// come. It holds at most 16 KiB a direction, whatever the packets' sizes, and copies nothing of packets that come
/// whole. The protocol version is the one that the CONNECT names.
#[derive(Debug, Default)]
pub struct PacketLog {
    version: Version,
    sent: Direction,
    received: Direction,
}

impl PacketLog {
    /// A log of a connection that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These bytes were sent by the client; `tell` gets each packet that they complete.
    pub fn sent(&mut self, bytes: &[u8], mut tell: impl FnMut(&LoggedPacket<'_>)) {
        let version = &mut self.version;
        self.sent.feed(bytes, |start, size| {
            if let Some(named) = version_of_connect(start) {
                *version = named;
            }
            tell(&LoggedPacket { version: *version, start, size });
        });
    }

    /// These bytes were received from the server; `tell` gets each packet that they complete.
    pub fn received(&mut self, bytes: &[u8], mut tell: impl FnMut(&LoggedPacket<'_>)) {
        let version = self.version;
        self.received.feed(bytes, |start, size| tell(&LoggedPacket { version, start, size }));
    }
}

/// A packet that passed by. It is decoded only when it is shown, as a line that keeps secrets and payloads to itself.
#[derive(Clone, Copy)]
pub struct LoggedPacket<'a> {
    version: Version,
    /// The whole packet, or its beginning.
    start: &'a [u8],
    size: usize,
}

impl LoggedPacket<'_> {
    /// The packet's type; `None` for the reserved type 0.
    #[must_use]
    pub fn packet_type(&self) -> Option<PacketType> {
        PacketType::from_first_byte(*self.start.first()?)
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// A PUBLISH of which only the beginning was kept, with the size of its payload, which need not be there.
    fn publish_head(&self) -> Option<(Publish, usize)> {
        if self.packet_type() != Some(PacketType::Publish) {
            return None;
        }
        let (first_byte, rest) = self.start.split_first()?;
        let len_bytes = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let body = rest.get(len_bytes..)?;
        // The same packet with a payload that ends here.
        let mut shorter = BytesMut::with_capacity(5 + body.len());
        shorter.u8(*first_byte);
        shorter.varint(body.len());
        shorter.slice(body);
        let packet = with_frame(&shorter, |frame| Publish::decode(self.version, frame)).ok()?;
        let payload_len = packet.payload.len() + (self.size - self.start.len());
        Some((packet, payload_len))
    }
}

impl fmt::Display for LoggedPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.packet_type().map_or("packet", PacketType::name);
        if self.start.len() < self.size {
            return match self.publish_head() {
                Some((packet, payload_len)) => {
                    f.write_str(name)?;
                    display::publish(&packet, payload_len, f)
                }
                None => write!(f, "{name} of {}, too long to be shown", display::ByteCount(self.size)),
            };
        }
        match with_frame(self.start, |frame| Packet::decode(self.version, frame)) {
            Ok(packet) => fmt::Display::fmt(&packet, f),
            Err(error) => write!(f, "{name} of {}: {error}", display::ByteCount(self.size)),
        }
    }
}

impl fmt::Debug for LoggedPacket<'_> {
    /// As [`Display`](fmt::Display): the bytes hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bytes of one direction.
#[derive(Default)]
struct Direction {
    /// The beginning of a packet that is not whole yet.
    start: Vec<u8>,
    /// Bytes of it that came, kept or not.
    seen: usize,
    /// Its size, once its fixed header is there.
    size: Option<usize>,
    /// Whether the bytes are no packets: nothing can be found behind them.
    lost: bool,
}

impl Direction {
    fn feed(&mut self, mut bytes: &[u8], mut tell: impl FnMut(&[u8], usize)) {
        while !bytes.is_empty() && !self.lost {
            bytes = match self.whole(bytes) {
                Some((packet, rest)) => {
                    tell(packet.get(..KEPT).unwrap_or(packet), packet.len());
                    rest
                }
                None => self.collect(bytes, &mut tell),
            };
        }
    }

    /// A packet that is whole as it stands, and what follows it.
    fn whole<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if self.seen > 0 {
            return None;
        }
        let size = packet_size(bytes).ok().flatten()?;
        bytes.split_at_checked(size)
    }

    /// Takes bytes of a packet that comes in pieces; gives those behind it.
    fn collect<'a>(&mut self, bytes: &'a [u8], tell: &mut impl FnMut(&[u8], usize)) -> &'a [u8] {
        // Until the size is known a byte at a time: at most five.
        let wanted = self.size.map_or(1, |size| size - self.seen);
        let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
        let kept = taken.len().min(KEPT - self.start.len().min(KEPT));
        self.start.extend_from_slice(taken.get(..kept).unwrap_or_default());
        self.seen += taken.len();
        if self.size.is_none() {
            match packet_size(&self.start) {
                Ok(size) => self.size = size,
                Err(_malformed) => self.lost = true,
            }
        }
        if self.size == Some(self.seen) {
            tell(&self.start, self.seen);
            *self = Self::default();
        }
        rest
    }
}

impl fmt::Debug for Direction {
    /// Without the bytes, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direction")
            .field("seen", &self.seen)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn version_of_connect(packet: &[u8]) -> Option<Version> {
    if PacketType::from_first_byte(*packet.first()?) != Some(PacketType::Connect) {
        return None;
    }
    with_frame(packet, Connect::decode).ok().map(|connect| connect.version)
}

/// Decodes a copy of one packet's bytes.
fn with_frame<T>(
    packet: &[u8],
    decode: impl FnOnce(&Frame<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut copy = BytesMut::from(packet);
    let mut frames = take_frames(&mut copy, u32::MAX)?;
    match frames.next() {
        Some(frame) => decode(&frame),
        None => Err(DecodeError::Malformed { packet: None, what: "not whole" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the log tells of these bytes, given in pieces of this size.
    fn told(log: &mut PacketLog, bytes: &[u8], piece: usize) -> Vec<String> {
        let mut lines = Vec::new();
        bytes.chunks(piece).for_each(|piece| log.received(piece, |packet| lines.push(packet.to_string())));
        lines
    }

    fn publish(payload_len: usize) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        let topic = "a/b";
        bytes.u8(0x32);
        bytes.varint(2 + topic.len() + 2 + 1 + payload_len);
        bytes.slice(b"\x00\x03a/b\x00\x07\x00");
        bytes.slice(&vec![b'x'; payload_len]);
        bytes.to_vec()
    }

    #[test]
    fn pieces_of_any_size_give_the_same_lines() {
        let bytes =
            [&b"\xd0\x00"[..], &publish(5), &publish(300), b"\x90\x04\x00\x0a\x00\x87\xd0\x00"].concat();
        let expected = [
            "PINGRESP",
            "PUBLISH id=7 qos=1 topic=\"a/b\" 5 bytes",
            "PUBLISH id=7 qos=1 topic=\"a/b\" 300 bytes",
            "SUBACK id=10 not authorized (0x87)",
            "PINGRESP",
        ];
        for piece in [1, 2, 3, 7, 100, bytes.len()] {
            assert_eq!(told(&mut PacketLog::new(), &bytes, piece), expected, "{piece}");
        }
    }

    #[test]
    fn a_large_message_is_shown_and_not_kept() {
        let bytes = [publish(3 * 1024 * 1024), publish(1)].concat();
        for piece in [1000, 64 * 1024, bytes.len()] {
            let mut log = PacketLog::new();
            let mut lines = Vec::new();
            for piece in bytes.chunks(piece) {
                log.received(piece, |packet| lines.push(packet.to_string()));
                assert!(log.received.start.len() <= KEPT);
            }
            let expected =
                ["PUBLISH id=7 qos=1 topic=\"a/b\" 3145728 bytes", "PUBLISH id=7 qos=1 topic=\"a/b\" 1 byte"];
            assert_eq!(lines, expected, "{piece}");
        }
    }

    #[test]
    fn a_large_packet_of_another_type_is_named() {
        // Reason codes without end.
        let mut bytes = BytesMut::from(&b"\x90"[..]);
        bytes.varint(40_000);
        bytes.slice(&[0; 40_000]);
        let lines = told(&mut PacketLog::new(), &bytes, 1000);
        assert_eq!(lines, ["SUBACK of 40004 bytes, too long to be shown"]);
    }

    #[test]
    fn the_version_is_that_of_connect() {
        let mut log = PacketLog::new();
        let suback = b"\x90\x03\x00\x0a\x02";
        assert!(told(&mut log, suback, 5)[0].starts_with("SUBACK of 5 bytes: malformed"));
        let mut lines = Vec::new();
        let connect = b"\x10\x12\x00\x04MQTT\x04\xc2\x00\x0a\x00\x00\x00\x01u\x00\x01p";
        log.sent(connect, |packet| lines.push(format!("{packet:?}")));
        assert_eq!(
            lines,
            ["CONNECT v3.1.1 client=\"\" clean-start keep-alive=10 user=\"u\", password of 1 byte"]
        );
        assert_eq!(told(&mut log, suback, 1), ["SUBACK id=10 qos=2"]);
    }

    #[test]
    fn bytes_that_are_no_packets_end_it() {
        let mut log = PacketLog::new();
        assert!(told(&mut log, b"\xd0\xff\xff\xff\xff\xff\xff\xd0\x00", 1).is_empty());
        assert!(told(&mut log, b"\xd0\x00", 2).is_empty());
        let lines = told(&mut PacketLog::new(), b"\x00\x00\xf1\x00", 9);
        assert!(
            lines[0].starts_with("packet of 2 bytes") && lines[1].starts_with("AUTH of 2 bytes"),
            "{lines:?}"
        );
    }
}
