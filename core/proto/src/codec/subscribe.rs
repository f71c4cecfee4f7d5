//! SUBSCRIBE (section 3.8).

use std::fmt;
use std::num::NonZeroU32;

use bytes::BytesMut;

use super::encode::{Body, Sink};
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::{MAX_REMAINING_LENGTH, Reader};
use super::properties::{Property, PropertyList, PropertyReader, PropertySink, UserProperties};
use super::version::Version;
use crate::qos::{PacketId, QoS};
use crate::topic::TopicFilter;

/// A SUBSCRIBE packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Its packet identifier.
    pub packet_id: PacketId,
    /// At least one topic filter with its options [MQTT-3.8.3-2].
    pub filters: Vec<(TopicFilter, SubscriptionOptions)>,
    /// The properties (v5 only).
    pub properties: SubscribeProperties,
}

/// The properties of SUBSCRIBE (section 3.8.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscribeProperties {
    /// Comes back with each message of these subscriptions.
    pub subscription_identifier: Option<SubscriptionIdentifier>,
    /// User properties.
    pub user_properties: UserProperties,
}

/// A subscription identifier: 1 to 268,435,455 (section 3.8.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionIdentifier(NonZeroU32);

impl SubscriptionIdentifier {
    /// The greatest one.
    pub const MAX: u32 = MAX_REMAINING_LENGTH as u32;

    /// The identifier with this number, `None` outside of 1 to 268,435,455.
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        match NonZeroU32::new(id) {
            Some(id) if id.get() <= Self::MAX => Some(Self(id)),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for SubscriptionIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The options of a subscription (section 3.8.3.1). Version 3.1.1 has the quality of service only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The greatest quality of service that messages are to arrive with; default 0.
    pub maximum_qos: QoS,
    /// Whether messages that this client publishes are kept from it [MQTT-3.8.3-3]; default no. Not for a shared
    /// subscription [MQTT-3.8.3-4].
    pub no_local: bool,
    /// Whether messages keep the RETAIN flag they were published with [MQTT-3.3.1-13]; default no.
    pub retain_as_published: bool,
    /// Which retained messages arrive when subscribing; default all.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// Whether they say what version 3.1.1, which has only the quality of service, can't.
    pub(crate) fn needs_v5(self) -> bool {
        self != Self { maximum_qos: self.maximum_qos, ..Self::default() }
    }
}

/// Which retained messages arrive when subscribing (section 3.8.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// All, with each SUBSCRIBE [MQTT-3.3.1-9].
    #[default]
    SendAtSubscribe = 0,
    /// All, if the subscription did not exist yet [MQTT-3.3.1-10].
    SendIfNew = 1,
    /// None [MQTT-3.3.1-11].
    DoNotSend = 2,
}

impl Subscribe {
    /// Decodes a SUBSCRIBE.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, has no or an invalid topic filter, or impossible options.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(PacketType::Subscribe)?;
        let mut reader = Reader::new(PacketType::Subscribe, frame);
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => SubscribeProperties::read(&mut reader)?,
            Version::V311 => SubscribeProperties::default(),
        };
        let mut filters = Vec::new();
        while !reader.is_empty() {
            let filter = reader.topic_filter()?;
            let options = SubscriptionOptions::read(version, &mut reader)?;
            if options.no_local && filter.is_shared() {
                return Err(reader.protocol("no local on a shared subscription"));
            }
            filters.push((filter, options));
        }
        if filters.is_empty() {
            return Err(reader.protocol("no topic filter"));
        }
        Ok(Self { packet_id, filters, properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version)
    }

    /// Appends the packet. Options and properties that version 3.1.1 does not have are left out there.
    ///
    /// # Errors
    /// [`EncodeError`] when it is too long or has no topic filter; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::Subscribe, version, out)
    }
}

impl Body for Subscribe {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u16(self.packet_id.get());
        if version.has_properties() {
            self.properties.write(sink);
        }
        if self.filters.is_empty() {
            sink.refuse(EncodeError::Incomplete {
                packet: PacketType::Subscribe,
                what: "it needs a topic filter",
            });
        }
        for (filter, options) in &self.filters {
            sink.prefixed(filter.as_bytes());
            sink.u8(options.byte(version));
        }
    }
}

impl SubscribeProperties {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut properties = Self::default();
        let mut list = PropertyReader::new(reader)?;
        while let Some(property) = list.next()? {
            match property {
                Property::SubscriptionIdentifier => {
                    properties.subscription_identifier = Some(read_identifier(&mut list)?);
                }
                Property::User => properties.user_properties.push(list.user_property()?),
                _ => return Err(list.foreign()),
            }
        }
        Ok(properties)
    }
}

/// A subscription identifier in a list of properties; zero is a protocol error.
pub(super) fn read_identifier(list: &mut PropertyReader<'_>) -> Result<SubscriptionIdentifier, DecodeError> {
    let id = list.varint()?;
    u32::try_from(id)
        .ok()
        .and_then(SubscriptionIdentifier::new)
        .ok_or_else(|| list.protocol("subscription identifier 0"))
}

impl PropertyList for SubscribeProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        if let Some(identifier) = self.subscription_identifier {
            sink.u8(Property::SubscriptionIdentifier as u8);
            sink.varint(identifier.get() as usize);
        }
        sink.user_properties(&self.user_properties);
    }
}

