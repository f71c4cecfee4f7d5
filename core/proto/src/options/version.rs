//! Which protocol version to speak.

use super::Options;
use crate::codec::Version;

/// Which protocol version a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolVersion {
    /// MQTT 5.
    #[default]
    V5,
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5, and 3.1.1 with a server that turns out not to speak 5: one that refuses it (CONNACK 0x84, or return
    /// code 1 in the form of 3.1.1), or closes the connection without a CONNACK. Each server is asked once.
    ///
    /// What only MQTT 5 has is then an error as with 3.1.1: options set here when the client falls back, properties and
    /// requests when they are used.
    Auto,
}

impl ProtocolVersion {
    /// The version that an attempt begins with.
    pub(crate) const fn first(self) -> Version {
        match self {
            Self::V5 | Self::Auto => Version::V5,
            Self::V311 => Version::V311,
        }
    }
}

impl From<Version> for ProtocolVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::V5 => Self::V5,
            Version::V311 => Self::V311,
        }
    }
}

impl Options {
    /// The protocol version; the default is 5.
    #[must_use]
    pub fn version(mut self, version: impl Into<ProtocolVersion>) -> Self {
        self.version = version.into();
        self
    }
}
