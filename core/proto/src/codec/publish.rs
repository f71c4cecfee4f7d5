//! PUBLISH (section 3.3): a message. The hot path of both directions.

use std::num::NonZeroU16;

use bytes::{BufMut, Bytes, BytesMut};

use super::encode::{Measure, Sink};
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::{MAX_REMAINING_LENGTH, Reader, varint_len};
use super::properties::{Property, PropertyList, PropertyReader, PropertySink, UserProperties};
use super::subscribe::{SubscriptionIdentifier, read_identifier};
use super::version::Version;
use crate::qos::{PacketId, QoS};
use crate::text::Utf8String;
use crate::topic::TopicError;

/// The RETAIN flag of the fixed header (section 3.3.1.3).
pub(super) const RETAIN: u8 = 0b0001;

/// How a message is delivered: its quality of service, with what belongs to it. QoS 0 has no packet identifier
/// [MQTT-2.2.1-2] and no DUP flag [MQTT-3.3.1-2].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// QoS 0.
    #[default]
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// Its packet identifier.
        packet_id: PacketId,
        /// Whether it was sent before [MQTT-3.3.1-1].
        dup: bool,
    },
    /// QoS 2.
    ExactlyOnce {
        /// Its packet identifier.
        packet_id: PacketId,
        /// Whether it was sent before [MQTT-3.3.1-1].
        dup: bool,
    },
}

impl Delivery {
    /// The quality of service.
    #[must_use]
    #[inline]
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// The packet identifier; none for QoS 0.
    #[must_use]
    #[inline]
    pub const fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { packet_id, .. } | Self::ExactlyOnce { packet_id, .. } => Some(packet_id),
        }
    }

    /// Whether it was sent before.
    #[must_use]
    #[inline]
    pub const fn dup(self) -> bool {
        match self {
            Self::AtMostOnce => false,
            Self::AtLeastOnce { dup, .. } | Self::ExactlyOnce { dup, .. } => dup,
        }
    }
}

/// A PUBLISH packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Quality of service, packet identifier, DUP.
    pub delivery: Delivery,
    /// From a client: whether the server keeps it [MQTT-3.3.1-5]. From a server: whether it was kept.
    pub retain: bool,
    /// The topic name, without wildcards [MQTT-3.3.2-2]. Empty only with a topic alias (v5).
    pub topic: Utf8String,
    /// Stands for the topic on this connection [MQTT-3.3.2-7] (v5 only).
    pub topic_alias: Option<NonZeroU16>,
    /// The subscriptions of the receiver that it is for; only from a server [MQTT-3.3.4-6] (v5 only).
    pub subscription_identifiers: SubscriptionIdentifiers,
    /// The other properties; `None` where there are none, and in version 3.1.1.
    pub properties: Option<Box<PublishProperties>>,
    /// The payload.
    pub payload: Bytes,
}

/// The properties of PUBLISH that belong to the message and go all the way with it (section 3.3.2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishProperties {
    /// Whether the payload is UTF-8; absent: unspecified bytes.
    pub payload_format_indicator: Option<bool>,
    /// How long the message lives, in seconds; absent: forever.
    pub message_expiry_interval: Option<u32>,
    /// Where an answer is expected; a topic name [MQTT-3.3.2-14].
    pub response_topic: Option<Utf8String>,
    /// What an answer is recognised by.
    pub correlation_data: Option<Bytes>,
    /// What the payload is, such as a media type.
    pub content_type: Option<Utf8String>,
    /// User properties, passed on in their order [MQTT-3.3.2-18].
    pub user_properties: UserProperties,
}

impl PublishProperties {
    /// The same properties without a share in the buffer that they were read into.
    pub(crate) fn detach(self) -> Self {
        let pair = |(name, value): (Utf8String, Utf8String)| (name.detach(), value.detach());
        Self {
            response_topic: self.response_topic.as_ref().map(Utf8String::detach),
            correlation_data: self.correlation_data.as_deref().map(Bytes::copy_from_slice),
            content_type: self.content_type.as_ref().map(Utf8String::detach),
            user_properties: self.user_properties.into_iter().map(pair).collect(),
            ..self
        }
    }
}

