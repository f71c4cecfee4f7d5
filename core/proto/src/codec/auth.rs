//! AUTH (section 3.15): a step of an extended authentication.

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
use crate::reason::ReasonCode;
use crate::text::Utf8String;

/// An AUTH packet (v5 only).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// Success (from the server), continue authentication, or re-authenticate (from the client) [MQTT-3.15.2-1].
    pub reason_code: ReasonCode,
    /// The properties.
    pub properties: AuthProperties,
}

/// The properties of AUTH (section 3.15.2.2).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthProperties {
    /// The authentication method, the one that CONNECT named [MQTT-4.12.0-5]. Absent only in the short form of
    /// success, which has no properties at all.
    pub authentication_method: Option<Utf8String>,
    /// What the method says in this step.
    pub authentication_data: Option<Bytes>,
    /// The sender's words for people, not to be parsed.
    pub reason_string: Option<Utf8String>,
    /// User properties.
    pub user_properties: UserProperties,
}

impl Auth {
    /// Decodes an AUTH packet.
    ///
    /// # Errors
    /// [`DecodeError`] when it is malformed, has no authentication method, or comes in version 3.1.1.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        frame.expect(PacketType::Auth)?;
        let mut reader = Reader::new(PacketType::Auth, frame);
        if !version.has_properties() {
            return Err(reader.malformed("the packet type 15, which is reserved in version 3.1.1"));
        }
        if reader.is_empty() {
            return Ok(Self::default());
        }
        let reason_code = reader.reason_code()?;
        let properties = AuthProperties::read(&mut reader)?;
        reader.finish()?;
        Ok(Self { reason_code, properties })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version)
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// [`EncodeError`] when a property is too long, the authentication method is missing, or `version` is 3.1.1;
    /// `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_packet(PacketType::Auth, version, out)
    }
}

impl Body for Auth {
    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        let packet = PacketType::Auth;
        if !version.has_properties() {
            sink.refuse(EncodeError::Unsupported { packet, what: "it does not exist in version 3.1.1" });
        }
        if self.reason_code == ReasonCode::Success && self.properties.is_empty() {
            return;
        }
        if self.properties.authentication_method.is_none() {
            sink.refuse(EncodeError::Incomplete { packet, what: "it needs an authentication method" });
        }
        sink.u8(self.reason_code as u8);
        self.properties.write(sink);
    }
}

impl AuthProperties {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut properties = Self::default();
        let mut list = PropertyReader::new(reader)?;
        while let Some(property) = list.next()? {
            match property {
                Property::AuthenticationMethod => properties.authentication_method = Some(list.string()?),
                Property::AuthenticationData => properties.authentication_data = Some(list.binary()?),
                Property::ReasonString => properties.reason_string = Some(list.string()?),
                Property::User => properties.user_properties.push(list.user_property()?),
                _ => return Err(list.foreign()),
            }
        }
        if properties.authentication_method.is_none() {
            return Err(list.protocol("no authentication method"));
        }
        Ok(properties)
    }
}

impl PropertyList for AuthProperties {
    fn write_each<S: Sink>(&self, sink: &mut S) {
        sink.string_property(Property::AuthenticationMethod, self.authentication_method.as_ref());
        sink.binary_property(Property::AuthenticationData, self.authentication_data.as_ref());
        sink.string_property(Property::ReasonString, self.reason_string.as_ref());
        sink.user_properties(&self.user_properties);
    }
}

impl fmt::Debug for AuthProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthProperties")
            .field("authentication_method", &self.authentication_method)
            .field("authentication_data", &self.authentication_data.as_ref().map(|_secret| Redacted))
            .field("reason_string", &self.reason_string)
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::super::testing::{decode, encode, known, refused};
    use super::*;

    const V5: Version = Version::V5;

    fn step() -> Auth {
        Auth {
            reason_code: ReasonCode::ContinueAuthentication,
            properties: AuthProperties {
                authentication_method: Some(Utf8String::from_static("M")),
                authentication_data: Some(Bytes::from_static(b"\x00\xff")),
                ..AuthProperties::default()
            },
        }
    }

    #[test]
    fn known_bytes() {
        known(V5, &Packet::Auth(step()), b"\xf0\x0b\x18\x09\x15\x00\x01M\x16\x00\x02\x00\xff");
        known(V5, &Packet::Auth(Auth::default()), b"\xf0\x00");
    }

    #[test]
    fn refusals() {
        refused(Version::V311, 0x81, b"\xf0\x00");
        refused(V5, 0x81, b"\xf2\x00");
        refused(V5, 0x81, b"\xf0\x01\x18");
        refused(V5, 0x82, b"\xf0\x02\x18\x00");
        refused(V5, 0x82, b"\xf0\x06\x01\x04\x15\x00\x01M");
        refused(V5, 0x81, b"\xf0\x07\x18\x04\x15\x00\x01M\x00");
    }

    #[test]
    fn what_can_not_be_sent() {
        let mut out = BytesMut::new();
        assert!(matches!(step().encode(Version::V311, &mut out), Err(EncodeError::Unsupported { .. })));
        let mut auth = step();
        auth.properties.authentication_method = None;
        assert!(matches!(auth.encode(V5, &mut out), Err(EncodeError::Incomplete { .. })));
        auth = step();
        auth.properties.authentication_data = Some(Bytes::from(vec![0; 65_536]));
        assert_eq!(auth.encode(V5, &mut out), Err(EncodeError::FieldTooLong { len: 65_536 }));
        assert!(out.is_empty());
        auth.properties.authentication_data = Some(Bytes::from(vec![0; 65_535]));
        assert_eq!(decode(V5, &encode(V5, &Packet::Auth(auth.clone()))).unwrap(), Packet::Auth(auth));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", step());
        assert!(shown.contains("authentication_data: Some([redacted])") && !shown.contains("xff"), "{shown}");
    }
}
