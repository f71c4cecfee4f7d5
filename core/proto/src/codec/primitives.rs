//! Data representation (section 1.5), reading side: integers, strings, binary data.

use bytes::Bytes;

use super::error::DecodeError;
use super::frame::Frame;
use super::packet::PacketType;
use crate::qos::PacketId;
use crate::reason::ReasonCode;
use crate::text::{TextError, Utf8String};
use crate::topic::{TopicError, TopicFilter, TopicName, has_null_or_wildcard};

/// The greatest remaining length of a packet, and the greatest Variable Byte Integer (section 1.5.5).
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// What stands at the front of some bytes where a Variable Byte Integer should.
pub(super) enum Varint {
    /// A value, and how many bytes it took.
    Value(usize, usize),
    /// The bytes end within it.
    Cut,
    /// More than four bytes, or more than were needed [MQTT-1.5.5-1].
    Malformed,
}

#[inline]
pub(super) fn read_varint(bytes: &[u8]) -> Varint {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Varint::Value(usize::from(byte), 1),
        _ => read_long_varint(bytes),
    }
}

fn read_long_varint(bytes: &[u8]) -> Varint {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            // A last byte of zero adds nothing: a shorter form exists.
            return if byte == 0 && index > 0 { Varint::Malformed } else { Varint::Value(value, index + 1) };
        }
    }
    if bytes.len() < 4 { Varint::Cut } else { Varint::Malformed }
}