impl Publish {
    /// Decodes a PUBLISH. Topic and payload share the received block; nothing is allocated but for properties.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, its topic name or topic alias is invalid or both are missing, or it has
    /// an impossible property.
    #[inline]
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        if frame.packet_type() != Ok(PacketType::Publish) {
            return Err(DecodeError::malformed(PacketType::Publish, "another type in its fixed header"));
        }
        let flags = frame.flags();
        let mut reader = Reader::new(PacketType::Publish, frame);
        let topic = reader.prefixed()?;
        let delivery = read_delivery(flags, &mut reader)?;
        let received = match version {
            Version::V5 if !reader.no_properties() => Received::read(&mut reader)?,
            Version::V5 | Version::V311 => Received::default(),
        };
        if topic.is_empty() && received.topic_alias.is_none() {
            return Err(no_topic(version));
        }
        let topic = reader.publish_topic(topic)?;
        let payload = reader.remainder();
        let Received { topic_alias, subscription_identifiers, properties } = received;
        let payload = reader.share(payload);
        let retain = flags & RETAIN != 0;
        Ok(Self { delivery, retain, topic, topic_alias, subscription_identifiers, properties, payload })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.head().encoded_len(version)
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// [`EncodeError`] when a field or the whole is too long; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.head().encode(version, out)?;
        out.put_slice(&self.payload);
        Ok(())
    }

    /// Everything but the payload.
    #[must_use]
    pub fn head(&self) -> PublishHead<'_> {
        PublishHead {
            delivery: self.delivery,
            retain: self.retain,
            topic: self.topic.as_str(),
            topic_alias: self.topic_alias,
            subscription_identifiers: &self.subscription_identifiers,
            properties: self.properties.as_deref(),
            payload_len: self.payload.len(),
        }
    }
}

/// What is read from the properties of a PUBLISH.
#[derive(Default)]
struct Received {
    topic_alias: Option<NonZeroU16>,
    subscription_identifiers: SubscriptionIdentifiers,
    properties: Option<Box<PublishProperties>>,
}

impl Received {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut it = Self::default();
        let mut list = PropertyReader::new(reader)?;
        while let Some(property) = list.next()? {
            match property {
                Property::TopicAlias => {
                    let alias = NonZeroU16::new(list.u16()?).ok_or(DecodeError::TopicAliasInvalid)?;
                    it.topic_alias = Some(alias);
                }
                Property::SubscriptionIdentifier => {
                    it.subscription_identifiers.push(read_identifier(&mut list)?);
                }
                property => it.properties.get_or_insert_default().read(property, &mut list)?,
            }
        }
        Ok(it)
    }
}

#[inline]
pub(super) fn read_delivery(flags: u8, reader: &mut Reader<'_>) -> Result<Delivery, DecodeError> {
    let dup = flags & 0b1000 != 0;
    match (flags >> 1) & 0b11 {
        0 if dup => Err(reader.malformed("DUP with QoS 0")),
        0 => Ok(Delivery::AtMostOnce),
        1 => Ok(Delivery::AtLeastOnce { packet_id: reader.packet_id()?, dup }),
        2 => Ok(Delivery::ExactlyOnce { packet_id: reader.packet_id()?, dup }),
        _ => Err(reader.malformed("QoS 3")),
    }
}

fn no_topic(version: Version) -> DecodeError {
    let packet = PacketType::Publish;
    match version {
        Version::V311 => DecodeError::TopicNameInvalid { packet, error: TopicError::Empty },
        Version::V5 => DecodeError::protocol(packet, "neither a topic name nor a topic alias"),
    }
}

/// Subscription identifiers of a PUBLISH, in order: mostly one, which takes no allocation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SubscriptionIdentifiers {
    first: Option<SubscriptionIdentifier>,
    more: Vec<SubscriptionIdentifier>,
}

// By hand, since it is done for each message: a derived one calls the vector's, also where that is empty.
impl Clone for SubscriptionIdentifiers {
    #[inline]
    fn clone(&self) -> Self {
        let more = if self.more.is_empty() { Vec::new() } else { self.more.clone() };
        Self { first: self.first, more }
    }
}

impl SubscriptionIdentifiers {
    /// None of them.
    pub const NONE: Self = Self { first: None, more: Vec::new() };

