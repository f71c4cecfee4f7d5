//! Quality of service and packet identifiers.

use std::fmt;
use std::num::NonZeroU16;

/// Quality of service (section 4.3): how hard the two sides try to deliver a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// At most once: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// At least once: sent again after a reconnect until acknowledged; may arrive twice.
    AtLeastOnce = 1,
    /// Exactly once, by a handshake of four packets.
    ExactlyOnce = 2,
}

impl TryFrom<u8> for QoS {
    type Error = InvalidQoS;

    fn try_from(value: u8) -> Result<Self, InvalidQoS> {
        match value {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            other => Err(InvalidQoS(other)),
        }
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&(*self as u8), f)
    }
}

/// A number that is no quality of service; 0, 1 and 2 are [MQTT-3.3.1-4].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quality of service {0} does not exist, only 0, 1 and 2 do")]
pub struct InvalidQoS(
    /// The number.
    pub u8,
);

/// A packet identifier: never zero [MQTT-2.2.1-3].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The greatest one.
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// The identifier with this number, `None` for zero.
    #[must_use]
    pub const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<NonZeroU16> for PacketId {
    fn from(id: NonZeroU16) -> Self {
        Self(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_qualities_of_service_exist() {
        assert_eq!(QoS::try_from(2), Ok(QoS::ExactlyOnce));
        assert_eq!(QoS::try_from(3), Err(InvalidQoS(3)));
        assert!(QoS::AtMostOnce < QoS::ExactlyOnce);
    }

    #[test]
    fn a_packet_identifier_is_never_zero() {
        assert_eq!(PacketId::new(0), None);
        assert_eq!(PacketId::new(65_535).map(PacketId::get), Some(65_535));
        assert_eq!(size_of::<Option<PacketId>>(), 2);
    }
}
