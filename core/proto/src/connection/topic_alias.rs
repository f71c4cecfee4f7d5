//! Topic aliases that the server assigned on this connection (section 3.3.2.3.4).

use std::num::NonZeroU16;

use crate::codec::{DecodeError, PacketType};
use crate::topic::TopicName;

/// How many topic aliases the server may assign.
pub(crate) const INCOMING_ALIASES: u16 = 32;

/// The topic that each alias stands for; empty until the first one is assigned.
#[derive(Debug, Default)]
pub(crate) struct IncomingAliases {
    topics: Vec<Option<TopicName>>,
}

impl IncomingAliases {
    /// The server says what the alias stands for from now on.
    pub(crate) fn assign(&mut self, alias: NonZeroU16, topic: &TopicName) -> Result<(), DecodeError> {
        if alias.get() > INCOMING_ALIASES {
            return Err(DecodeError::TopicAliasInvalid);
        }
        let index = usize::from(alias.get() - 1);
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        if let Some(place) = self.topics.get_mut(index) {
            *place = Some(topic.detach());
        }
        Ok(())
    }

    /// The topic that the server means [MQTT-3.3.2-9], [MQTT-3.3.2-12].
    pub(crate) fn resolve(&self, alias: NonZeroU16) -> Result<TopicName, DecodeError> {
        if alias.get() > INCOMING_ALIASES {
            return Err(DecodeError::TopicAliasInvalid);
        }
        let index = usize::from(alias.get() - 1);
        let what = "a topic alias that stands for no topic";
        let unknown = DecodeError::Protocol { packet: PacketType::Publish, what };
        self.topics.get(index).cloned().flatten().ok_or(unknown)
    }
}