    /// Adds one at the end.
    #[inline]
    pub fn push(&mut self, identifier: SubscriptionIdentifier) {
        match self.first {
            None => self.first = Some(identifier),
            Some(_) => self.more.push(identifier),
        }
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// All of them.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = SubscriptionIdentifier> + '_ {
        self.first.iter().chain(&self.more).copied()
    }
}

impl FromIterator<SubscriptionIdentifier> for SubscriptionIdentifiers {
    fn from_iter<I: IntoIterator<Item = SubscriptionIdentifier>>(identifiers: I) -> Self {
        let mut all = Self::default();
        identifiers.into_iter().for_each(|identifier| all.push(identifier));
        all
    }
}

impl PublishProperties {
    fn read(&mut self, property: Property, list: &mut PropertyReader<'_>) -> Result<(), DecodeError> {
        match property {
            Property::PayloadFormatIndicator => self.payload_format_indicator = Some(list.flag()?),
            Property::MessageExpiryInterval => self.message_expiry_interval = Some(list.u32()?),
            Property::ResponseTopic => self.response_topic = Some(list.response_topic()?),
            Property::CorrelationData => self.correlation_data = Some(list.binary()?),
            Property::ContentType => self.content_type = Some(list.string()?),
            Property::User => self.user_properties.push(list.user_property()?),
            _ => return Err(list.foreign()),
        }
        Ok(())
    }
}

/// A PUBLISH without its payload, which then follows in the same or another buffer.
#[derive(Debug, Clone, Copy)]
pub struct PublishHead<'a> {
    /// Quality of service, packet identifier, DUP.
    pub delivery: Delivery,
    /// The RETAIN flag.
    pub retain: bool,
    /// The topic name; may be empty with a topic alias.
    pub topic: &'a str,
    /// The topic alias (v5 only).
    pub topic_alias: Option<NonZeroU16>,
    /// Subscription identifiers; only from a server (v5 only).
    pub subscription_identifiers: &'a SubscriptionIdentifiers,
    /// The other properties (v5 only).
    pub properties: Option<&'a PublishProperties>,
    /// The length in bytes of the payload that follows.
    pub payload_len: usize,
}

impl PublishHead<'_> {
    /// The size of the whole packet in bytes, fixed header and payload included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        let remaining = self.remaining_len(self.property_len(version));
        1 + varint_len(remaining) + remaining
    }

    /// Appends all but the payload.
    ///
    /// # Errors
    /// [`EncodeError`] when a field or the whole is too long; `out` is then as it was.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        let property_len = if version.has_properties() && self.has_properties() {
            Some(self.checked_property_len()?)
        } else {
            version.has_properties().then_some(0)
        };
        let remaining = self.remaining_len(property_len);
        let Ok(topic_len) = u16::try_from(self.topic.len()) else {
            return Err(EncodeError::FieldTooLong { len: self.topic.len() });
        };
        if remaining > MAX_REMAINING_LENGTH {
            return Err(EncodeError::PacketTooLong { len: remaining });
        }
        // Once, for all that the pushes below need.
        out.reserve(5 + remaining - self.payload_len);
        let [high, low] = topic_len.to_be_bytes();
        if remaining < 0x80 {
            out.put_slice(&[self.first_byte(), remaining as u8, high, low]);
        } else {
            out.put_u8(self.first_byte());
            out.varint(remaining);
            out.put_slice(&[high, low]);
        }
        out.put_slice(self.topic.as_bytes());
        if let Some(packet_id) = self.delivery.packet_id() {
            out.put_u16(packet_id.get());
        }
        match property_len {
            None => {}
            Some(0) => out.put_u8(0),
            Some(_) => self.write(out),
        }
        Ok(())
    }

    #[inline]
    fn first_byte(&self) -> u8 {
        PacketType::Publish.first_byte()
            | u8::from(self.delivery.dup()) << 3
            | (self.delivery.qos() as u8) << 1
            | u8::from(self.retain)
    }

    #[inline]
    fn has_properties(&self) -> bool {
        self.properties.is_some() || self.topic_alias.is_some() || !self.subscription_identifiers.is_empty()
    }

    /// The length of the properties, `None` where the version has none.
    fn property_len(&self, version: Version) -> Option<usize> {
        version.has_properties().then(|| if self.has_properties() { self.len() } else { 0 })
    }

    #[inline(never)]
    fn checked_property_len(&self) -> Result<usize, EncodeError> {
        let mut measure = Measure::default();
        self.write_each(&mut measure);
        measure.checked_len()
    }

    #[inline]
    fn remaining_len(&self, property_len: Option<usize>) -> usize {
        let packet_id_len = if self.delivery.packet_id().is_some() { 2 } else { 0 };
        let property_len = property_len.map_or(0, |len| varint_len(len) + len);
        2 + self.topic.len() + packet_id_len + property_len + self.payload_len
    }
}

