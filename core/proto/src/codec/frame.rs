//! From a stream of bytes to whole packets (section 2.1).

use bytes::{Bytes, BytesMut};

use super::error::DecodeError;
use super::packet::PacketType;
use super::primitives::{Varint, read_varint};

/// Takes every whole packet off the front of `buf` and leaves the incomplete tail. The result may be empty.
///
/// `max_packet_size` is in bytes and counts the whole packet (section 3.1.2.11.4).
///
/// # Errors
/// Only when the *first* packet in `buf` is bad: its remaining length is malformed ([`DecodeError::Malformed`]) or
/// makes it larger than `max_packet_size` ([`DecodeError::TooLarge`]; known from the header, before the packet has
/// arrived). Whole packets before a bad one are given out first; the next call then reports it.
pub fn take_frames(buf: &mut BytesMut, max_packet_size: u32) -> Result<Frames, DecodeError> {
    let mut whole = 0;
    while let Some(rest) = buf.get(whole..) {
        match packet_size(rest) {
            Ok(None) => break,
            Ok(Some(size)) if size > max_packet_size as usize => {
                if whole == 0 {
                    return Err(DecodeError::TooLarge { size, maximum: max_packet_size });
                }
                break;
            }
            Ok(Some(size)) if size > rest.len() => break,
            Ok(Some(size)) => whole += size,
            Err(error) if whole == 0 => return Err(error),
            Err(_later) => break,
        }
    }
    if whole == 0 {
        return Ok(Frames::default());
    }
    Ok(Frames { block: buf.split_to(whole).freeze(), position: 0 })
}

/// Bytes still missing of the packet at the front of `buf`, for sizing the next read: zero when it is whole, `None`
/// when not even its length is known.
#[must_use]
pub fn missing(buf: &[u8]) -> Option<usize> {
    let size = packet_size(buf).ok().flatten()?;
    Some(size.saturating_sub(buf.len()))
}

/// The size of the packet at the front of `buf`, `None` while its header is incomplete.
#[inline]
pub(super) fn packet_size(buf: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some((first_byte, rest)) = buf.split_first() else {
        return Ok(None);
    };
    match read_varint(rest) {
        Varint::Value(remaining, len) => Ok(Some(1 + len + remaining)),
        Varint::Cut => Ok(None),
        Varint::Malformed => Err(DecodeError::Malformed {
            packet: PacketType::from_first_byte(*first_byte),
            what: "a remaining length that is longer than it need be or above 268,435,455",
        }),
    }
}

/// Whole packets in one block of received bytes, taken one by one with [`Frames::next`]. Stopping in the middle and
/// going on later is fine.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    /// Whole packets only.
    block: Bytes,
    position: usize,
}

impl Frames {
    /// The next packet, `None` after the last one.
    #[expect(clippy::should_implement_trait, reason = "it lends its block, which an Iterator can't")]
    #[inline]
    pub fn next(&mut self) -> Option<Frame<'_>> {
        let (first_byte, rest) = self.block.get(self.position..)?.split_first()?;
        let Varint::Value(remaining, len) = read_varint(rest) else {
            return None;
        };
        let body = rest.get(len..)?.get(..remaining)?;
        self.position += 1 + len + remaining;
        Some(Frame { first_byte: *first_byte, body, block: &self.block })
    }

    /// Whether every packet was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The size in bytes of the packets that were not taken yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.block.len() - self.position
    }
}

/// One whole packet, not decoded yet. It borrows its block: what is decoded from it takes a share of the block only
/// for strings and payloads.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    first_byte: u8,
    body: &'a [u8],
    block: &'a Bytes,
}

impl<'a> Frame<'a> {
    /// The packet's type.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] for the reserved type 0.
    #[inline]
    pub fn packet_type(&self) -> Result<PacketType, DecodeError> {
        PacketType::from_first_byte(self.first_byte)
            .ok_or(DecodeError::Malformed { packet: None, what: "the packet type 0, which is reserved" })
    }

