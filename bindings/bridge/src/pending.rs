//! The operations that a host waits for, by token: a slot and a generation each.

use std::sync::{Mutex, PoisonError};

use polymqtt_proto::engine::Token;

/// Tokens are smaller than 2^63.
const GENERATIONS: u32 = u32::MAX >> 1;

/// What a host keeps of each operation until it ends.
#[derive(Debug)]
pub struct Pending<T>(Mutex<Slots<T>>);

#[derive(Debug)]
struct Slots<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(Mutex::new(Slots { slots: Vec::new(), free: Vec::new() }))
    }
}

impl<T> Pending<T> {
    /// Keeps what belongs to a new operation; gives the token that names it.
    #[inline]
    pub fn insert(&self, kept: T) -> Token {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = slots.free.pop().unwrap_or_else(|| {
            slots.slots.push((0, None));
            // 2^32 operations would not fit any memory.
            (slots.slots.len() - 1) as u32
        });
        match slots.slots.get_mut(index as usize) {
            Some((generation, slot)) => {
                *slot = Some(kept);
                Token(u64::from(*generation) << 32 | u64::from(index))
            }
            None => Token::NONE,
        }
    }

    /// The operation is over, or was never accepted: gives what was kept of it.
    #[inline]
    pub fn remove(&self, token: Token) -> Option<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = token.0 as u32;
        let (generation, slot) = slots.slots.get_mut(index as usize)?;
        if *generation != (token.0 >> 32) as u32 {
            return None;
        }
        let kept = slot.take()?;
        *generation = generation.wrapping_add(1) & GENERATIONS;
        slots.free.push(index);
        Some(kept)
    }

    /// Looks at what is kept of an operation that goes on.
    pub fn with<R>(&self, token: Token, look: impl FnOnce(&T) -> R) -> Option<R> {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, slot) = slots.slots.get(token.0 as u32 as usize)?;
        (*generation == (token.0 >> 32) as u32).then_some(slot.as_ref()).flatten().map(look)
    }

    /// Everything, where no more outcomes will come.
    pub fn drain(&self) -> Vec<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Vec::new();
        for index in 0..slots.slots.len() {
            if let Some((generation, slot)) = slots.slots.get_mut(index)
                && let Some(operation) = slot.take()
            {
                *generation = generation.wrapping_add(1) & GENERATIONS;
                kept.push(operation);
                slots.free.push(index as u32);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_outcome_misses_the_next_operation() {
        let pending = Pending::default();
        let first = pending.insert("first");
        assert_eq!(pending.remove(first), Some("first"));
        let second = pending.insert("second");
        assert_eq!(pending.remove(first), None);
        assert_eq!(pending.with(second, |kept| *kept), Some("second"));
        assert_eq!(pending.drain(), ["second"]);
        assert_eq!(pending.remove(second), None);
    }
}
