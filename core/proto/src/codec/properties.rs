//! Properties (section 2.2.2): their table, reading and writing them.

use bytes::Bytes;

use super::encode::{Measure, Sink};
use super::error::DecodeError;
use super::packet::PacketType;
use super::primitives::Reader;
use crate::text::Utf8String;
use crate::topic::TopicName;

/// User properties: name and value, in order; names may repeat.
pub type UserProperties = Vec<(Utf8String, Utf8String)>;

/// Where properties may stand, as bits: that of a packet is its type's number, bit 0 is the will.
const WILL: u16 = 1;
const CONNECT: u16 = 1 << PacketType::Connect as u16;
const CONNACK: u16 = 1 << PacketType::ConnAck as u16;
const PUBLISH: u16 = 1 << PacketType::Publish as u16;
const SUBSCRIBE: u16 = 1 << PacketType::Subscribe as u16;
const DISCONNECT: u16 = 1 << PacketType::Disconnect as u16;
const AUTH: u16 = 1 << PacketType::Auth as u16;
const ACKS: u16 = 1 << PacketType::PubAck as u16
    | 1 << PacketType::PubRec as u16
    | 1 << PacketType::PubRel as u16
    | 1 << PacketType::PubComp as u16
    | 1 << PacketType::SubAck as u16
    | 1 << PacketType::UnsubAck as u16;
const UNSUBSCRIBE: u16 = 1 << PacketType::Unsubscribe as u16;
const EVERYWHERE: u16 =
    WILL | CONNECT | CONNACK | PUBLISH | SUBSCRIBE | UNSUBSCRIBE | DISCONNECT | AUTH | ACKS;

macro_rules! properties {
    ($($name:ident = $id:literal in $places:expr;)*) => {
        /// The properties' identifiers (table 2-4).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Property {
            $($name = $id,)*
        }

        impl Property {
            const fn from_id(id: usize) -> Option<Self> {
                match id {
                    $($id => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Where it may stand, as bits.
            const fn places(self) -> u16 {
                match self {
                    $(Self::$name => $places,)*
                }
            }
        }
    };
}

properties! {
    PayloadFormatIndicator = 0x01 in PUBLISH | WILL;
    MessageExpiryInterval = 0x02 in PUBLISH | WILL;
    ContentType = 0x03 in PUBLISH | WILL;
    ResponseTopic = 0x08 in PUBLISH | WILL;
    CorrelationData = 0x09 in PUBLISH | WILL;
    SubscriptionIdentifier = 0x0B in PUBLISH | SUBSCRIBE;
    SessionExpiryInterval = 0x11 in CONNECT | CONNACK | DISCONNECT;
    AssignedClientIdentifier = 0x12 in CONNACK;
    ServerKeepAlive = 0x13 in CONNACK;
    AuthenticationMethod = 0x15 in CONNECT | CONNACK | AUTH;
    AuthenticationData = 0x16 in CONNECT | CONNACK | AUTH;
    RequestProblemInformation = 0x17 in CONNECT;
    WillDelayInterval = 0x18 in WILL;
    RequestResponseInformation = 0x19 in CONNECT;
    ResponseInformation = 0x1A in CONNACK;
    ServerReference = 0x1C in CONNACK | DISCONNECT;
    ReasonString = 0x1F in CONNACK | ACKS | DISCONNECT | AUTH;
    ReceiveMaximum = 0x21 in CONNECT | CONNACK;
    TopicAliasMaximum = 0x22 in CONNECT | CONNACK;
    TopicAlias = 0x23 in PUBLISH;
    MaximumQoS = 0x24 in CONNACK;
    RetainAvailable = 0x25 in CONNACK;
    User = 0x26 in EVERYWHERE;
    MaximumPacketSize = 0x27 in CONNECT | CONNACK;
    WildcardSubscriptionAvailable = 0x28 in CONNACK;
    SubscriptionIdentifiersAvailable = 0x29 in CONNACK;
    SharedSubscriptionAvailable = 0x2A in CONNACK;
}

impl Property {
    /// Whether it may stand in one packet more than once.
    fn may_repeat(self, place: u16) -> bool {
        self == Self::User || (self == Self::SubscriptionIdentifier && place == PUBLISH)
    }
}

/// Reads the properties of one packet, or of its will.
pub(super) struct PropertyReader<'a> {
    reader: Reader<'a>,
    place: u16,
    /// The properties that came so far, a bit each.
    seen: u64,
}

impl<'a> PropertyReader<'a> {
    /// The properties that stand next in a packet, behind their length.
    pub(super) fn new(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let place = 1 << reader.packet() as u16;
        Self::at(place, reader)
    }

    /// The will's properties (section 3.1.3.2).
    pub(super) fn of_will(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Self::at(WILL, reader)
    }

    fn at(place: u16, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let len = reader.varint()?;
        Ok(Self { reader: reader.part(len)?, place, seen: 0 })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// The next property's identifier; its value must be read next. A property that can't stand here is malformed
    /// (section 2.2.2.2); one that came before is a protocol error.
    pub(super) fn next(&mut self) -> Result<Option<Property>, DecodeError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let id = self.reader.varint()?;
        let Some(property) = Property::from_id(id) else {
            return Err(self.reader.malformed("a property that does not exist"));
        };
        if property.places() & self.place == 0 {
            return Err(self.foreign());
        }
        let bit = 1 << property as u64;
        if self.seen & bit != 0 && !property.may_repeat(self.place) {
            return Err(self.reader.protocol("a property that came before"));
        }
        self.seen |= bit;
        Ok(Some(property))
    }

    /// The error for a property that can't stand here.
    pub(super) fn foreign(&self) -> DecodeError {
        self.reader.malformed("a property that does not belong there")
    }

    pub(super) fn protocol(&self, what: &'static str) -> DecodeError {
        self.reader.protocol(what)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.reader.u8()
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.reader.u16()
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.reader.u32()
    }

    pub(super) fn varint(&mut self) -> Result<usize, DecodeError> {
        self.reader.varint()
    }

    /// A byte that can be 0 or 1 only.
    pub(super) fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.protocol("a property that must be 0 or 1 and is not")),
        }
    }

    /// How many messages a side takes at a time; 0 is a protocol error (section 3.1.2.11.3).
    pub(super) fn receive_maximum(&mut self) -> Result<u16, DecodeError> {
        match self.reader.u16()? {
            0 => Err(self.protocol("receive maximum 0")),
            maximum => Ok(maximum),
        }
    }

    /// The largest packet that a side takes; 0 is a protocol error (section 3.1.2.11.4).
    pub(super) fn maximum_packet_size(&mut self) -> Result<u32, DecodeError> {
        match self.reader.u32()? {
            0 => Err(self.protocol("maximum packet size 0")),
            maximum => Ok(maximum),
        }
    }

    pub(super) fn string(&mut self) -> Result<Utf8String, DecodeError> {
        self.reader.string()
    }

    pub(super) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        self.reader.binary()
    }

    /// A response topic: a topic name, so without wildcards [MQTT-3.3.2-14].
    pub(super) fn response_topic(&mut self) -> Result<Utf8String, DecodeError> {
        self.reader.topic_name().map(TopicName::into_text)
    }

    pub(super) fn user_property(&mut self) -> Result<(Utf8String, Utf8String), DecodeError> {
        self.reader.string_pair()
    }
}

