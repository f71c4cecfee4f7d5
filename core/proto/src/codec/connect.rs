//! CONNECT (section 3.1): the client asks for a connection.

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
use super::will::{Will, WillProperties};
use crate::qos::QoS;
use crate::text::Utf8String;

/// The name of the protocol [MQTT-3.1.2-1].
const PROTOCOL_NAME: &str = "MQTT";

/// The connect flags (section 3.1.2.3).
mod flag {
    pub(super) const RESERVED: u8 = 1;
    pub(super) const CLEAN_START: u8 = 1 << 1;
    pub(super) const WILL: u8 = 1 << 2;
    pub(super) const WILL_QOS: u8 = 3 << 3;
    pub(super) const WILL_QOS_SHIFT: u8 = 3;
    pub(super) const WILL_RETAIN: u8 = 1 << 5;
    pub(super) const PASSWORD: u8 = 1 << 6;
    pub(super) const USER_NAME: u8 = 1 << 7;
}

/// A CONNECT packet.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connect {
    /// The version that it asks for, and is itself written in.
    pub version: Version,
    /// Whether an earlier session is thrown away [MQTT-3.1.2-4]; in version 3.1.1, clean session.
    pub clean_start: bool,
    /// The keep alive in seconds; 0 turns it off.
    pub keep_alive: u16,
    /// The client identifier; empty: the server makes one up [MQTT-3.1.3-6].
    pub client_id: Utf8String,
    /// The user name.
    pub username: Option<Utf8String>,
    /// The password; version 3.1.1 has none without a user name.
    pub password: Option<Bytes>,
    /// The message to publish when the client is gone without a goodbye.
    pub will: Option<Will>,
    /// The properties (v5 only).
    pub properties: ConnectProperties,
}

/// The properties of CONNECT (section 3.1.2.11).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectProperties {
    /// How long the session lives after the connection, in seconds; 0xFFFF_FFFF: forever; absent: 0.
    pub session_expiry_interval: Option<u32>,
    /// How many QoS 1 and 2 messages the client takes at a time; absent: 65,535. Never 0.
    pub receive_maximum: Option<u16>,
    /// The largest packet that the client takes, in bytes; absent: no limit. Never 0.
    pub maximum_packet_size: Option<u32>,
    /// The greatest topic alias that the client takes; absent: 0, none.
    pub topic_alias_maximum: Option<u16>,
    /// Whether the server may send response information; absent: no [MQTT-3.1.2-28].
    pub request_response_information: Option<bool>,
    /// Whether the server may send reason strings and user properties with acks; absent: yes [MQTT-3.1.2-29].
    pub request_problem_information: Option<bool>,
    /// The method of an extended authentication (section 4.12).
    pub authentication_method: Option<Utf8String>,
    /// What the method says first; only with a method.
    pub authentication_data: Option<Bytes>,
    /// User properties.
    pub user_properties: UserProperties,
}

