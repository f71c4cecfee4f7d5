//! Who waits for which outcome: a slot and a generation an operation, no allocation and no channel.

use std::task::{Context, Poll, Waker};

use polymqtt_proto::engine::{Completion, Token};

/// Generations of a slot: tokens are smaller than 2^63.
const GENERATIONS: u32 = u32::MAX >> 1;

/// The operations that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    /// Told apart from earlier operations of the same slot by this.
    generation: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting(Option<Waker>),
    Done(Completion),
}

impl Operations {
    /// A slot for a new operation, and the token that names it.
    #[inline]
    pub(crate) fn start(&mut self) -> Token {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
                self.slots.push(Slot { generation: 0, state: State::Free });
                index
            }
        };
        match self.slots.get_mut(index as usize) {
            Some(slot) => {
                slot.state = State::Waiting(None);
                Token(u64::from(slot.generation) << 32 | u64::from(index))
            }
            None => Token::NONE,
        }
    }

    /// The operation is over; gives the waker of whoever waits for it.
    #[inline]
    pub(crate) fn complete(&mut self, token: Token, completion: Completion) -> Option<Waker> {
        let slot = self.slot(token)?;
        match std::mem::replace(&mut slot.state, State::Done(completion)) {
            State::Waiting(waker) => waker,
            State::Free | State::Done(_) => None,
        }
    }

    /// The outcome, once; frees the slot with it.
    #[inline]
    pub(crate) fn poll(&mut self, token: Token, cx: &Context<'_>) -> Poll<Option<Completion>> {
        let Some(slot) = self.slot(token) else {
            return Poll::Ready(None);
        };
        if let State::Waiting(waker) = &mut slot.state {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        match self.free(token) {
            Some(State::Done(completion)) => Poll::Ready(Some(completion)),
            _ => Poll::Ready(None),
        }
    }

    /// Nobody waits any more.
    #[inline]
    pub(crate) fn forget(&mut self, token: Token) {
        self.free(token);
    }

    /// The wakers of everyone who waits.
    pub(crate) fn wakers(&mut self) -> impl Iterator<Item = Waker> + '_ {
        self.slots.iter_mut().filter_map(|slot| match &mut slot.state {
            State::Waiting(waker) => waker.take(),
            State::Free | State::Done(_) => None,
        })
    }

    fn free(&mut self, token: Token) -> Option<State> {
        let slot = self.slot(token)?;
        let state = std::mem::replace(&mut slot.state, State::Free);
        slot.generation = slot.generation.wrapping_add(1) & GENERATIONS;
        self.free.push(token.0 as u32);
        Some(state)
    }

    #[inline]
    fn slot(&mut self, token: Token) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(token.0 as u32 as usize)?;
        (slot.generation == (token.0 >> 32) as u32 && !matches!(slot.state, State::Free)).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymqtt_proto::engine::Undelivered;

    fn done() -> Completion {
        Completion::Disconnected(Undelivered::default())
    }

    #[test]
    fn an_outcome_is_given_once_and_a_late_one_misses_the_next_operation() {
        let mut operations = Operations::default();
        let cx = Context::from_waker(Waker::noop());
        let first = operations.start();
        assert!(operations.poll(first, &cx).is_pending());
        assert!(operations.complete(first, done()).is_some());
        assert!(matches!(operations.poll(first, &cx), Poll::Ready(Some(_))));
        assert!(matches!(operations.poll(first, &cx), Poll::Ready(None)));
        let second = operations.start();
        operations.complete(first, done());
        assert!(operations.poll(second, &cx).is_pending());
    }

    #[test]
    fn a_forgotten_operation_takes_no_outcome() {
        let mut operations = Operations::default();
        let token = operations.start();
        operations.forget(token);
        assert!(operations.complete(token, done()).is_none());
        assert_eq!(operations.free.len(), 1);
    }
}
