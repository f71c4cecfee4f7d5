//! CONNACK (section 3.2): the server's answer to CONNECT.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::encode::{Body, Sink};
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::Reader;
use super::properties::{Property, PropertyList, PropertyReader, PropertySink, UserProperties};
use super::redact::Redacted;
use super::version::Version;
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::text::Utf8String;

/// A CONNACK packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the server goes on with a session that it had [MQTT-3.2.2-3].
    pub session_present: bool,
    /// Success, or why not. A return code of version 3.1.1 stands here as the reason code that means the same.
    pub reason_code: ReasonCode,
    /// The properties (v5 only).
    pub properties: ConnAckProperties,
}

/// The properties of CONNACK (section 3.2.2.3). An absent one means its default, not "unknown".
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnAckProperties {
    /// The session expiry interval in seconds that the server uses; absent: that of CONNECT.
    pub session_expiry_interval: Option<u32>,
    /// How many QoS 1 and 2 messages the server takes at a time; absent: 65,535. Never 0.
    pub receive_maximum: Option<u16>,
    /// The greatest quality of service that the server takes, 0 or 1; absent: 2.
    pub maximum_qos: Option<QoS>,
    /// Whether the server keeps retained messages; absent: yes.
    pub retain_available: Option<bool>,
    /// The largest packet that the server takes, in bytes; absent: no limit. Never 0.
    pub maximum_packet_size: Option<u32>,
    /// The client identifier that the server made up [MQTT-3.2.2-16].
    pub assigned_client_identifier: Option<Utf8String>,
    /// The greatest topic alias that the server takes; absent: 0, none.
    pub topic_alias_maximum: Option<u16>,
    /// The server's words for people, not to be parsed.
    pub reason_string: Option<Utf8String>,
    /// Whether the server offers wildcard subscriptions; absent: yes.
    pub wildcard_subscription_available: Option<bool>,
    /// Whether the server offers subscription identifiers; absent: yes.
    pub subscription_identifiers_available: Option<bool>,
    /// Whether the server offers shared subscriptions; absent: yes.
    pub shared_subscription_available: Option<bool>,
    /// The keep alive in seconds to be used instead of that of CONNECT [MQTT-3.2.2-21].
    pub server_keep_alive: Option<u16>,
    /// What response topics are to be built from.
    pub response_information: Option<Utf8String>,
    /// Another server to use (section 4.11).
    pub server_reference: Option<Utf8String>,
    /// The authentication method, the one of CONNECT [MQTT-4.12.0-5].
    pub authentication_method: Option<Utf8String>,
    /// The last word of the authentication.
    pub authentication_data: Option<Bytes>,
    /// User properties.
    pub user_properties: UserProperties,
}

impl ConnAck {
    /// Decodes a CONNACK. A server that speaks only version 3.1.1 refuses a v5 CONNECT with a CONNACK of its own
    /// shape, two bytes long: an error here for v5, and worth a second try as version 3.1.1.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, has a reason code that can't stand there, or an impossible property.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(PacketType::ConnAck)?;
        let mut reader = Reader::new(PacketType::ConnAck, frame);
        let flags = reader.u8()?;
        if flags & !1 != 0 {
            return Err(reader.malformed("reserved connect acknowledge flags that are not 0"));
        }
        let session_present = flags == 1;
        let (reason_code, properties) = match version {
            Version::V5 => (reader.reason_code()?, ConnAckProperties::read(&mut reader)?),
            Version::V311 => (read_return_code(&mut reader)?, ConnAckProperties::default()),
        };
        reader.finish()?;
        if session_present && reason_code != ReasonCode::Success {
            return Err(reader.protocol("session present with a refusal"));
        }
        Ok(Self { session_present, reason_code, properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version)
    }

    /// Appends the packet. In version 3.1.1 the reason code becomes the return code that comes nearest.
    ///
    /// # Errors
    /// [`EncodeError`] when a property is too long; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::ConnAck, version, out)
    }
}

fn read_return_code(reader: &mut Reader<'_>) -> Result<ReasonCode, DecodeError> {
    let code = reader.u8()?;
    ReasonCode::from_connack_v311(code)
        .ok_or_else(|| reader.protocol("a return code that does not exist in version 3.1.1"))
}

