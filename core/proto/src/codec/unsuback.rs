//! UNSUBACK (section 3.11): the server's answer to UNSUBSCRIBE.

use bytes::BytesMut;

use super::ack::AckProperties;
use super::encode::{Body, Sink};
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::Reader;
use super::version::Version;
use crate::qos::PacketId;
use crate::reason::ReasonCode;

/// An UNSUBACK packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubAck {
    /// The packet identifier of the UNSUBSCRIBE [MQTT-3.10.4-5].
    pub packet_id: PacketId,
    /// One for each topic filter, in their order [MQTT-3.11.3-1]; none in version 3.1.1.
    pub reason_codes: Vec<ReasonCode>,
    /// The properties; `None` where there are none, and in version 3.1.1.
    pub properties: Option<Box<AckProperties>>,
}

impl UnsubAck {
    /// Decodes an UNSUBACK.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, has no reason code (v5), or one that can't stand there.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(PacketType::UnsubAck)?;
        let mut reader = Reader::new(PacketType::UnsubAck, frame);
        let packet_id = reader.packet_id()?;
        if !version.has_properties() {
            reader.finish()?;
            return Ok(Self { packet_id, reason_codes: Vec::new(), properties: None });
        }
        let properties = AckProperties::read(&mut reader)?;
        let mut reason_codes = Vec::new();
        while !reader.is_empty() {
            reason_codes.push(reader.reason_code()?);
        }
        if reason_codes.is_empty() {
            return Err(reader.protocol("no reason code"));
        }
        Ok(Self { packet_id, reason_codes, properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version)
    }

    /// Appends the packet; version 3.1.1 has no reason codes to tell.
    ///
    /// # Errors
    /// [`EncodeError`] when it is too long or has no reason code (v5); `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::UnsubAck, version, out)
    }
}

impl Body for UnsubAck {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u16(self.packet_id.get());
        if !version.has_properties() {
            return;
        }
        AckProperties::write_optional(self.properties.as_deref(), sink);
        if self.reason_codes.is_empty() {
            sink.refuse(EncodeError::Incomplete {
                packet: PacketType::UnsubAck,
                what: "it needs a reason code",
            });
        }
        for code in &self.reason_codes {
            sink.u8(*code as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{known, refused};
    use super::*;

    #[test]
    fn known_bytes() {
        let mut ack =
            UnsubAck { packet_id: PacketId::new(10).unwrap(), reason_codes: Vec::new(), properties: None };
        known(Version::V311, &Packet::UnsubAck(ack.clone()), b"\xb0\x02\x00\x0a");
        ack.reason_codes = vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
        known(Version::V5, &Packet::UnsubAck(ack), b"\xb0\x05\x00\x0a\x00\x00\x11");
    }

    #[test]
    fn refusals() {
        refused(Version::V311, 0x81, b"\xb0\x03\x00\x0a\x00");
        refused(Version::V5, 0x82, b"\xb0\x03\x00\x0a\x00");
        refused(Version::V5, 0x82, b"\xb0\x04\x00\x0a\x00\x01");
        refused(Version::V5, 0x81, b"\xb0\x02\x00\x0a");
    }
}
