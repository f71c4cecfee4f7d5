//! The table of packet identifiers in use, and what each stands for.

use std::collections::VecDeque;

use crate::engine::Token;
use crate::message::Message;
use crate::mutant::Mutant;
use crate::qos::{PacketId, QoS};
use crate::reason::ReasonCode;

/// Identifiers that rest before they are used again, so that a late duplicate of an acknowledgement misses the next
/// operation.
const RESTING: usize = 64;

/// Packet identifiers 1 to 65,535 as indices of a table that grows with use; finishing an operation allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: VecDeque<u16>,
    next_sequence: u64,
    /// Bytes of the messages that wait for PUBACK or PUBREC.
    bytes: usize,
    /// QoS 2 messages whose PUBCOMP has not come.
    exactly_once: usize,
    retired: usize,
}

#[derive(Debug)]
struct Slot {
    /// The order of sending: of PUBLISHes, and from PUBREC on of PUBRELs [MQTT-4.6.0-1], [MQTT-4.6.0-4].
    sequence: u64,
    token: Token,
    state: SlotState,
}

/// What a packet identifier stands for.
#[derive(Debug)]
pub(crate) enum SlotState {
    /// Nothing: it may be used.
    Free,
    /// A PUBLISH that waits for PUBACK or PUBREC.
    Publish {
        /// The message.
        message: Message,
        /// Its number in the journal, 0 where it has none.
        number: u64,
    },
    /// A PUBREL that waits for PUBCOMP, with what PUBREC said: success, or that nobody subscribes.
    Released(ReasonCode),
    /// A QoS 2 PUBLISH that was sent and can't be sent again. Nobody waits for it; but the server may have it, and would
    /// take the next message with this identifier for the same one for as long as the session lasts.
    Retired,
    /// A SUBSCRIBE for the subscription with this number.
    Subscribe(u32),
    /// The UNSUBSCRIBE with this number.
    Unsubscribe(u32),
}

impl SlotState {
    /// Whether it belongs to a message, in whatever stage.
    pub(crate) fn is_publish(&self) -> bool {
        matches!(self, Self::Publish { .. } | Self::Released(_) | Self::Retired)
    }

    /// Whether it is a message whose acknowledgement is still to come.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self, Self::Publish { .. } | Self::Released(_))
    }

    fn is_exactly_once(&self) -> bool {
        match self {
            Self::Publish { message, .. } => message.qos() == QoS::ExactlyOnce,
            Self::Released(_) => true,
            _ => false,
        }
    }

    #[inline]
    fn size(&self) -> usize {
        match self {
            Self::Publish { message, .. } => message.size(),
            _ => 0,
        }
    }
}

impl Slots {
    /// Puts an operation into a free slot; `Err` gives the state back when all 65,535 are in use.
    #[inline]
    pub(crate) fn insert(&mut self, token: Token, state: SlotState) -> Result<PacketId, SlotState> {
        let sequence = self.sequence();
        let (size, exactly_once) = (state.size(), usize::from(state.is_exactly_once()));
        let slot = Slot { sequence, token, state };
        let may_grow = self.slots.len() < usize::from(u16::MAX);
        if self.free.len() <= RESTING && may_grow {
            self.slots.push(slot);
            self.bytes += size;
            self.exactly_once += exactly_once;
            let id = u16::try_from(self.slots.len()).ok().and_then(PacketId::new);
            return id.ok_or(SlotState::Free);
        }
        let Some(index) = self.free.pop_front() else {
            return Err(slot.state);
        };
        match (self.slots.get_mut(usize::from(index)), PacketId::new(index + 1)) {
            (Some(place), Some(id)) => {
                *place = slot;
                self.bytes += size;
                self.exactly_once += exactly_once;
                Ok(id)
            }
            _ => Err(slot.state),
        }
    }

    /// Puts an operation of an earlier process back under the identifier it had.
    pub(crate) fn restore(&mut self, id: PacketId, state: SlotState) {
        while self.slots.len() < usize::from(id.get()) {
            if let Ok(index) = u16::try_from(self.slots.len()) {
                self.free.push_back(index);
            }
            self.slots.push(Slot { sequence: 0, token: Token::NONE, state: SlotState::Free });
        }
        self.free.retain(|index| *index != id.get() - 1);
        let sequence = self.sequence();
        self.bytes += state.size();
        self.exactly_once += usize::from(state.is_exactly_once());
        self.retired += usize::from(matches!(state, SlotState::Retired));
        if let Some(slot) = self.slots.get_mut(index_of(id)) {
            *slot = Slot { sequence, token: Token::NONE, state };
        }
    }

    /// What the identifier stands for.
    #[inline]
    pub(crate) fn state(&self, id: PacketId) -> &SlotState {
        self.slots.get(index_of(id)).map_or(&SlotState::Free, |slot| &slot.state)
    }

    /// Whose operation it stands for.
    pub(crate) fn token(&self, id: PacketId) -> Token {
        self.slots.get(index_of(id)).map_or(Token::NONE, |slot| slot.token)
    }