/// Properties that can be written.
pub(super) trait PropertyList {
    /// Writes each that is there, without the length before them.
    fn write_each<S: Sink>(&self, sink: &mut S);

    /// Their length in bytes, without the bytes of the length itself.
    fn len(&self) -> usize {
        let mut measure = Measure::default();
        self.write_each(&mut measure);
        measure.len()
    }

    /// Whether none is there.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes length and properties [MQTT-2.2.2-1].
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.varint(self.len());
        self.write_each(sink);
    }
}

/// Writing single properties; those without a value are not written.
pub(super) trait PropertySink: Sink {
    fn flag_property(&mut self, property: Property, value: Option<bool>) {
        if let Some(value) = value {
            self.slice(&[property as u8, u8::from(value)]);
        }
    }

    fn u16_property(&mut self, property: Property, value: Option<u16>) {
        if let Some(value) = value {
            self.u8(property as u8);
            self.u16(value);
        }
    }

    fn u32_property(&mut self, property: Property, value: Option<u32>) {
        if let Some(value) = value {
            self.u8(property as u8);
            self.u32(value);
        }
    }

    fn string_property(&mut self, property: Property, value: Option<&Utf8String>) {
        if let Some(value) = value {
            self.u8(property as u8);
            self.prefixed(value.as_bytes());
        }
    }

    fn binary_property(&mut self, property: Property, value: Option<&Bytes>) {
        if let Some(value) = value {
            self.u8(property as u8);
            self.prefixed(value);
        }
    }

    fn user_properties(&mut self, properties: &UserProperties) {
        for (name, value) in properties {
            self.u8(Property::User as u8);
            self.prefixed(name.as_bytes());
            self.prefixed(value.as_bytes());
        }
    }
}

impl<S: Sink> PropertySink for S {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_what_each_packet_may_carry() {
        let all: Vec<Property> = (0..0x80).filter_map(Property::from_id).collect();
        assert_eq!(all.len(), 27);
        let count = |place| all.iter().filter(|property| property.places() & place != 0).count();
        assert_eq!(count(CONNECT), 9);
        assert_eq!(count(WILL), 7);
        assert_eq!(count(CONNACK), 17);
        assert_eq!(count(PUBLISH), 8);
        assert_eq!(count(SUBSCRIBE), 2);
        assert_eq!(count(UNSUBSCRIBE), 1);
        assert_eq!(count(DISCONNECT), 4);
        assert_eq!(count(AUTH), 4);
        assert_eq!(count(ACKS), 2);
    }

    #[test]
    fn only_two_properties_may_repeat() {
        assert!(Property::User.may_repeat(CONNECT));
        assert!(Property::SubscriptionIdentifier.may_repeat(PUBLISH));
        assert!(!Property::SubscriptionIdentifier.may_repeat(SUBSCRIBE));
        assert!(!Property::TopicAlias.may_repeat(PUBLISH));
    }
}