impl Connect {
    /// Decodes a CONNECT by the protocol version that it names.
    ///
    /// # Errors
    /// [`DecodeError`] when it is of another protocol or version, malformed, or has impossible flags or properties.
    pub fn decode(frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(PacketType::Connect)?;
        let mut reader = Reader::new(PacketType::Connect, frame);
        let protocol = reader.string()?;
        let level = reader.u8()?;
        let version = match Version::try_from(level) {
            Ok(version) if protocol == PROTOCOL_NAME => version,
            _ => return Err(DecodeError::UnsupportedVersion { level }),
        };
        let flags = reader.u8()?;
        check_flags(version, flags, &reader)?;
        let keep_alive = reader.u16()?;
        let properties = match version {
            Version::V5 => ConnectProperties::read(&mut reader)?,
            Version::V311 => ConnectProperties::default(),
        };
        let client_id = reader.string()?;
        let will = if flags & flag::WILL == 0 { None } else { Some(read_will(version, flags, &mut reader)?) };
        let username = if flags & flag::USER_NAME == 0 { None } else { Some(reader.string()?) };
        let password = if flags & flag::PASSWORD == 0 { None } else { Some(reader.binary()?) };
        reader.finish()?;
        let clean_start = flags & flag::CLEAN_START != 0;
        Ok(Self { version, clean_start, keep_alive, client_id, username, password, will, properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.packet_len(self.version)
    }

    /// Appends the packet, in its own version.
    ///
    /// # Errors
    /// [`EncodeError`] when a field is too long, or in version 3.1.1 when there is a password without a user name;
    /// `out` is then as it was.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::Connect, self.version, out)
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.clean_start {
            flags |= flag::CLEAN_START;
        }
        if let Some(will) = &self.will {
            flags |= flag::WILL | (will.qos as u8) << flag::WILL_QOS_SHIFT;
            if will.retain {
                flags |= flag::WILL_RETAIN;
            }
        }
        if self.password.is_some() {
            flags |= flag::PASSWORD;
        }
        if self.username.is_some() {
            flags |= flag::USER_NAME;
        }
        flags
    }
}

fn check_flags(version: Version, flags: u8, reader: &Reader<'_>) -> Result<(), DecodeError> {
    if flags & flag::RESERVED != 0 {
        return Err(reader.malformed("a reserved connect flag that is not 0"));
    }
    if flags & flag::WILL == 0 && flags & (flag::WILL_QOS | flag::WILL_RETAIN) != 0 {
        return Err(reader.malformed("will QoS or will retain without a will"));
    }
    if version == Version::V311 && flags & flag::PASSWORD != 0 && flags & flag::USER_NAME == 0 {
        return Err(reader.malformed("a password without a user name"));
    }
    Ok(())
}

fn read_will(version: Version, flags: u8, reader: &mut Reader<'_>) -> Result<Will, DecodeError> {
    let Ok(qos) = QoS::try_from((flags & flag::WILL_QOS) >> flag::WILL_QOS_SHIFT) else {
        return Err(reader.malformed("will QoS 3"));
    };
    let properties = match version {
        Version::V5 => WillProperties::read(reader)?,
        Version::V311 => WillProperties::default(),
    };
    let topic = reader.topic_name()?;
    let payload = reader.binary()?;
    Ok(Will { topic, payload, qos, retain: flags & flag::WILL_RETAIN != 0, properties })
}

impl Body for Connect {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        if version == Version::V311 && self.password.is_some() && self.username.is_none() {
            let what = "version 3.1.1 has no password without a user name";
            sink.refuse(EncodeError::Unsupported { packet: PacketType::Connect, what });
        }
        sink.prefixed(PROTOCOL_NAME.as_bytes());
        sink.u8(version.level());
        sink.u8(self.flags());
        sink.u16(self.keep_alive);
        if version.has_properties() {
            self.properties.write(sink);
        }
        sink.prefixed(self.client_id.as_bytes());
        if let Some(will) = &self.will {
            if version.has_properties() {
                will.properties.write(sink);
            }
            sink.prefixed(will.topic.as_bytes());
            sink.prefixed(&will.payload);
        }
        if let Some(username) = &self.username {
            sink.prefixed(username.as_bytes());
        }
        if let Some(password) = &self.password {
            sink.prefixed(password);
        }
    }
}

impl ConnectProperties {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut it = Self::default();
        let mut list = PropertyReader::new(reader)?;
        while let Some(property) = list.next()? {
            match property {
                Property::SessionExpiryInterval => it.session_expiry_interval = Some(list.u32()?),
                Property::ReceiveMaximum => it.receive_maximum = Some(list.receive_maximum()?),
                Property::MaximumPacketSize => it.maximum_packet_size = Some(list.maximum_packet_size()?),
                Property::TopicAliasMaximum => it.topic_alias_maximum = Some(list.u16()?),
                Property::RequestResponseInformation => it.request_response_information = Some(list.flag()?),
                Property::RequestProblemInformation => it.request_problem_information = Some(list.flag()?),
                Property::AuthenticationMethod => it.authentication_method = Some(list.string()?),
                Property::AuthenticationData => it.authentication_data = Some(list.binary()?),
                Property::User => it.user_properties.push(list.user_property()?),
                _ => return Err(list.foreign()),
            }
        }
        if it.authentication_data.is_some() && it.authentication_method.is_none() {
            return Err(list.protocol("authentication data without an authentication method"));
        }
        Ok(it)
    }
}

impl PropertyList for ConnectProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(Property::SessionExpiryInterval, self.session_expiry_interval);
        sink.u16_property(Property::ReceiveMaximum, self.receive_maximum);
        sink.u32_property(Property::MaximumPacketSize, self.maximum_packet_size);
        sink.u16_property(Property::TopicAliasMaximum, self.topic_alias_maximum);
        sink.flag_property(Property::RequestResponseInformation, self.request_response_information);
        sink.flag_property(Property::RequestProblemInformation, self.request_problem_information);
        sink.string_property(Property::AuthenticationMethod, self.authentication_method.as_ref());
        sink.binary_property(Property::AuthenticationData, self.authentication_data.as_ref());
        sink.user_properties(&self.user_properties);
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_secret| Redacted))
            .field("will", &self.will)
            .field("properties", &self.properties)
            .finish()
    }
}