    /// The four flags of its fixed header (section 2.1.3).
    #[must_use]
    #[inline]
    pub fn flags(&self) -> u8 {
        self.first_byte & 0x0F
    }

    /// Variable header and payload: all behind the fixed header.
    #[must_use]
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn size(&self) -> usize {
        1 + super::primitives::varint_len(self.body.len()) + self.body.len()
    }

    #[inline]
    pub(super) fn block(&self) -> &'a Bytes {
        self.block
    }

    /// Refuses a packet of another type, or with reserved flags that are not as they must be [MQTT-2.1.3-1].
    #[inline]
    pub(super) fn expect(&self, packet: PacketType) -> Result<(), DecodeError> {
        if self.first_byte == packet.first_byte() {
            return Ok(());
        }
        Err(DecodeError::malformed(
            packet,
            "type or reserved flags of the fixed header that are not as they must be",
        ))
    }

    /// Refuses a packet that is more than its fixed header.
    pub(super) fn expect_bare(&self, packet: PacketType) -> Result<(), DecodeError> {
        self.expect(packet)?;
        if self.body.is_empty() {
            return Ok(());
        }
        Err(DecodeError::malformed(packet, "bytes behind its fixed header"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> BytesMut {
        BytesMut::from(bytes)
    }

    #[test]
    fn whole_packets_are_taken_and_the_tail_stays() {
        let mut buf = buffer(b"\xC0\x00\x40\x02\x00\x01\x30");
        let mut frames = take_frames(&mut buf, 100).unwrap();
        assert_eq!(buf, &b"\x30"[..]);
        assert_eq!(frames.remaining(), 6);
        let ping = frames.next().unwrap();
        assert_eq!((ping.packet_type(), ping.body(), ping.size()), (Ok(PacketType::PingReq), &b""[..], 2));
        assert!(!frames.is_empty());
        let ack = frames.next().unwrap();
        assert_eq!((ack.packet_type(), ack.body()), (Ok(PacketType::PubAck), &b"\x00\x01"[..]));
        assert!(frames.next().is_none());
        assert!(frames.is_empty());
    }

    #[test]
    fn a_bad_packet_is_reported_once_it_is_the_first() {
        let mut buf = buffer(b"\xC0\x00\x30\xFF\xFF\xFF\xFF\x01");
        assert_eq!(take_frames(&mut buf, 100).unwrap().remaining(), 2);
        assert_eq!(take_frames(&mut buf, 100).unwrap_err().reason_code() as u8, 0x81);
    }

    #[test]
    fn a_packet_too_large_is_known_by_its_header() {
        let mut buf = buffer(b"\x30\x63");
        assert_eq!(
            take_frames(&mut buf, 100).unwrap_err(),
            DecodeError::TooLarge { size: 101, maximum: 100 }
        );
        assert!(take_frames(&mut buf, 101).unwrap().is_empty());
        assert_eq!(buf.len(), 2);
    }

    #[test]
    fn a_length_that_is_not_minimal_is_malformed() {
        let error = take_frames(&mut buffer(b"\xD0\x80\x00"), 100).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { packet: Some(PacketType::PingResp), .. }));
    }

    #[test]
    fn the_reserved_type_is_malformed() {
        let mut frames = take_frames(&mut buffer(b"\x00\x00"), 100).unwrap();
        let error = frames.next().unwrap().packet_type().unwrap_err();
        assert_eq!(error.reason_code() as u8, 0x81);
    }

    #[test]
    fn missing_bytes() {
        for (bytes, expected) in [
            (&b""[..], None),
            (b"\x30", None),
            (b"\x30\x80", None),
            (b"\x30\x80\x01", Some(128)),
            (b"\x30\x02\x00", Some(1)),
            (b"\xC0\x00", Some(0)),
            (b"\xC0\x00\x30\x05", Some(0)),
            (b"\x30\xFF\xFF\xFF\xFF", None),
        ] {
            assert_eq!(missing(bytes), expected, "{bytes:x?}");
        }
    }
}
