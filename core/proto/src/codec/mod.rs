//! Control packets of MQTT 5.0 and 3.1.1 (sections 2 and 3): bytes to values and back, a file a packet family.
//!
//! Received bytes go through [`take_frames`] to [`Frames`]; each [`Frame`] is decoded by [`Packet::decode`], or by the
//! packet's own `decode` where its type is known. Decoding is total: any bytes give a packet or a [`DecodeError`]
//! that knows the reason code to close with. Topics, payloads and other strings share the received buffer.
//!
//! Encoding appends to a buffer that the caller owns, and leaves it as it was when it fails. It checks what can't be
//! written (lengths), not what the other side would refuse: that is the engine's, which knows the limits.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod display;
mod encode;
mod error;
mod frame;
mod packet;
mod packet_log;
mod primitives;
mod properties;
mod publish;
mod publish_decoder;
mod redact;
mod suback;
mod subscribe;
#[cfg(test)]
mod testing;
mod unsuback;
mod unsubscribe;
mod version;
mod will;

pub use ack::{Ack, AckProperties};
pub use auth::{Auth, AuthProperties};
pub use connack::{ConnAck, ConnAckProperties};
pub use connect::{Connect, ConnectProperties};
pub use disconnect::{Disconnect, DisconnectProperties};
pub use error::{DecodeError, EncodeError};
pub use frame::{Frame, Frames, missing, take_frames};
pub use packet::{Packet, PacketType};
pub use packet_log::{LoggedPacket, PacketLog};
pub use primitives::MAX_REMAINING_LENGTH;
pub use properties::UserProperties;
pub use publish::{Delivery, Publish, PublishHead, PublishProperties, SubscriptionIdentifiers};
pub use publish_decoder::PublishDecoder;
pub use suback::SubAck;
pub use subscribe::{
    RetainHandling, Subscribe, SubscribeProperties, SubscriptionIdentifier, SubscriptionOptions,
};
pub use unsuback::UnsubAck;
pub use unsubscribe::Unsubscribe;
pub use version::{UnknownVersion, Version};
pub use will::{Will, WillProperties};
