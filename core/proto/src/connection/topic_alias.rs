//! Topic aliases of one connection, in both directions (section 3.3.2.3.4).

use std::num::NonZeroU16;

use crate::codec::{DecodeError, PacketType};
#[cfg(feature = "mutants")]
use crate::mutant::Mutant;
use crate::topic::TopicName;

/// The topic that each alias of the server stands for; empty until the first one is assigned.
#[derive(Debug)]
pub(crate) struct IncomingAliases {
    topics: Vec<Option<TopicName>>,
    maximum: u16,
}

impl IncomingAliases {
    /// The server may assign aliases up to `maximum`.
    pub(crate) fn new(maximum: u16) -> Self {
        Self { topics: Vec::new(), maximum }
    }

    /// The server says what the alias stands for from now on.
    pub(crate) fn assign(&mut self, alias: NonZeroU16, topic: &TopicName) -> Result<(), DecodeError> {
        if alias.get() > self.maximum {
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

    /// The topic that the server means [MQTT-3.3.2-10], [MQTT-3.3.2-11].
    pub(crate) fn resolve(&self, alias: NonZeroU16) -> Result<TopicName, DecodeError> {
        if alias.get() > self.maximum {
            return Err(DecodeError::TopicAliasInvalid);
        }
        let index = usize::from(alias.get() - 1);
        let what = "a topic alias that stands for no topic";
        let unknown = DecodeError::Protocol { packet: PacketType::Publish, what };
        self.topics.get(index).cloned().flatten().ok_or(unknown)
    }
}

/// The aliases that this side gave to topics: the one used least recently goes to the next topic without one.
#[derive(Debug)]
pub(crate) struct OutgoingAliases {
    maximum: usize,
    /// By alias, from 1.
    given: Vec<Given>,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug)]
struct Given {
    /// `None` when the packet that would have told the server was not sent.
    topic: Option<TopicName>,
    used: u64,
}

/// How a PUBLISH names its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopicForm {
    /// In full, without an alias.
    Full,
    /// In full, with an alias that stands for it from now on.
    Assigns(NonZeroU16),
    /// By an alias only.
    Alias(NonZeroU16),
}

/// An alias costs three bytes of properties: a topic that is no longer gains nothing.
const SHORTEST_TOPIC: usize = 4;

impl OutgoingAliases {
    /// At most so many are given.
    pub(crate) fn new(maximum: u16) -> Self {
        #[cfg(feature = "mutants")]
        let given = kept::aliases();
        #[cfg(not(feature = "mutants"))]
        let given = Vec::new();
        Self { maximum: usize::from(maximum), given, clock: 0 }
    }

    /// How the next PUBLISH to this topic names it.
    #[inline]
    pub(crate) fn form(&mut self, topic: &TopicName) -> TopicForm {
        if self.maximum == 0 || topic.as_str().len() < SHORTEST_TOPIC {
            return TopicForm::Full;
        }
        self.find_or_give(topic)
    }

    fn find_or_give(&mut self, topic: &TopicName) -> TopicForm {
        self.clock += 1;
        // There are few: looking at each costs less than a table of hashes.
        if let Some(index) = self.given.iter().position(|given| given.topic.as_ref() == Some(topic)) {
            return self.use_at(index).map_or(TopicForm::Full, TopicForm::Alias);
        }
        let index = if self.given.len() < self.maximum {
            self.given.push(Given { topic: None, used: 0 });
            Some(self.given.len() - 1)
        } else {
            (0..self.given.len()).min_by_key(|index| self.given.get(*index).map(|given| given.used))
        };
        let Some(given) = index.and_then(|index| self.given.get_mut(index)) else {
            return TopicForm::Full;
        };
        given.topic = Some(topic.detach());
        index.and_then(|index| self.use_at(index)).map_or(TopicForm::Full, TopicForm::Assigns)
    }

    /// The packet that would have assigned this alias was not sent.
    pub(crate) fn revoke(&mut self, alias: NonZeroU16) {
        if let Some(given) = self.given.get_mut(usize::from(alias.get() - 1)) {
            given.topic = None;
        }
    }

    fn use_at(&mut self, index: usize) -> Option<NonZeroU16> {
        self.given.get_mut(index)?.used = self.clock;
        NonZeroU16::new(u16::try_from(index + 1).ok()?)
    }
}

/// For [`Mutant::AliasesKeptOverReconnect`].
#[cfg(feature = "mutants")]
mod kept {
    use std::cell::Cell;

    use super::{Given, Mutant, OutgoingAliases};

    thread_local! {
        static ALIASES: Cell<Vec<Given>> = const { Cell::new(Vec::new()) };
    }

    /// Those of the last connection.
    pub(super) fn aliases() -> Vec<Given> {
        if Mutant::AliasesKeptOverReconnect.is_active() { ALIASES.take() } else { Vec::new() }
    }

    impl Drop for OutgoingAliases {
        fn drop(&mut self) {
            ALIASES.set(std::mem::take(&mut self.given));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(aliases: &mut OutgoingAliases, topic: &str) -> TopicForm {
        aliases.form(&TopicName::try_from(topic).unwrap())
    }

    fn alias(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).unwrap()
    }

    #[test]
    fn the_least_recently_used_alias_goes_to_the_next_topic() {
        let mut aliases = OutgoingAliases::new(2);
        assert_eq!(form(&mut aliases, "first"), TopicForm::Assigns(alias(1)));
        assert_eq!(form(&mut aliases, "second"), TopicForm::Assigns(alias(2)));
        assert_eq!(form(&mut aliases, "first"), TopicForm::Alias(alias(1)));
        assert_eq!(form(&mut aliases, "third"), TopicForm::Assigns(alias(2)));
        assert_eq!(form(&mut aliases, "first"), TopicForm::Alias(alias(1)));
        assert_eq!(form(&mut aliases, "second"), TopicForm::Assigns(alias(2)));
    }

    #[test]
    fn short_topics_and_servers_without_aliases_get_none() {
        assert_eq!(form(&mut OutgoingAliases::new(2), "a/b"), TopicForm::Full);
        assert_eq!(form(&mut OutgoingAliases::new(0), "long/topic"), TopicForm::Full);
    }

    #[test]
    fn what_was_not_sent_is_assigned_again() {
        let mut aliases = OutgoingAliases::new(1);
        form(&mut aliases, "topic");
        aliases.revoke(alias(1));
        assert_eq!(form(&mut aliases, "topic"), TopicForm::Assigns(alias(1)));
    }
}
