//! SUBACK (section 3.9): the server's answer to SUBSCRIBE.

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

/// A SUBACK packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAck {
    /// The packet identifier of the SUBSCRIBE [MQTT-3.8.4-2].
    pub packet_id: PacketId,
    /// One for each topic filter, in their order [MQTT-3.9.3-1]: the granted quality of service, or why not.
    /// Version 3.1.1 has one failure only, 0x80.
    pub reason_codes: Vec<ReasonCode>,
    /// The properties; `None` where there are none, and in version 3.1.1.
    pub properties: Option<Box<AckProperties>>,
}

impl SubAck {
    /// Decodes a SUBACK.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, has no reason code, or one that can't stand there.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(PacketType::SubAck)?;
        let mut reader = Reader::new(PacketType::SubAck, frame);
        let packet_id = reader.packet_id()?;
        let properties = if version.has_properties() { AckProperties::read(&mut reader)? } else { None };
        let mut reason_codes = Vec::new();
        while !reader.is_empty() {
            let code = reader.reason_code()?;
            if !version.has_properties() && code.is_error() && code != ReasonCode::UnspecifiedError {
                return Err(reader.protocol("a return code that does not exist in version 3.1.1"));
            }
            reason_codes.push(code);
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

    /// Appends the packet. In version 3.1.1 every failure becomes 0x80.
    ///
    /// # Errors
    /// [`EncodeError`] when it is too long or has no reason code; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::SubAck, version, out)
    }
}

impl Body for SubAck {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u16(self.packet_id.get());
        if version.has_properties() {
            AckProperties::write_optional(self.properties.as_deref(), sink);
        }
        if self.reason_codes.is_empty() {
            sink.refuse(EncodeError::Incomplete {
                packet: PacketType::SubAck,
                what: "it needs a reason code",
            });
        }
        for code in &self.reason_codes {
            let code = if version.has_properties() || !code.is_error() {
                *code
            } else {
                ReasonCode::UnspecifiedError
            };
            sink.u8(code as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{encode, known, refused};
    use super::*;

    #[test]
    fn known_bytes() {
        let mut ack = SubAck {
            packet_id: PacketId::new(10).unwrap(),
            reason_codes: vec![ReasonCode::GrantedQoS2, ReasonCode::UnspecifiedError, ReasonCode::Success],
            properties: None,
        };
        known(Version::V311, &Packet::SubAck(ack.clone()), b"\x90\x05\x00\x0a\x02\x80\x00");
        known(Version::V5, &Packet::SubAck(ack.clone()), b"\x90\x06\x00\x0a\x00\x02\x80\x00");
        ack.reason_codes = vec![ReasonCode::NotAuthorized];
        known(Version::V5, &Packet::SubAck(ack.clone()), b"\x90\x04\x00\x0a\x00\x87");
        assert_eq!(encode(Version::V311, &Packet::SubAck(ack)), b"\x90\x03\x00\x0a\x80");
    }

    #[test]
    fn refusals() {
        refused(Version::V311, 0x82, b"\x90\x02\x00\x0a");
        refused(Version::V5, 0x82, b"\x90\x03\x00\x0a\x00");
        refused(Version::V5, 0x81, b"\x90\x02\x00\x0a");
        refused(Version::V311, 0x82, b"\x90\x03\x00\x0a\x03");
        refused(Version::V311, 0x82, b"\x90\x03\x00\x0a\x87");
        refused(Version::V5, 0x82, b"\x90\x04\x00\x0a\x00\x03");
        refused(Version::V5, 0x82, b"\x90\x04\x00\x00\x00\x00");
        refused(Version::V5, 0x81, b"\x92\x04\x00\x0a\x00\x00");
    }
}
