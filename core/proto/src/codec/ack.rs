//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7): four types, one shape.

use bytes::{BufMut, BytesMut};

use super::encode::{Body, Sink};
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::Reader;
use super::properties::{Property, PropertyList, PropertyReader, PropertySink, UserProperties};
use super::version::Version;
use crate::qos::PacketId;
use crate::reason::ReasonCode;
use crate::text::Utf8String;

/// A PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The packet identifier of the PUBLISH that it belongs to [MQTT-2.2.1-5].
    pub packet_id: PacketId,
    /// How it went; always success in version 3.1.1.
    pub reason_code: ReasonCode,
    /// The properties; `None` where there are none, and in version 3.1.1.
    pub properties: Option<Box<AckProperties>>,
}

/// The properties of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK (section 3.4.2.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AckProperties {
    /// The sender's words for people, not to be parsed (section 3.4.2.2.2).
    pub reason_string: Option<Utf8String>,
    /// User properties (section 3.4.2.2.3).
    pub user_properties: UserProperties,
}

/// The broker of the crate mqtt5 answers a PUBREL that it does not know with reason code 0x92 in version 3.1.1 too,
/// which has none. Refusing that would end each connection of a resumed session at the same packet, for ever.
fn is_stray_reason(packet_type: PacketType, frame: &Frame<'_>) -> bool {
    packet_type == PacketType::PubComp
        && matches!(frame.body(), [_, _, reason] | [_, _, reason, 0] if *reason == ReasonCode::PacketIdentifierNotFound as u8)
}

impl Ack {
    /// An ack that says success.
    #[must_use]
    pub const fn success(packet_id: PacketId) -> Self {
        Self::with_reason(packet_id, ReasonCode::Success)
    }

    /// An ack with a reason code and no properties.
    #[must_use]
    pub const fn with_reason(packet_id: PacketId, reason_code: ReasonCode) -> Self {
        Self { packet_id, reason_code, properties: None }
    }

    /// Decodes an ack of the type that `frame` has.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, its packet identifier is zero or its reason code can't stand there.
    #[inline]
    pub fn decode(packet_type: PacketType, version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(packet_type)?;
        let mut reader = Reader::new(packet_type, frame);
        let packet_id = reader.packet_id()?;
        if reader.is_empty() {
            return Ok(Self::success(packet_id));
        }
        if version.has_properties() || is_stray_reason(packet_type, frame) {
            return Self::decode_reason(packet_id, reader);
        }
        Err(reader.malformed("bytes behind its packet identifier"))
    }

    /// The forms that version 5 adds: reason code alone, or with properties (section 3.4.2.1).
    fn decode_reason(packet_id: PacketId, mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let reason_code = reader.reason_code()?;
        let properties = if reader.is_empty() { None } else { AckProperties::read(&mut reader)? };
        reader.finish()?;
        Ok(Self { packet_id, reason_code, properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version)
    }

    /// Appends the packet, as one of `packet_type`, in its shortest form. Version 3.1.1 has no reason code to tell.
    ///
    /// # Errors
    /// [`EncodeError`] when its properties are too long; `out` is then as it was.
    #[inline]
    pub fn encode(
        &self,
        packet_type: PacketType,
        version: Version,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        if self.is_short(version) {
            let [high, low] = self.packet_id.get().to_be_bytes();
            out.put_slice(&[packet_type.first_byte(), 2, high, low]);
            return Ok(());
        }
        self.encode_packet(packet_type, version, out)
    }

    #[inline]
    fn is_short(&self, version: Version) -> bool {
        !version.has_properties() || (self.reason_code == ReasonCode::Success && self.properties.is_none())
    }
}

impl Body for Ack {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u16(self.packet_id.get());
        if self.is_short(version) {
            return;
        }
        sink.u8(self.reason_code as u8);
        if let Some(properties) = &self.properties {
            properties.write(sink);
        }
    }
}

impl AckProperties {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Box<Self>>, DecodeError> {
        let mut list = PropertyReader::new(reader)?;
        if list.is_empty() {
            return Ok(None);
        }
        let mut properties = Box::<Self>::default();
        while let Some(property) = list.next()? {
            match property {
                Property::ReasonString => properties.reason_string = Some(list.string()?),
                Property::User => properties.user_properties.push(list.user_property()?),
                _ => return Err(list.foreign()),
            }
        }
        Ok(Some(properties))
    }