/// The number of bytes that a value takes as a Variable Byte Integer.
#[inline]
pub(super) const fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Reads a packet's body front to back. Strings and binary data share the block that the packet stands in.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    block: &'a Bytes,
    packet: PacketType,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn new(packet: PacketType, frame: &Frame<'a>) -> Self {
        Self { rest: frame.body(), block: frame.block(), packet }
    }

    /// A reader of the next `len` bytes alone.
    pub(super) fn part(&mut self, len: usize) -> Result<Self, DecodeError> {
        Ok(Self { rest: self.slice(len)?, block: self.block, packet: self.packet })
    }

    pub(super) fn packet(&self) -> PacketType {
        self.packet
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses bytes behind the last field.
    #[inline]
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("bytes behind its last field")) }
    }

    #[cold]
    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::malformed(self.packet, what)
    }

    #[cold]
    pub(super) fn protocol(&self, what: &'static str) -> DecodeError {
        DecodeError::protocol(self.packet, what)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (byte, rest) = self.rest.split_first().ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(*byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<usize, DecodeError> {
        match read_varint(self.rest) {
            Varint::Value(value, len) => {
                self.slice(len)?;
                Ok(value)
            }
            Varint::Cut => Err(self.cut()),
            Varint::Malformed => {
                Err(self.malformed("a Variable Byte Integer that is not in its shortest form"))
            }
        }
    }

    /// A non-zero packet identifier [MQTT-2.2.1-3].
    #[inline]
    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        let id = self.u16()?;
        PacketId::new(id).ok_or_else(|| self.protocol("packet identifier 0"))
    }

    /// A reason code that this packet may carry.
    pub(super) fn reason_code(&mut self) -> Result<ReasonCode, DecodeError> {
        let code = self.u8()?;
        match ReasonCode::try_from(code) {
            Ok(code) if code.is_allowed_in(self.packet) => Ok(code),
            _ => Err(self.protocol("a reason code that this packet can't carry")),
        }
    }

    /// Binary data (section 1.5.6).
    pub(super) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let slice = self.prefixed()?;
        Ok(self.share(slice))
    }

    /// A UTF-8 Encoded String (section 1.5.4).
    pub(super) fn string(&mut self) -> Result<Utf8String, DecodeError> {
        let bytes = self.binary()?;
        Utf8String::try_from(bytes).map_err(|error| self.bad_text(error))
    }

    #[cold]
    fn bad_text(&self, error: TextError) -> DecodeError {
        self.malformed(match error {
            TextError::Null => "a string with U+0000",
            TextError::NotUtf8 | TextError::TooLong { .. } => "a string that is not well-formed UTF-8",
        })
    }

    /// A UTF-8 String Pair (section 1.5.7).
    pub(super) fn string_pair(&mut self) -> Result<(Utf8String, Utf8String), DecodeError> {
        Ok((self.string()?, self.string()?))
    }

    /// A topic name; never empty.
    pub(super) fn topic_name(&mut self) -> Result<TopicName, DecodeError> {
        TopicName::try_from(self.string()?)
            .map_err(|error| DecodeError::TopicNameInvalid { packet: self.packet, error })
    }

    /// The topic name of a PUBLISH, which may be empty.
    #[inline]
    pub(super) fn publish_topic(&self, bytes: &'a [u8]) -> Result<Utf8String, DecodeError> {
        if has_null_or_wildcard(bytes) {
            return Err(self.bad_topic(bytes));
        }
        Utf8String::without_null(self.share(bytes)).map_err(|error| self.bad_text(error))
    }

    #[cold]
    fn bad_topic(&self, bytes: &[u8]) -> DecodeError {
        if bytes.contains(&0) {
            return self.bad_text(TextError::Null);
        }
        DecodeError::TopicNameInvalid { packet: self.packet, error: TopicError::WildcardInName }
    }

    /// Whether there are no properties: a property length of zero, which is then taken.
    #[inline]
    pub(super) fn no_properties(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// A share of the block: the part of it that `slice` is.
    #[inline]
    pub(super) fn share(&self, slice: &'a [u8]) -> Bytes {
        // As `slice_ref` does; but this is inlined, which halves the time to decode a PUBLISH.
        let start = (slice.as_ptr() as usize).wrapping_sub(self.block.as_ptr() as usize);
        match start.checked_add(slice.len()) {
            Some(end) if !slice.is_empty() && end <= self.block.len() => self.block.slice(start..end),
            _ => Bytes::new(),
        }
    }

    /// A topic filter.
    pub(super) fn topic_filter(&mut self) -> Result<TopicFilter, DecodeError> {
        TopicFilter::try_from(self.string()?)
            .map_err(|error| DecodeError::TopicFilterInvalid { packet: self.packet, error })
    }

    /// All that is left.
    #[inline]
    pub(super) fn remainder(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The bytes behind two length bytes.
    #[inline]
    pub(super) fn prefixed(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.slice(usize::from(len))
    }

    /// Skips these bytes if they come next; gives them as they stand in the packet.
    #[inline]
    pub(super) fn skip(&mut self, bytes: &[u8]) -> Option<&'a [u8]> {
        let (start, rest) = self.rest.split_at_checked(bytes.len())?;
        if start != bytes {
            return None;
        }
        self.rest = rest;
        Some(start)
    }

    #[inline]
    fn slice(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (slice, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.cut())?;
        self.rest = rest;
        Ok(slice)
    }

    #[cold]
    fn cut(&self) -> DecodeError {
        self.malformed("a field that is cut short")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
        match read_varint(bytes) {
            Varint::Value(value, len) => Some((value, len)),
            Varint::Cut | Varint::Malformed => None,
        }
    }

    #[test]
    fn variable_byte_integers_at_their_bounds() {
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x7F], 127),
            (&[0x80, 0x01], 128),
            (&[0xFF, 0x7F], 16_383),
            (&[0x80, 0x80, 0x01], 16_384),
            (&[0xFF, 0xFF, 0x7F], 2_097_151),
            (&[0x80, 0x80, 0x80, 0x01], 2_097_152),
            (&[0xFF, 0xFF, 0xFF, 0x7F], MAX_REMAINING_LENGTH),
        ] {
            assert_eq!(varint(bytes), Some((value, bytes.len())));
            assert_eq!(varint_len(value), bytes.len());
        }
    }

    #[test]
    fn variable_byte_integers_that_are_none() {
        for bytes in [
            &[0x80, 0x00][..],
            &[0xFF, 0x80, 0x00],
            &[0x80, 0x80, 0x80, 0x80],
            &[0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        ] {
            assert!(matches!(read_varint(bytes), Varint::Malformed), "{bytes:x?}");
        }
        for bytes in [&[][..], &[0x80], &[0xFF, 0xFF, 0xFF]] {
            assert!(matches!(read_varint(bytes), Varint::Cut), "{bytes:x?}");
        }
    }
}
