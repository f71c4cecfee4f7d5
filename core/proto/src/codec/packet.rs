//! Any control packet, for code that takes them as they come.

use std::fmt;

use bytes::BytesMut;

use super::ack::Ack;
use super::auth::Auth;
use super::connack::ConnAck;
use super::connect::Connect;
use super::disconnect::Disconnect;
use super::encode::Bare;
use super::error::{DecodeError, EncodeError};
use super::frame::Frame;
use super::publish::Publish;
use super::suback::SubAck;
use super::subscribe::Subscribe;
use super::unsuback::UnsubAck;
use super::unsubscribe::Unsubscribe;
use super::version::Version;

/// The type of a control packet (section 2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// The client asks for a connection.
    Connect = 1,
    /// The server answers CONNECT.
    ConnAck = 2,
    /// A message.
    Publish = 3,
    /// Acknowledges a QoS 1 message.
    PubAck = 4,
    /// QoS 2, second packet: received.
    PubRec = 5,
    /// QoS 2, third packet: release.
    PubRel = 6,
    /// QoS 2, fourth packet: complete.
    PubComp = 7,
    /// The client subscribes.
    Subscribe = 8,
    /// The server answers SUBSCRIBE.
    SubAck = 9,
    /// The client unsubscribes.
    Unsubscribe = 10,
    /// The server answers UNSUBSCRIBE.
    UnsubAck = 11,
    /// The client asks whether the server is alive.
    PingReq = 12,
    /// The server is alive.
    PingResp = 13,
    /// The last packet of a connection.
    Disconnect = 14,
    /// A step of an extended authentication (v5 only).
    Auth = 15,
}

impl PacketType {
    /// The type that a packet's first byte names; `None` for the reserved type 0.
    #[must_use]
    pub const fn from_first_byte(byte: u8) -> Option<Self> {
        Some(match byte >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The first byte of such a packet: type and reserved flags (section 2.1.3). A PUBLISH has flags of its own beside.
    pub(crate) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | self.reserved_flags()
    }

    /// The value that the flags must have [MQTT-2.1.3-1], for all but PUBLISH.
    pub(super) const fn reserved_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    /// The specification's name, such as "PUBLISH".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A control packet (section 3).
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    /// The client asks for a connection.
    Connect(Box<Connect>),
    /// The server answers CONNECT.
    ConnAck(Box<ConnAck>),
    /// A message.
    Publish(Publish),
    /// Acknowledges a QoS 1 message.
    PubAck(Ack),
    /// QoS 2, second packet: received.
    PubRec(Ack),
    /// QoS 2, third packet: release.
    PubRel(Ack),
    /// QoS 2, fourth packet: complete.
    PubComp(Ack),
    /// The client subscribes.
    Subscribe(Subscribe),
    /// The server answers SUBSCRIBE.
    SubAck(SubAck),
    /// The client unsubscribes.
    Unsubscribe(Unsubscribe),
    /// The server answers UNSUBSCRIBE.
    UnsubAck(UnsubAck),
    /// The client asks whether the server is alive.
    PingReq,
    /// The server is alive.
    PingResp,
    /// The last packet of a connection.
    Disconnect(Disconnect),
    /// A step of an extended authentication (v5 only).
    Auth(Auth),
}

impl Packet {
    /// The packet's type.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// Decodes a packet of either direction. A CONNECT is read by the protocol version that it names itself.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are malformed or break a rule that can be seen from the packet alone.
    pub fn decode(version: Version, frame: &Frame<'_>) -> Result<Self, DecodeError> {
        let packet_type = frame.packet_type()?;
        Ok(match packet_type {
            PacketType::Connect => Self::Connect(Box::new(Connect::decode(frame)?)),
            PacketType::ConnAck => Self::ConnAck(Box::new(ConnAck::decode(version, frame)?)),
            PacketType::Publish => Self::Publish(Publish::decode(version, frame)?),
            PacketType::PubAck => Self::PubAck(Ack::decode(packet_type, version, frame)?),
            PacketType::PubRec => Self::PubRec(Ack::decode(packet_type, version, frame)?),
            PacketType::PubRel => Self::PubRel(Ack::decode(packet_type, version, frame)?),
            PacketType::PubComp => Self::PubComp(Ack::decode(packet_type, version, frame)?),
            PacketType::Subscribe => Self::Subscribe(Subscribe::decode(version, frame)?),
            PacketType::SubAck => Self::SubAck(SubAck::decode(version, frame)?),
            PacketType::Unsubscribe => Self::Unsubscribe(Unsubscribe::decode(version, frame)?),
            PacketType::UnsubAck => Self::UnsubAck(UnsubAck::decode(version, frame)?),
            PacketType::PingReq => {
                frame.expect_bare(packet_type)?;
                Self::PingReq
            }
            PacketType::PingResp => {
                frame.expect_bare(packet_type)?;
                Self::PingResp
            }
            PacketType::Disconnect => Self::Disconnect(Disconnect::decode(version, frame)?),
            PacketType::Auth => Self::Auth(Auth::decode(version, frame)?),
        })
    }

    /// The size of the whole packet in bytes, fixed header included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        match self {
            Self::Connect(packet) => packet.encoded_len(),
            Self::ConnAck(packet) => packet.encoded_len(version),
            Self::Publish(packet) => packet.encoded_len(version),
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                ack.encoded_len(version)
            }
            Self::Subscribe(packet) => packet.encoded_len(version),
            Self::SubAck(packet) => packet.encoded_len(version),
            Self::Unsubscribe(packet) => packet.encoded_len(version),
            Self::UnsubAck(packet) => packet.encoded_len(version),
            Self::PingReq | Self::PingResp => Bare::LEN,
            Self::Disconnect(packet) => packet.encoded_len(version),
            Self::Auth(packet) => packet.encoded_len(version),
        }
    }

    /// Appends the packet to `out`. Of what version 3.1.1 does not have, properties are left out and reason codes are
    /// brought to what it has. A CONNECT is written in its own version.
    ///
    /// # Errors
    /// [`EncodeError`] when the packet can't be written; `out` is then as it was.
    pub fn encode(&self, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Connect(packet) => packet.encode(out),
            Self::ConnAck(packet) => packet.encode(version, out),
            Self::Publish(packet) => packet.encode(version, out),
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                ack.encode(self.packet_type(), version, out)
            }
            Self::Subscribe(packet) => packet.encode(version, out),
            Self::SubAck(packet) => packet.encode(version, out),
            Self::Unsubscribe(packet) => packet.encode(version, out),
            Self::UnsubAck(packet) => packet.encode(version, out),
            Self::PingReq | Self::PingResp => {
                Bare::encode(self.packet_type(), out);
                Ok(())
            }
            Self::Disconnect(packet) => packet.encode(version, out),
            Self::Auth(packet) => packet.encode(version, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{known, refused};
    use super::*;

    #[test]
    fn pings() {
        for version in [Version::V311, Version::V5] {
            known(version, &Packet::PingReq, b"\xc0\x00");
            known(version, &Packet::PingResp, b"\xd0\x00");
            refused(version, 0x81, b"\xc0\x01\x00");
            refused(version, 0x81, b"\xd1\x00");
            refused(version, 0x81, b"\x00\x00");
        }
    }

    #[test]
    fn types_have_their_numbers() {
        for number in 1..=15 {
            assert_eq!(PacketType::from_first_byte(number << 4).map(|it| it as u8), Some(number));
        }
        assert_eq!(PacketType::from_first_byte(0x0F), None);
        assert_eq!(PacketType::PubRel.to_string(), "PUBREL");
    }
}