impl PropertyList for PublishHead<'_> {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.u16_property(Property::TopicAlias, self.topic_alias.map(NonZeroU16::get));
        if let Some(properties) = self.properties {
            sink.u32_property(Property::MessageExpiryInterval, properties.message_expiry_interval);
            sink.flag_property(Property::PayloadFormatIndicator, properties.payload_format_indicator);
            sink.string_property(Property::ResponseTopic, properties.response_topic.as_ref());
            sink.binary_property(Property::CorrelationData, properties.correlation_data.as_ref());
            sink.string_property(Property::ContentType, properties.content_type.as_ref());
        }
        for identifier in self.subscription_identifiers.iter() {
            sink.u8(Property::SubscriptionIdentifier as u8);
            sink.varint(identifier.get() as usize);
        }
        if let Some(properties) = self.properties {
            sink.user_properties(&properties.user_properties);
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

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    fn publish() -> Publish {
        Publish {
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic: Utf8String::from_static("a/b"),
            topic_alias: None,
            subscription_identifiers: SubscriptionIdentifiers::NONE,
            properties: None,
            payload: Bytes::from_static(b"hi"),
        }
    }

    #[test]
    fn known_bytes() {
        known(V311, &Packet::Publish(publish()), b"\x30\x07\x00\x03a/bhi");
        known(V5, &Packet::Publish(publish()), b"\x30\x08\x00\x03a/b\x00hi");
        let once = Publish {
            delivery: Delivery::AtLeastOnce { packet_id: id(0x102), dup: true },
            retain: true,
            ..publish()
        };
        known(V311, &Packet::Publish(once.clone()), b"\x3b\x09\x00\x03a/b\x01\x02hi");
        known(V5, &Packet::Publish(once), b"\x3b\x0a\x00\x03a/b\x01\x02\x00hi");
        let exactly = Delivery::ExactlyOnce { packet_id: id(1), dup: false };
        let empty = Publish { delivery: exactly, payload: Bytes::new(), ..publish() };
        known(V5, &Packet::Publish(empty), b"\x34\x08\x00\x03a/b\x00\x01\x00");
    }

    #[test]
    fn an_alias_instead_of_a_topic() {
        let aliased = Publish { topic: Utf8String::default(), topic_alias: NonZeroU16::new(7), ..publish() };
        known(V5, &Packet::Publish(aliased), b"\x30\x08\x00\x00\x03\x23\x00\x07hi");
    }

    #[test]
    fn subscription_identifiers_may_repeat() {
        let identifiers = [1, 200].into_iter().filter_map(SubscriptionIdentifier::new);
        let packet = Publish { subscription_identifiers: identifiers.collect(), ..publish() };
        known(V5, &Packet::Publish(packet), b"\x30\x0d\x00\x03a/b\x05\x0b\x01\x0b\xc8\x01hi");
    }

    #[test]
    fn version_311_has_no_properties() {
        let properties =
            PublishProperties { message_expiry_interval: Some(100), ..PublishProperties::default() };
        let properties = Some(Box::new(properties));
        let packet = Publish { properties, topic_alias: NonZeroU16::new(1), ..publish() };
        assert_eq!(encode(V311, &Packet::Publish(packet)), b"\x30\x07\x00\x03a/bhi");
    }

    #[test]
    fn lengths_at_their_bounds() {
        for payload_len in [120, 121, 122, 16_376, 16_377, 16_378] {
            let packet = Publish { payload: Bytes::from(vec![b'x'; payload_len]), ..publish() };
            let bytes = encode(V5, &Packet::Publish(packet.clone()));
            known(V5, &Packet::Publish(packet), &bytes);
        }
    }

    #[test]
    fn what_can_not_be_sent() {
        let mut out = BytesMut::new();
        let long = "x".repeat(65_536);
        let packet = publish();
        let head = PublishHead { topic: &long, ..packet.head() };
        assert_eq!(head.encode(V5, &mut out), Err(EncodeError::FieldTooLong { len: 65_536 }));
        let head = PublishHead { payload_len: MAX_REMAINING_LENGTH - 5, ..packet.head() };
        assert_eq!(
            head.encode(V5, &mut out),
            Err(EncodeError::PacketTooLong { len: MAX_REMAINING_LENGTH + 1 })
        );
        assert_eq!(head.encode(V311, &mut out), Ok(()));
        out.clear();
        let properties = PublishProperties {
            correlation_data: Some(Bytes::from(vec![0; 65_536])),
            ..PublishProperties::default()
        };
        let head = PublishHead { properties: Some(&properties), ..packet.head() };
        assert_eq!(head.encode(V5, &mut out), Err(EncodeError::FieldTooLong { len: 65_536 }));
        assert!(out.is_empty());
    }

    #[test]
    fn refusals() {
        for version in [V311, V5] {
            // QoS 3 [MQTT-3.3.1-4], DUP with QoS 0 [MQTT-3.3.1-2], packet identifier 0, a cut topic.
            refused(version, 0x81, b"\x36\x08\x00\x03a/b\x00\x01\x00");
            refused(version, 0x81, b"\x38\x06\x00\x03a/b\x00");
            refused(version, 0x82, b"\x32\x08\x00\x03a/b\x00\x00\x00");
            refused(version, 0x81, b"\x30\x04\x00\x03a/");
            refused(version, 0x81, b"\x30\x01\x00");
            // Wildcards [MQTT-3.3.2-2], U+0000 [MQTT-1.5.4-2], no UTF-8 [MQTT-1.5.4-1].
            refused(version, 0x90, b"\x30\x06\x00\x03a/+\x00");
            refused(version, 0x81, b"\x30\x06\x00\x03a\x00+\x00");
            refused(version, 0x81, b"\x30\x06\x00\x03a\xc3(\x00");
        }
        // No topic: with version 5 an alias can stand for it.
        refused(V311, 0x90, b"\x30\x02\x00\x00");
        refused(V5, 0x82, b"\x30\x03\x00\x00\x00");
        refused(V5, 0x82, b"\x30\x05\x00\x00\x02\x01\x01");
        // Properties: none where they must be, alias 0, alias twice, a flag of 2, identifier 0, wildcards, a foreign one.
        refused(V5, 0x81, b"\x30\x05\x00\x03a/b");
        refused(V5, 0x94, b"\x30\x09\x00\x03a/b\x03\x23\x00\x00");
        refused(V5, 0x82, b"\x30\x0c\x00\x03a/b\x06\x23\x00\x01\x23\x00\x01");
        refused(V5, 0x82, b"\x30\x08\x00\x03a/b\x02\x01\x02");
        refused(V5, 0x82, b"\x30\x08\x00\x03a/b\x02\x0b\x00");
        refused(V5, 0x90, b"\x30\x0a\x00\x03a/b\x04\x08\x00\x01#");
        refused(V5, 0x81, b"\x30\x0b\x00\x03a/b\x05\x11\x00\x00\x00\x01");
        refused(V5, 0x81, b"\x30\x07\x00\x03a/b\x02\x01");
    }

    #[test]
    fn topic_and_payload_share_the_received_block() {
        let mut buf = BytesMut::from(&b"\x30\x08\x00\x03a/b\x00hi"[..]);
        let range = buf.as_ptr_range();
        let mut frames = super::super::take_frames(&mut buf, 100).unwrap();
        let packet = Publish::decode(V5, &frames.next().unwrap()).unwrap();
        assert!(range.contains(&packet.topic.as_bytes().as_ptr()));
        assert!(range.contains(&packet.payload.as_ptr()));
    }
}
