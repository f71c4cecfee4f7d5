//! The will (section 3.1.2.5): the message that the server publishes for a client that is gone.

use bytes::Bytes;

use super::encode::Sink;
use super::error::DecodeError;
use super::primitives::Reader;
use super::properties::{Property, PropertyList, PropertyReader, PropertySink, UserProperties};
use crate::qos::QoS;
use crate::text::Utf8String;
use crate::topic::TopicName;

/// The will that CONNECT carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Where it is published.
    pub topic: TopicName,
    /// Its payload, at most 65,535 bytes.
    pub payload: Bytes,
    /// Its quality of service [MQTT-3.1.2-12].
    pub qos: QoS,
    /// Whether the server keeps it for later subscribers [MQTT-3.1.2-15].
    pub retain: bool,
    /// The properties (v5 only).
    pub properties: WillProperties,
}

/// The properties of the will (section 3.1.3.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WillProperties {
    /// How many seconds after the connection it is published, unless the client is back by then; absent: 0.
    pub delay_interval: Option<u32>,
    /// Whether the payload is UTF-8; absent: unspecified bytes.
    pub payload_format_indicator: Option<bool>,
    /// How long the message lives, in seconds; absent: forever.
    pub message_expiry_interval: Option<u32>,
    /// What the payload is, such as a media type.
    pub content_type: Option<Utf8String>,
    /// Where an answer is expected; a topic name.
    pub response_topic: Option<Utf8String>,
    /// What an answer is recognised by.
    pub correlation_data: Option<Bytes>,
    /// User properties, passed on in their order [MQTT-3.1.3-10].
    pub user_properties: UserProperties,
}

impl WillProperties {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut it = Self::default();
        let mut list = PropertyReader::of_will(reader)?;
        while let Some(property) = list.next()? {
            match property {
                Property::WillDelayInterval => it.delay_interval = Some(list.u32()?),
                Property::PayloadFormatIndicator => it.payload_format_indicator = Some(list.flag()?),
                Property::MessageExpiryInterval => it.message_expiry_interval = Some(list.u32()?),
                Property::ContentType => it.content_type = Some(list.string()?),
                Property::ResponseTopic => it.response_topic = Some(list.response_topic()?),
                Property::CorrelationData => it.correlation_data = Some(list.binary()?),
                Property::User => it.user_properties.push(list.user_property()?),
                _ => return Err(list.foreign()),
            }
        }
        Ok(it)
    }
}

impl PropertyList for WillProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(Property::WillDelayInterval, self.delay_interval);
        sink.flag_property(Property::PayloadFormatIndicator, self.payload_format_indicator);
        sink.u32_property(Property::MessageExpiryInterval, self.message_expiry_interval);
        sink.string_property(Property::ContentType, self.content_type.as_ref());
        sink.string_property(Property::ResponseTopic, self.response_topic.as_ref());
        sink.binary_property(Property::CorrelationData, self.correlation_data.as_ref());
        sink.user_properties(&self.user_properties);
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{known, refused};
    use super::super::{Connect, Version};
    use super::*;

    #[test]
    fn known_bytes_of_properties() {
        let properties = WillProperties {
            delay_interval: Some(5),
            payload_format_indicator: Some(true),
            response_topic: Some(Utf8String::from_static("r")),
            ..WillProperties::default()
        };
        let topic = TopicName::try_from("w").unwrap();
        let will = Will { topic, payload: Bytes::new(), qos: QoS::AtLeastOnce, retain: false, properties };
        let connect = Connect { will: Some(will), ..Connect::default() };
        let bytes = b"\x10\x1e\x00\x04MQTT\x05\x0c\x00\x00\x00\x00\x00\x0b\x18\x00\x00\x00\x05\x01\x01\x08\x00\x01r\x00\x01w\x00\x00";
        known(Version::V5, &Packet::Connect(Box::new(connect)), bytes);
    }

    #[test]
    fn refusals() {
        // A topic alias, which only PUBLISH has; a response topic with a wildcard; a delay twice.
        refused(
            Version::V5,
            0x81,
            b"\x10\x16\x00\x04MQTT\x05\x06\x00\x00\x00\x00\x00\x03\x23\x00\x01\x00\x01w\x00\x00",
        );
        refused(
            Version::V5,
            0x90,
            b"\x10\x17\x00\x04MQTT\x05\x06\x00\x00\x00\x00\x00\x04\x08\x00\x01+\x00\x01w\x00\x00",
        );
        let twice = b"\x10\x1d\x00\x04MQTT\x05\x06\x00\x00\x00\x00\x00\x0a\x18\x00\x00\x00\x01\x18\x00\x00\x00\x01\x00\x01w\x00\x00";
        refused(Version::V5, 0x82, twice);
    }
}