impl fmt::Debug for ConnectProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectProperties")
            .field("session_expiry_interval", &self.session_expiry_interval)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("request_response_information", &self.request_response_information)
            .field("request_problem_information", &self.request_problem_information)
            .field("authentication_method", &self.authentication_method)
            .field("authentication_data", &self.authentication_data.as_ref().map(|_secret| Redacted))
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{decode, encode, known, refused};
    use super::*;
    use crate::topic::TopicName;

    const V5: Version = Version::V5;
    const V311: Version = Version::V311;

    fn packet(connect: Connect) -> Packet {
        Packet::Connect(Box::new(connect))
    }

    fn full(version: Version) -> Connect {
        Connect {
            version,
            clean_start: true,
            keep_alive: 60,
            client_id: Utf8String::from_static("c"),
            username: Some(Utf8String::from_static("u")),
            password: Some(Bytes::from_static(b"secret")),
            will: Some(Will {
                topic: TopicName::try_from("w").unwrap(),
                payload: Bytes::from_static(b"p"),
                qos: QoS::ExactlyOnce,
                retain: true,
                properties: WillProperties::default(),
            }),
            properties: ConnectProperties::default(),
        }
    }

    #[test]
    fn known_bytes() {
        let plain = Connect { clean_start: true, keep_alive: 10, ..Connect::default() };
        known(V5, &packet(plain.clone()), b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00");
        let plain = Connect { version: V311, ..plain };
        known(V311, &packet(plain), b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00");
        let rest = b"\x00\x01c\x00\x01w\x00\x01p\x00\x01u\x00\x06secret";
        let bytes = [&b"\x10\x1e\x00\x04MQTT\x04\xf6\x00\x3c"[..], rest].concat();
        known(V311, &packet(full(V311)), &bytes);
        let bytes =
            b"\x10\x20\x00\x04MQTT\x05\xf6\x00\x3c\x00\x00\x01c\x00\x00\x01w\x00\x01p\x00\x01u\x00\x06secret";
        known(V5, &packet(full(V5)), bytes);
    }

    #[test]
    fn is_read_by_the_version_that_it_names() {
        let bytes = encode(V5, &packet(full(V311)));
        assert_eq!(decode(V5, &bytes).unwrap(), packet(full(V311)));
    }

    #[test]
    fn a_password_alone_is_for_version_5_only() {
        let alone = |version| Connect { username: None, ..full(version) };
        assert_eq!(decode(V5, &encode(V5, &packet(alone(V5)))).unwrap(), packet(alone(V5)));
        let mut out = BytesMut::new();
        assert!(matches!(alone(V311).encode(&mut out), Err(EncodeError::Unsupported { .. })));
        assert!(out.is_empty());
        refused(V311, 0x81, b"\x10\x0f\x00\x04MQTT\x04\x42\x00\x0a\x00\x00\x00\x01p");
    }

    #[test]
    fn refusals() {
        // Other protocols and versions [MQTT-3.1.2-1], [MQTT-3.1.2-2].
        refused(V5, 0x84, b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x00");
        refused(V5, 0x84, b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x0a\x00\x00\x00");
        refused(V5, 0x84, b"\x10\x0d\x00\x04mqtt\x05\x02\x00\x0a\x00\x00\x00");
        // The reserved flag [MQTT-3.1.2-3], will QoS and retain without a will, will QoS 3.
        refused(V5, 0x81, b"\x10\x0d\x00\x04MQTT\x05\x03\x00\x0a\x00\x00\x00");
        refused(V5, 0x81, b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x0a\x00\x00\x00");
        refused(V5, 0x81, b"\x10\x0d\x00\x04MQTT\x05\x22\x00\x0a\x00\x00\x00");
        refused(V5, 0x81, b"\x10\x14\x00\x04MQTT\x05\x1e\x00\x0a\x00\x00\x00\x00\x00\x01w\x00\x01p");
        // Flags that announce what is not there; bytes behind; a will topic with a wildcard.
        refused(V5, 0x81, b"\x10\x0d\x00\x04MQTT\x05\x82\x00\x0a\x00\x00\x00");
        refused(V5, 0x81, b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00\x00");
        refused(V5, 0x90, b"\x10\x14\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x00\x00\x00\x01#\x00\x01p");
        // Impossible properties: receive maximum 0, packet size 0, a flag of 2, data without a method, a foreign one.
        refused(V5, 0x82, b"\x10\x10\x00\x04MQTT\x05\x02\x00\x0a\x03\x21\x00\x00\x00\x00");
        refused(V5, 0x82, b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x05\x27\x00\x00\x00\x00\x00\x00");
        refused(V5, 0x82, b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x02\x17\x02\x00\x00");
        refused(V5, 0x82, b"\x10\x10\x00\x04MQTT\x05\x02\x00\x0a\x03\x16\x00\x00\x00\x00");
        refused(V5, 0x81, b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x05\x18\x00\x00\x00\x01\x00\x00");
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut connect = full(V5);
        connect.properties.authentication_data = Some(Bytes::from_static(b"secret"));
        let shown = format!("{connect:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(shown.matches("[redacted]").count(), 2);
    }
}
