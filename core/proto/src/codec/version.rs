//! Which MQTT.

use std::fmt;

/// The version of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.0.
    #[default]
    V5,
}

impl Version {
    /// The protocol version that CONNECT names [MQTT-3.1.2-2]: 4 or 5.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }

    /// Whether packets of this version have properties and reason codes.
    #[must_use]
    pub const fn has_properties(self) -> bool {
        matches!(self, Self::V5)
    }
}

impl TryFrom<u8> for Version {
    type Error = UnknownVersion;

    /// From the protocol version that CONNECT names.
    fn try_from(level: u8) -> Result<Self, UnknownVersion> {
        match level {
            4 => Ok(Self::V311),
            5 => Ok(Self::V5),
            other => Err(UnknownVersion(other)),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V311 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}

/// A protocol version that is neither 4 (MQTT 3.1.1) nor 5 (MQTT 5.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("protocol version {0} is not spoken, only 4 (MQTT 3.1.1) and 5 (MQTT 5.0) are")]
pub struct UnknownVersion(
    /// The number.
    pub u8,
);