impl SubscriptionOptions {
    fn read(version: Version, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let byte = reader.u8()?;
        let reserved = if version.has_properties() { 0b1100_0000 } else { 0b1111_1100 };
        if byte & reserved != 0 {
            return Err(reader.malformed("reserved bits in the subscription options"));
        }
        let Ok(maximum_qos) = QoS::try_from(byte & 0b11) else {
            return Err(match version {
                Version::V5 => reader.protocol("quality of service 3"),
                Version::V311 => reader.malformed("quality of service 3"),
            });
        };
        let retain_handling = match byte >> 4 {
            0 => RetainHandling::SendAtSubscribe,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(reader.protocol("retain handling 3")),
        };
        Ok(Self {
            maximum_qos,
            no_local: byte & 0b0100 != 0,
            retain_as_published: byte & 0b1000 != 0,
            retain_handling,
        })
    }

    fn byte(self, version: Version) -> u8 {
        let qos = self.maximum_qos as u8;
        match version {
            Version::V311 => qos,
            Version::V5 => {
                qos | u8::from(self.no_local) << 2
                    | u8::from(self.retain_as_published) << 3
                    | (self.retain_handling as u8) << 4
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{encode, known, refused};
    use super::*;

    const V5: Version = Version::V5;
    const V311: Version = Version::V311;

    fn subscribe(options: SubscriptionOptions) -> Subscribe {
        Subscribe {
            packet_id: PacketId::new(10).unwrap(),
            filters: vec![(TopicFilter::try_from("a/#").unwrap(), options)],
            properties: SubscribeProperties::default(),
        }
    }

    #[test]
    fn known_bytes() {
        let qos_1 = SubscriptionOptions { maximum_qos: QoS::AtLeastOnce, ..SubscriptionOptions::default() };
        let mut packet = subscribe(qos_1);
        known(V311, &Packet::Subscribe(packet.clone()), b"\x82\x08\x00\x0a\x00\x03a/#\x01");
        known(V5, &Packet::Subscribe(packet.clone()), b"\x82\x09\x00\x0a\x00\x00\x03a/#\x01");
        packet.properties.subscription_identifier = SubscriptionIdentifier::new(200);
        known(V5, &Packet::Subscribe(packet), b"\x82\x0c\x00\x0a\x03\x0b\xc8\x01\x00\x03a/#\x01");
        let all = SubscriptionOptions {
            maximum_qos: QoS::ExactlyOnce,
            no_local: true,
            retain_as_published: true,
            retain_handling: RetainHandling::DoNotSend,
        };
        let packet = Packet::Subscribe(subscribe(all));
        known(V5, &packet, b"\x82\x09\x00\x0a\x00\x00\x03a/#\x2e");
        assert_eq!(encode(V311, &packet), b"\x82\x08\x00\x0a\x00\x03a/#\x02");
    }

    #[test]
    fn refusals() {
        // Flags [MQTT-3.8.1-1], no filter [MQTT-3.8.3-2], packet identifier 0.
        refused(V5, 0x81, b"\x80\x09\x00\x0a\x00\x00\x03a/#\x01");
        refused(V5, 0x82, b"\x82\x03\x00\x0a\x00");
        refused(V311, 0x82, b"\x82\x02\x00\x0a");
        refused(V311, 0x82, b"\x82\x08\x00\x00\x00\x03a/#\x01");
        // Reserved bits [MQTT-3.8.3-5], QoS 3, retain handling 3, missing options.
        refused(V5, 0x81, b"\x82\x09\x00\x0a\x00\x00\x03a/#\x41");
        refused(V311, 0x81, b"\x82\x08\x00\x0a\x00\x03a/#\x05");
        refused(V5, 0x82, b"\x82\x09\x00\x0a\x00\x00\x03a/#\x03");
        refused(V311, 0x81, b"\x82\x08\x00\x0a\x00\x03a/#\x03");
        refused(V5, 0x82, b"\x82\x09\x00\x0a\x00\x00\x03a/#\x30");
        refused(V5, 0x81, b"\x82\x08\x00\x0a\x00\x00\x03a/#");
        // No local on a shared subscription [MQTT-3.8.3-4].
        refused(V5, 0x82, b"\x82\x10\x00\x0a\x00\x00\x0a$share/g/a\x04");
        // Invalid filters.
        refused(V5, 0x8f, b"\x82\x09\x00\x0a\x00\x00\x03a#b\x01");
        refused(V311, 0x8f, b"\x82\x05\x00\x0a\x00\x00\x01");
        // Subscription identifier 0, twice, not minimal.
        refused(V5, 0x82, b"\x82\x0b\x00\x0a\x02\x0b\x00\x00\x03a/#\x01");
        refused(V5, 0x82, b"\x82\x0d\x00\x0a\x04\x0b\x01\x0b\x01\x00\x03a/#\x01");
        refused(V5, 0x81, b"\x82\x0c\x00\x0a\x03\x0b\x81\x00\x00\x03a/#\x01");
    }

    #[test]
    fn an_empty_one_is_not_sent() {
        let mut packet = subscribe(SubscriptionOptions::default());
        packet.filters.clear();
        let mut out = BytesMut::new();
        assert!(matches!(packet.encode(V5, &mut out), Err(EncodeError::Incomplete { .. })));
        assert!(out.is_empty());
    }

    #[test]
    fn identifiers_have_bounds() {
        assert_eq!(SubscriptionIdentifier::new(0), None);
        assert_eq!(SubscriptionIdentifier::new(268_435_456), None);
        assert_eq!(SubscriptionIdentifier::new(268_435_455).unwrap().get(), SubscriptionIdentifier::MAX);
    }
}
