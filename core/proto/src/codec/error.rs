//! What can be wrong with bytes that were received, and with values that are to be sent.

use std::fmt;

use super::packet::PacketType;
use super::primitives::MAX_REMAINING_LENGTH;
use crate::reason::ReasonCode;
use crate::topic::TopicError;

/// Why received bytes are no packet. The connection can't go on after one (section 4.13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes can't be parsed (section 4.13): reason code 0x81.
    #[error("malformed {}: {what}", Subject(*packet))]
    Malformed {
        /// The packet's type, where it got that far.
        packet: Option<PacketType>,
        /// What was wrong.
        what: &'static str,
    },
    /// The packet can be parsed but must not be like this (section 4.13): reason code 0x82.
    #[error("protocol error in {packet}: {what}")]
    Protocol {
        /// The packet's type.
        packet: PacketType,
        /// What was wrong.
        what: &'static str,
    },
    /// The packet is larger than the receiver takes [MQTT-3.1.2-24], [MQTT-3.2.2-15]: reason code 0x95.
    #[error("a packet of {size} bytes, at most {maximum} are allowed")]
    TooLarge {
        /// The size of the whole packet, in bytes.
        size: usize,
        /// The receiver's maximum packet size, in bytes.
        maximum: u32,
    },
    /// A topic alias is zero or above the receiver's maximum [MQTT-3.3.2-8], [MQTT-3.3.2-9]: reason code 0x94.
    #[error("PUBLISH with a topic alias that is 0 or above the maximum")]
    TopicAliasInvalid,
    /// A topic name breaks a rule, such as holding a wildcard [MQTT-3.3.2-2]: reason code 0x90.
    #[error("invalid topic name in {packet}: {error}")]
    TopicNameInvalid {
        /// The packet's type.
        packet: PacketType,
        /// The rule.
        error: TopicError,
    },
    /// A topic filter breaks a rule (section 4.7.1): reason code 0x8F.
    #[error("invalid topic filter in {packet}: {error}")]
    TopicFilterInvalid {
        /// The packet's type.
        packet: PacketType,
        /// The rule.
        error: TopicError,
    },
    /// A CONNECT of another protocol or version [MQTT-3.1.2-1], [MQTT-3.1.2-2]: reason code 0x84.
    #[error("CONNECT for protocol version {level}, only MQTT 3.1.1 (4) and MQTT 5.0 (5) are spoken")]
    UnsupportedVersion {
        /// The protocol version that it names.
        level: u8,
    },
}

impl DecodeError {
    /// The reason code to send when the connection is closed for it (section 4.13).
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            Self::Malformed { .. } => ReasonCode::MalformedPacket,
            Self::Protocol { .. } => ReasonCode::ProtocolError,
            Self::TooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::TopicAliasInvalid => ReasonCode::TopicAliasInvalid,
            Self::TopicNameInvalid { .. } => ReasonCode::TopicNameInvalid,
            Self::TopicFilterInvalid { .. } => ReasonCode::TopicFilterInvalid,
            Self::UnsupportedVersion { .. } => ReasonCode::UnsupportedProtocolVersion,
        }
    }

    pub(super) const fn malformed(packet: PacketType, what: &'static str) -> Self {
        Self::Malformed { packet: Some(packet), what }
    }

    pub(super) const fn protocol(packet: PacketType, what: &'static str) -> Self {
        Self::Protocol { packet, what }
    }
}

struct Subject(Option<PacketType>);

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(packet) => fmt::Display::fmt(&packet, f),
            None => f.write_str("packet"),
        }
    }
}

/// Why a packet can't be written. Nothing of it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string or binary data does not fit its two length bytes (sections 1.5.4, 1.5.6).
    #[error("a field of {len} bytes, at most 65,535 are possible")]
    FieldTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The packet's remaining length can't be written (section 2.1.4).
    #[error("a remaining length of {len} bytes, at most {MAX_REMAINING_LENGTH} are possible")]
    PacketTooLong {
        /// The remaining length in bytes.
        len: usize,
    },
    /// The packet does not exist in this version, or can't say there what it is to say.
    #[error("{packet}: {what}")]
    Unsupported {
        /// The packet's type.
        packet: PacketType,
        /// What can't be said.
        what: &'static str,
    },
    /// The packet lacks something without which it is a protocol error, such as a topic filter [MQTT-3.8.3-2].
    #[error("{packet}: {what}")]
    Incomplete {
        /// The packet's type.
        packet: PacketType,
        /// What is missing.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small_and_say_what_was_wrong() {
        assert!(size_of::<DecodeError>() <= 24);
        assert!(size_of::<EncodeError>() <= 24);
        let malformed = DecodeError::malformed(PacketType::SubAck, "a field that is cut short");
        assert_eq!(malformed.to_string(), "malformed SUBACK: a field that is cut short");
        let unknown = DecodeError::Malformed { packet: None, what: "x" };
        assert_eq!(unknown.to_string(), "malformed packet: x");
        let topic = DecodeError::TopicNameInvalid { packet: PacketType::Publish, error: TopicError::Empty };
        assert_eq!(
            topic.to_string(),
            "invalid topic name in PUBLISH: a topic is at least one character long"
        );
        let long = EncodeError::PacketTooLong { len: 268_435_456 };
        assert_eq!(long.to_string(), "a remaining length of 268435456 bytes, at most 268435455 are possible");
    }
}
