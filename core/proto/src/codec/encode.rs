//! Writing packets: what a packet consists of is told once, and runs into a measure first, then into the buffer.

use bytes::{BufMut, BytesMut};

use super::error::EncodeError;
use super::packet::PacketType;
use super::primitives::{MAX_REMAINING_LENGTH, varint_len};
use super::version::Version;

/// What a packet is written to.
pub(super) trait Sink {
    fn slice(&mut self, bytes: &[u8]);

    /// Takes note that the packet can't be written.
    fn refuse(&mut self, error: EncodeError);

    fn u8(&mut self, value: u8) {
        self.slice(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.slice(&value.to_be_bytes());
    }

    /// A Variable Byte Integer (section 1.5.5).
    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.u8((value & 0x7F) as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    /// Binary data or a UTF-8 Encoded String (sections 1.5.6, 1.5.4).
    fn prefixed(&mut self, bytes: &[u8]) {
        match u16::try_from(bytes.len()) {
            Ok(len) => {
                self.u16(len);
                self.slice(bytes);
            }
            Err(_too_long) => self.refuse(EncodeError::FieldTooLong { len: bytes.len() }),
        }
    }
}

impl Sink for BytesMut {
    #[inline]
    fn slice(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }

    /// Not needed: the packet went through [`Measure`] before.
    fn refuse(&mut self, _error: EncodeError) {}
}

/// Counts bytes and keeps the first error.
#[derive(Default)]
pub(super) struct Measure {
    len: usize,
    error: Option<EncodeError>,
}

impl Measure {
    /// The bytes counted.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes counted, when all of them can be written.
    pub(super) fn checked_len(self) -> Result<usize, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.len),
        }
    }
}

impl Sink for Measure {
    fn slice(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
    }

    fn refuse(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }
}

/// A packet's variable header and payload.
pub(super) trait Body {
    fn write<S: Sink>(&self, version: Version, sink: &mut S);

    /// The size of the whole packet.
    fn packet_len(&self, version: Version) -> usize {
        let mut measure = Measure::default();
        self.write(version, &mut measure);
        1 + varint_len(measure.len()) + measure.len()
    }

    /// Appends the whole packet.
    fn encode_packet(
        &self,
        packet: PacketType,
        version: Version,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let mut measure = Measure::default();
        self.write(version, &mut measure);
        let len = measure.checked_len()?;
        if len > MAX_REMAINING_LENGTH {
            return Err(EncodeError::PacketTooLong { len });
        }
        out.reserve(1 + varint_len(len) + len);
        out.put_u8(packet.first_byte());
        out.varint(len);
        self.write(version, out);
        Ok(())
    }
}

/// PINGREQ and PINGRESP: a fixed header and nothing else (sections 3.12, 3.13).
pub(super) struct Bare;

impl Bare {
    pub(super) const LEN: usize = 2;

    pub(super) fn encode(packet: PacketType, out: &mut BytesMut) {
        out.put_slice(&[packet.first_byte(), 0]);
    }
}