impl Body for ConnAck {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u8(u8::from(self.session_present));
        match version {
            Version::V5 => {
                sink.u8(self.reason_code as u8);
                self.properties.write(sink);
            }
            Version::V311 => sink.u8(self.reason_code.to_connack_v311()),
        }
    }
}

impl ConnAckProperties {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut it = Self::default();
        let mut list = PropertyReader::new(reader)?;
        while let Some(property) = list.next()? {
            match property {
                Property::SessionExpiryInterval => it.session_expiry_interval = Some(list.u32()?),
                Property::ReceiveMaximum => it.receive_maximum = Some(list.receive_maximum()?),
                Property::MaximumQoS => it.maximum_qos = Some(read_maximum_qos(&mut list)?),
                Property::RetainAvailable => it.retain_available = Some(list.flag()?),
                Property::MaximumPacketSize => it.maximum_packet_size = Some(list.maximum_packet_size()?),
                Property::AssignedClientIdentifier => it.assigned_client_identifier = Some(list.string()?),
                Property::TopicAliasMaximum => it.topic_alias_maximum = Some(list.u16()?),
                Property::ReasonString => it.reason_string = Some(list.string()?),
                Property::WildcardSubscriptionAvailable => {
                    it.wildcard_subscription_available = Some(list.flag()?);
                }
                Property::SubscriptionIdentifiersAvailable => {
                    it.subscription_identifiers_available = Some(list.flag()?);
                }
                Property::SharedSubscriptionAvailable => {
                    it.shared_subscription_available = Some(list.flag()?);
                }
                Property::ServerKeepAlive => it.server_keep_alive = Some(list.u16()?),
                Property::ResponseInformation => it.response_information = Some(list.string()?),
                Property::ServerReference => it.server_reference = Some(list.string()?),
                Property::AuthenticationMethod => it.authentication_method = Some(list.string()?),
                Property::AuthenticationData => it.authentication_data = Some(list.binary()?),
                Property::User => it.user_properties.push(list.user_property()?),
                _ => return Err(list.foreign()),
            }
        }
        Ok(it)
    }
}

/// 0 or 1: a server that takes QoS 2 does not send it (section 3.2.2.3.4).
fn read_maximum_qos(list: &mut PropertyReader<'_>) -> Result<QoS, DecodeError> {
    match list.u8()? {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        _ => Err(list.protocol("a maximum QoS that is neither 0 nor 1")),
    }
}

impl PropertyList for ConnAckProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(Property::SessionExpiryInterval, self.session_expiry_interval);
        sink.u16_property(Property::ReceiveMaximum, self.receive_maximum);
        // QoS 2 is said by saying nothing.
        if let Some(qos) = self.maximum_qos.filter(|qos| *qos < QoS::ExactlyOnce) {
            sink.slice(&[Property::MaximumQoS as u8, qos as u8]);
        }
        sink.flag_property(Property::RetainAvailable, self.retain_available);
        sink.u32_property(Property::MaximumPacketSize, self.maximum_packet_size);
        sink.string_property(Property::AssignedClientIdentifier, self.assigned_client_identifier.as_ref());
        sink.u16_property(Property::TopicAliasMaximum, self.topic_alias_maximum);
        sink.string_property(Property::ReasonString, self.reason_string.as_ref());
        sink.flag_property(Property::WildcardSubscriptionAvailable, self.wildcard_subscription_available);
        sink.flag_property(
            Property::SubscriptionIdentifiersAvailable,
            self.subscription_identifiers_available,
        );
        sink.flag_property(Property::SharedSubscriptionAvailable, self.shared_subscription_available);
        sink.u16_property(Property::ServerKeepAlive, self.server_keep_alive);
        sink.string_property(Property::ResponseInformation, self.response_information.as_ref());
        sink.string_property(Property::ServerReference, self.server_reference.as_ref());
        sink.string_property(Property::AuthenticationMethod, self.authentication_method.as_ref());
        sink.binary_property(Property::AuthenticationData, self.authentication_data.as_ref());
        sink.user_properties(&self.user_properties);
    }
}