    /// Frees the identifier, and drops what it stood for; gives back whose operation that was.
    #[inline]
    pub(crate) fn free(&mut self, id: PacketId) -> Option<Token> {
        let slot = self.slots.get_mut(index_of(id))?;
        if matches!(slot.state, SlotState::Free) {
            return None;
        }
        self.bytes -= slot.state.size();
        self.exactly_once -= usize::from(slot.state.is_exactly_once());
        self.retired -= usize::from(matches!(slot.state, SlotState::Retired));
        slot.state = SlotState::Free;
        self.free.push_back(id.get() - 1);
        Some(slot.token)
    }

    /// PUBREC arrived: the message is the server's now, a PUBREL takes its place and its turn.
    pub(crate) fn release(&mut self, id: PacketId, received: ReasonCode) -> Option<Message> {
        let sequence = self.sequence();
        let slot = self.slots.get_mut(index_of(id))?;
        match std::mem::replace(&mut slot.state, SlotState::Released(received)) {
            SlotState::Publish { message, .. } => {
                if !Mutant::PubrelOrderByPublish.is_active() {
                    slot.sequence = sequence;
                }
                self.bytes -= message.size();
                Some(message)
            }
            other => {
                slot.state = other;
                None
            }
        }
    }

    /// The QoS 2 message was sent and can't be sent again: it is over, but its identifier is not used again in this
    /// session. Gives back whose operation it was.
    pub(crate) fn retire(&mut self, id: PacketId) -> Token {
        let Some(slot) = self.slots.get_mut(index_of(id)) else {
            return Token::NONE;
        };
        let state = std::mem::replace(&mut slot.state, SlotState::Retired);
        self.bytes -= state.size();
        self.exactly_once -= usize::from(state.is_exactly_once());
        self.retired += 1;
        std::mem::replace(&mut slot.token, Token::NONE)
    }

    /// Forgets who waits for the operation with this token; whether there was one.
    pub(crate) fn abandon(&mut self, token: Token) -> bool {
        let mut live = self.slots.iter_mut().filter(|slot| !matches!(slot.state, SlotState::Free));
        match live.find(|slot| slot.token == token) {
            Some(slot) => {
                slot.token = Token::NONE;
                true
            }
            None => false,
        }
    }

    /// The identifiers in use for which `wanted` holds, in order of their sequence.
    pub(crate) fn in_order(&self, wanted: impl Fn(&SlotState) -> bool) -> Vec<PacketId> {
        let mut found: Vec<(u64, PacketId)> = (1..=u16::MAX)
            .zip(&self.slots)
            .filter(|(_, slot)| wanted(&slot.state))
            .filter_map(|(id, slot)| Some((slot.sequence, PacketId::new(id)?)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Bytes of the messages that wait for PUBACK or PUBREC.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// QoS 2 messages whose PUBCOMP has not come.
    #[inline]
    pub(crate) fn exactly_once(&self) -> usize {
        self.exactly_once
    }

    /// How many operations are under way.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len() - self.retired
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }
}

fn index_of(id: PacketId) -> usize {
    usize::from(id.get()) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_identifier_rests_before_it_is_used_again() {
        let mut slots = Slots::default();
        let first = slots.insert(Token(1), SlotState::Released(ReasonCode::Success)).unwrap();
        slots.free(first);
        for n in 0..RESTING {
            let id = slots.insert(Token(2), SlotState::Released(ReasonCode::Success)).unwrap();
            assert_ne!(id, first, "after {n}");
            slots.free(id);
        }
    }

    #[test]
    fn all_identifiers_can_be_in_use_and_none_twice() {
        let mut slots = Slots::default();
        let mut ids: Vec<u16> = (0..65_535)
            .map(|_| slots.insert(Token(1), SlotState::Released(ReasonCode::Success)).unwrap().get())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 65_535);
        assert!(slots.insert(Token(1), SlotState::Released(ReasonCode::Success)).is_err());
        slots.free(PacketId::new(77).unwrap());
        assert_eq!(slots.insert(Token(1), SlotState::Released(ReasonCode::Success)).unwrap().get(), 77);
    }

    #[test]
    fn removing_twice_frees_once() {
        let mut slots = Slots::default();
        let id = slots.insert(Token(1), SlotState::Released(ReasonCode::Success)).unwrap();
        assert!(slots.free(id).is_some());
        assert!(slots.free(id).is_none());
        assert_eq!(slots.len(), 0);
    }

    #[test]
    fn a_released_slot_moves_behind_those_sent_later() {
        let mut slots = Slots::default();
        let publish = || SlotState::Publish { number: 0, message: Message::new("a", "").unwrap() };
        let first = slots.insert(Token(1), publish()).unwrap();
        let second = slots.insert(Token(2), publish()).unwrap();
        slots.release(first, ReasonCode::Success);
        assert_eq!(slots.in_order(|_| true), [second, first]);
    }
}
