//! UNSUBSCRIBE (section 3.10).

use bytes::BytesMut;

use super::encode::{Body, Sink};
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::Reader;
use super::properties::{Property, PropertyList, PropertyReader, PropertySink, UserProperties};
use super::version::Version;
use crate::qos::PacketId;
use crate::topic::TopicFilter;

/// An UNSUBSCRIBE packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Its packet identifier.
    pub packet_id: PacketId,
    /// At least one topic filter [MQTT-3.10.3-2].
    pub filters: Vec<TopicFilter>,
    /// User properties, the only ones that it can have (v5 only).
    pub user_properties: UserProperties,
}

impl Unsubscribe {
    /// Decodes an UNSUBSCRIBE.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, or has no or an invalid topic filter.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(PacketType::Unsubscribe)?;
        let mut reader = Reader::new(PacketType::Unsubscribe, frame);
        let packet_id = reader.packet_id()?;
        let mut user_properties = UserProperties::new();
        if version.has_properties() {
            let mut list = PropertyReader::new(&mut reader)?;
            while let Some(property) = list.next()? {
                match property {
                    Property::User => user_properties.push(list.user_property()?),
                    _ => return Err(list.foreign()),
                }
            }
        }
        let mut filters = Vec::new();
        while !reader.is_empty() {
            filters.push(reader.topic_filter()?);
        }
        if filters.is_empty() {
            return Err(reader.protocol("no topic filter"));
        }
        Ok(Self { packet_id, filters, user_properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version)
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// [`EncodeError`] when it is too long or has no topic filter; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::Unsubscribe, version, out)
    }
}

impl Body for Unsubscribe {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u16(self.packet_id.get());
        if version.has_properties() {
            self.user_properties.write(sink);
        }
        if self.filters.is_empty() {
            sink.refuse(EncodeError::Incomplete {
                packet: PacketType::Unsubscribe,
                what: "it needs a topic filter",
            });
        }
        for filter in &self.filters {
            sink.prefixed(filter.as_bytes());
        }
    }
}

impl PropertyList for UserProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.user_properties(self);
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{known, refused};
    use super::*;
    use crate::text::Utf8String;

    #[test]
    fn known_bytes() {
        let mut packet = Unsubscribe {
            packet_id: PacketId::new(10).unwrap(),
            filters: vec![TopicFilter::try_from("a").unwrap(), TopicFilter::try_from("+").unwrap()],
            user_properties: UserProperties::new(),
        };
        known(Version::V311, &Packet::Unsubscribe(packet.clone()), b"\xa2\x08\x00\x0a\x00\x01a\x00\x01+");
        packet.user_properties.push((Utf8String::from_static("k"), Utf8String::from_static("v")));
        let bytes = b"\xa2\x10\x00\x0a\x07\x26\x00\x01k\x00\x01v\x00\x01a\x00\x01+";
        known(Version::V5, &Packet::Unsubscribe(packet), bytes);
    }

    #[test]
    fn refusals() {
        refused(Version::V5, 0x81, b"\xa0\x06\x00\x0a\x00\x00\x01a");
        refused(Version::V5, 0x82, b"\xa2\x03\x00\x0a\x00");
        refused(Version::V311, 0x82, b"\xa2\x02\x00\x0a");
        refused(Version::V5, 0x8f, b"\xa2\x07\x00\x0a\x00\x00\x02a+");
        refused(Version::V5, 0x81, b"\xa2\x09\x00\x0a\x03\x1f\x00\x00\x00\x01a");
        refused(Version::V5, 0x81, b"\xa2\x06\x00\x0a\x00\x00\x02a");
    }
}
