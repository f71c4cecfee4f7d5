//! Publishers that wait for room in the queue, served in order of asking.

use std::collections::VecDeque;
use std::task::Waker;

/// A place in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

#[derive(Debug, Default)]
pub(crate) struct Room {
    last: u64,
    waiting: VecDeque<(Ticket, Waker)>,
}

impl Room {
    /// Whether a publisher with this ticket, or without one, may try now.
    #[inline]
    pub(crate) fn may_try(&self, ticket: Option<Ticket>) -> bool {
        match self.waiting.front() {
            None => true,
            Some((first, _)) => ticket == Some(*first),
        }
    }

    /// Waits in line, at the end when there is no ticket yet.
    pub(crate) fn wait(&mut self, ticket: Option<Ticket>, waker: &Waker) -> Ticket {
        let place = self.waiting.iter_mut().find(|(held, _)| Some(*held) == ticket);
        if let Some((ticket, known)) = place {
            known.clone_from(waker);
            return *ticket;
        }
        self.last += 1;
        let ticket = Ticket(self.last);
        self.waiting.push_back((ticket, waker.clone()));
        ticket
    }

    /// Leaves the line; gives the waker of whoever is first then, if that changed.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let index = self.waiting.iter().position(|(held, _)| *held == ticket)?;
        self.waiting.remove(index);
        (index == 0).then(|| self.first()).flatten()
    }

    /// The waker of whoever is first in line.
    #[inline]
    pub(crate) fn first(&self) -> Option<Waker> {
        self.waiting.front().map(|(_, waker)| waker.clone())
    }

    /// Everyone in line, when the client is closed.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Waker> + '_ {
        self.waiting.drain(..).map(|(_, waker)| waker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_keeps_its_order() {
        let mut room = Room::default();
        let first = room.wait(None, Waker::noop());
        let second = room.wait(None, Waker::noop());
        assert_eq!(room.wait(Some(second), Waker::noop()), second);
        assert!(room.may_try(Some(first)) && !room.may_try(Some(second)) && !room.may_try(None));
        assert!(room.leave(first).is_some());
        assert!(room.may_try(Some(second)));
        assert!(room.leave(second).is_none() && room.may_try(None));
    }
}
