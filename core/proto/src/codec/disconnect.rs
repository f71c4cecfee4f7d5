//! DISCONNECT (section 3.14): the last packet of a connection.

use bytes::BytesMut;

use super::encode::{Body, Sink};
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::Reader;
use super::properties::{Property, PropertyList, PropertyReader, PropertySink, UserProperties};
use super::version::Version;
use crate::reason::ReasonCode;
use crate::text::Utf8String;

/// A DISCONNECT packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disconnect {
    /// Why; not sent in version 3.1.1, where it can only be a normal disconnection.
    pub reason_code: ReasonCode,
    /// The properties; `None` where there are none, and in version 3.1.1.
    pub properties: Option<Box<DisconnectProperties>>,
}

/// The properties of DISCONNECT (section 3.14.2.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisconnectProperties {
    /// The session expiry interval from now on, in seconds; 0xFFFF_FFFF: never. Absent: that of CONNECT. Never sent
    /// by a server [MQTT-3.14.2-2].
    pub session_expiry_interval: Option<u32>,
    /// The sender's words for people, not to be parsed.
    pub reason_string: Option<Utf8String>,
    /// User properties.
    pub user_properties: UserProperties,
    /// Another server to use (section 4.11). Never sent by a client.
    pub server_reference: Option<Utf8String>,
}

impl Disconnect {
    /// A DISCONNECT with a reason code and no properties.
    #[must_use]
    pub const fn with_reason(reason_code: ReasonCode) -> Self {
        Self { reason_code, properties: None }
    }

    /// Decodes a DISCONNECT of either direction: what only the other side may send is not looked at.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed or its reason code can't stand there.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        if !version.has_properties() {
            frame.expect_bare(PacketType::Disconnect)?;
            return Ok(Self::default());
        }
        frame.expect(PacketType::Disconnect)?;
        let mut reader = Reader::new(PacketType::Disconnect, frame);
        if reader.is_empty() {
            return Ok(Self::default());
        }
        let reason_code = reader.reason_code()?;
        let properties = if reader.is_empty() { None } else { DisconnectProperties::read(&mut reader)? };
        reader.finish()?;
        Ok(Self { reason_code, properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version)
    }

    /// Appends the packet, in its shortest form.
    ///
    /// # Errors
    /// [`EncodeError`] when a property is too long; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::Disconnect, version, out)
    }
}

impl Body for Disconnect {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        let properties = self.properties.as_ref().filter(|properties| !properties.is_empty());
        if !version.has_properties() || (self.reason_code == ReasonCode::Success && properties.is_none()) {
            return;
        }
        sink.u8(self.reason_code as u8);
        if let Some(properties) = properties {
            properties.write(sink);
        }
    }
}

impl DisconnectProperties {
    fn read(reader: &mut Reader<'_>) -> Result<Option<Box<Self>>, DecodeError> {
        let mut list = PropertyReader::new(reader)?;
        if list.is_empty() {
            return Ok(None);
        }
        let mut properties = Box::<Self>::default();
        while let Some(property) = list.next()? {
            match property {
                Property::SessionExpiryInterval => properties.session_expiry_interval = Some(list.u32()?),
                Property::ReasonString => properties.reason_string = Some(list.string()?),
                Property::User => properties.user_properties.push(list.user_property()?),
                Property::ServerReference => properties.server_reference = Some(list.string()?),
                _ => return Err(list.foreign()),
            }
        }
        Ok(Some(properties))
    }
}

impl PropertyList for DisconnectProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(Property::SessionExpiryInterval, self.session_expiry_interval);
        sink.string_property(Property::ReasonString, self.reason_string.as_ref());
        sink.user_properties(&self.user_properties);
        sink.string_property(Property::ServerReference, self.server_reference.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{decode, encode, known, refused};
    use super::*;

    const V5: Version = Version::V5;
    const V311: Version = Version::V311;

    #[test]
    fn known_bytes() {
        known(V5, &Packet::Disconnect(Disconnect::default()), b"\xe0\x00");
        known(V311, &Packet::Disconnect(Disconnect::default()), b"\xe0\x00");
        let taken_over = Packet::Disconnect(Disconnect::with_reason(ReasonCode::SessionTakenOver));
        known(V5, &taken_over, b"\xe0\x01\x8e");
        assert_eq!(encode(V311, &taken_over), b"\xe0\x00");
        let properties = DisconnectProperties {
            session_expiry_interval: Some(60),
            server_reference: Some(Utf8String::from_static("b")),
            ..DisconnectProperties::default()
        };
        let full = Disconnect { reason_code: ReasonCode::Success, properties: Some(Box::new(properties)) };
        known(V5, &Packet::Disconnect(full), b"\xe0\x0b\x00\x09\x11\x00\x00\x00\x3c\x1c\x00\x01b");
    }

    #[test]
    fn longer_forms_than_needed_are_taken() {
        for bytes in [&b"\xe0\x01\x00"[..], b"\xe0\x02\x00\x00"] {
            assert_eq!(decode(V5, bytes).unwrap(), Packet::Disconnect(Disconnect::default()));
        }
    }

    #[test]
    fn refusals() {
        refused(V311, 0x81, b"\xe0\x01\x00");
        refused(V5, 0x81, b"\xe1\x00");
        refused(V5, 0x82, b"\xe0\x01\x88");
        refused(V5, 0x82, b"\xe0\x01\x01");
        refused(V5, 0x81, b"\xe0\x03\x00\x00\x00");
        refused(V5, 0x81, b"\xe0\x02\x00\x05");
    }
}