    /// Writes properties that a packet may have none of.
    pub(super) fn write_optional<S: Sink>(properties: Option<&Self>, sink: &mut S) {
        match properties {
            Some(properties) => properties.write(sink),
            None => sink.u8(0),
        }
    }
}

impl PropertyList for AckProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.string_property(Property::ReasonString, self.reason_string.as_ref());
        sink.user_properties(&self.user_properties);
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{decode, encode, known, refused};
    use super::*;

    const V5: Version = Version::V5;
    const V311: Version = Version::V311;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[test]
    fn success_is_short_in_both_versions() {
        for version in [V311, V5] {
            known(version, &Packet::PubAck(Ack::success(id(0x1234))), b"\x40\x02\x12\x34");
            known(version, &Packet::PubRec(Ack::success(id(1))), b"\x50\x02\x00\x01");
            known(version, &Packet::PubRel(Ack::success(id(1))), b"\x62\x02\x00\x01");
            known(version, &Packet::PubComp(Ack::success(id(1))), b"\x70\x02\x00\x01");
        }
    }

    #[test]
    fn reasons_and_properties_of_version_5() {
        let reason = Ack::with_reason(id(1), ReasonCode::NotAuthorized);
        known(V5, &Packet::PubAck(reason.clone()), b"\x40\x03\x00\x01\x87");
        let unknown = Ack::with_reason(id(1), ReasonCode::PacketIdentifierNotFound);
        known(V5, &Packet::PubComp(unknown), b"\x70\x03\x00\x01\x92");
        let properties = AckProperties {
            reason_string: Some(Utf8String::from_static("no")),
            user_properties: vec![(Utf8String::from_static("a"), Utf8String::from_static("b"))],
        };
        let full = Ack { properties: Some(Box::new(properties)), ..reason };
        known(
            V5,
            &Packet::PubRec(full.clone()),
            b"\x50\x10\x00\x01\x87\x0c\x1f\x00\x02no\x26\x00\x01a\x00\x01b",
        );
        // Version 3.1.1 can't tell.
        assert_eq!(encode(V311, &Packet::PubRec(full)), b"\x50\x02\x00\x01");
    }

    #[test]
    fn longer_forms_than_needed_are_taken() {
        let ack = Packet::PubAck(Ack::success(id(1)));
        assert_eq!(decode(V5, b"\x40\x03\x00\x01\x00").unwrap(), ack);
        assert_eq!(decode(V5, b"\x40\x04\x00\x01\x00\x00").unwrap(), ack);
    }

    #[test]
    fn a_stray_reason_code_of_version_311_is_read() {
        let mut buf = BytesMut::from(&b"\x70\x03\x00\x01\x92"[..]);
        let mut frames = super::super::take_frames(&mut buf, 100).unwrap();
        let ack = Ack::decode(PacketType::PubComp, V311, &frames.next().unwrap()).unwrap();
        assert_eq!(ack.reason_code, ReasonCode::PacketIdentifierNotFound);
    }

    #[test]
    fn refusals() {
        for version in [V311, V5] {
            refused(version, 0x82, b"\x40\x02\x00\x00");
            refused(version, 0x81, b"\x40\x01\x00");
            refused(version, 0x81, b"\x40\x00");
            refused(version, 0x81, b"\x41\x02\x00\x01");
            // PUBREL's flags [MQTT-3.6.1-1].
            refused(version, 0x81, b"\x60\x02\x00\x01");
        }
        refused(V311, 0x81, b"\x40\x03\x00\x01\x00");
        refused(V311, 0x81, b"\x70\x03\x00\x01\x00");
        // A code of another packet [MQTT-3.4.2-1], [MQTT-3.7.2-1], and none at all.
        refused(V5, 0x82, b"\x40\x03\x00\x01\x92");
        refused(V5, 0x82, b"\x70\x03\x00\x01\x10");
        refused(V5, 0x82, b"\x40\x03\x00\x01\x03");
        // Bytes behind, a property length past the end, a foreign property, one twice, one unknown.
        refused(V5, 0x81, b"\x40\x05\x00\x01\x00\x00\x00");
        refused(V5, 0x81, b"\x40\x04\x00\x01\x00\x01");
        refused(V5, 0x81, b"\x40\x07\x00\x01\x00\x03\x23\x00\x01");
        refused(V5, 0x82, b"\x40\x0a\x00\x01\x00\x06\x1f\x00\x00\x1f\x00\x00");
        refused(V5, 0x81, b"\x40\x06\x00\x01\x00\x02\x7f\x00");
    }
}