impl fmt::Debug for ConnAckProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnAckProperties")
            .field("session_expiry_interval", &self.session_expiry_interval)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_qos", &self.maximum_qos)
            .field("retain_available", &self.retain_available)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("assigned_client_identifier", &self.assigned_client_identifier)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("reason_string", &self.reason_string)
            .field("wildcard_subscription_available", &self.wildcard_subscription_available)
            .field("subscription_identifiers_available", &self.subscription_identifiers_available)
            .field("shared_subscription_available", &self.shared_subscription_available)
            .field("server_keep_alive", &self.server_keep_alive)
            .field("response_information", &self.response_information)
            .field("server_reference", &self.server_reference)
            .field("authentication_method", &self.authentication_method)
            .field("authentication_data", &self.authentication_data.as_ref().map(|_secret| Redacted))
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{encode, known, refused};
    use super::*;

    const V5: Version = Version::V5;
    const V311: Version = Version::V311;

    fn packet(connack: ConnAck) -> Packet {
        Packet::ConnAck(Box::new(connack))
    }

    #[test]
    fn known_bytes() {
        let resumed = ConnAck { session_present: true, ..ConnAck::default() };
        known(V311, &packet(resumed.clone()), b"\x20\x02\x01\x00");
        known(V5, &packet(resumed), b"\x20\x03\x01\x00\x00");
        let refusal = ConnAck { reason_code: ReasonCode::NotAuthorized, ..ConnAck::default() };
        known(V311, &packet(refusal.clone()), b"\x20\x02\x00\x05");
        known(V5, &packet(refusal), b"\x20\x03\x00\x87\x00");
        let properties = ConnAckProperties {
            maximum_qos: Some(QoS::AtLeastOnce),
            retain_available: Some(false),
            server_keep_alive: Some(30),
            ..ConnAckProperties::default()
        };
        let limited = ConnAck { properties, ..ConnAck::default() };
        known(V5, &packet(limited), b"\x20\x0a\x00\x00\x07\x24\x01\x25\x00\x13\x00\x1e");
    }

    #[test]
    fn maximum_qos_2_is_said_by_saying_nothing() {
        let properties =
            ConnAckProperties { maximum_qos: Some(QoS::ExactlyOnce), ..ConnAckProperties::default() };
        let bytes = encode(V5, &packet(ConnAck { properties, ..ConnAck::default() }));
        assert_eq!(bytes, b"\x20\x03\x00\x00\x00");
    }

    #[test]
    fn refusals() {
        // Reserved flags [MQTT-3.2.2-1], session present with a refusal [MQTT-3.2.2-6].
        refused(V5, 0x81, b"\x20\x03\x02\x00\x00");
        refused(V311, 0x81, b"\x20\x02\x80\x00");
        refused(V5, 0x82, b"\x20\x03\x01\x87\x00");
        refused(V311, 0x82, b"\x20\x02\x01\x05");
        // Codes that do not exist [MQTT-3.2.2-8], among them a refusal in the shape of version 3.1.1.
        refused(V311, 0x82, b"\x20\x02\x00\x06");
        refused(V5, 0x82, b"\x20\x03\x00\x8e\x00");
        refused(V5, 0x82, b"\x20\x02\x00\x01");
        // No property length [MQTT-2.2.2-1]; too much.
        refused(V5, 0x81, b"\x20\x02\x00\x00");
        refused(V311, 0x81, b"\x20\x03\x00\x00\x00");
        // Impossible values: receive maximum 0, maximum packet size 0, maximum QoS 2, retain available 2.
        refused(V5, 0x82, b"\x20\x06\x00\x00\x03\x21\x00\x00");
        refused(V5, 0x82, b"\x20\x08\x00\x00\x05\x27\x00\x00\x00\x00");
        refused(V5, 0x82, b"\x20\x05\x00\x00\x02\x24\x02");
        refused(V5, 0x82, b"\x20\x05\x00\x00\x02\x25\x02");
        // A foreign property, one twice, one cut short.
        refused(V5, 0x81, b"\x20\x06\x00\x00\x03\x23\x00\x01");
        refused(V5, 0x82, b"\x20\x07\x00\x00\x04\x25\x01\x25\x01");
        refused(V5, 0x81, b"\x20\x05\x00\x00\x02\x21\x00");
    }
}
