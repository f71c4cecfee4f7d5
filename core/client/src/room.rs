//! Publishers that wait for room in the queue, served in order of asking.
//!
//! A message waits in the line itself, and whoever makes room has the engine take it. Had its publisher to be woken for
//! that, threads that publish one by one would stay in line for good once there is one: a wake-up for each message.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use polymqtt_proto::engine::{Rejected, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::time::Timestamp;

use crate::shared::{Shared, State};
use crate::{publish, request};

/// A place in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Debug, Default)]
pub(crate) struct Room {
    last: u64,
    line: VecDeque<Place>,
    /// What became of messages whose publishers have not looked yet.
    served: BTreeMap<Ticket, Result<Token, Error>>,
}

#[derive(Debug)]
pub(crate) struct Place {
    ticket: Ticket,
    pub(crate) waker: Waker,
    /// `None` for a batch, which offers its messages itself when it is first.
    pub(crate) offer: Option<Offer>,
}

/// A message that is offered to the engine.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) message: Message,
    pub(crate) timeout: Option<Duration>,
    pub(crate) purpose: Purpose,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Publish,
    Request,
}

/// What became of a message that was offered.
pub(crate) enum Offered {
    /// With the token to wait with; [`Token::NONE`] where there is nothing to wait for.
    Accepted(Token),
    /// There is no room for it.
    Full(Error, Offer),
}

impl Room {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Waits at the end of the line.
    pub(crate) fn join(&mut self, waker: &Waker, offer: Option<Offer>) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.line.push_back(Place { ticket, waker: waker.clone(), offer });
        ticket
    }

    /// What became of a message in the line.
    pub(crate) fn poll(&mut self, ticket: Ticket, cx: &Context<'_>) -> Poll<Result<Token, Error>> {
        if let Some(outcome) = self.served.remove(&ticket) {
            return Poll::Ready(outcome);
        }
        if self.wait(ticket, cx.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(Err(Error::new(ErrorKind::Closed, "the client was closed")))
    }

    /// Whether it is the turn of whoever has this ticket; else it goes on waiting.
    pub(crate) fn is_turn(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        !self.wait(ticket, waker) || self.line.front().is_some_and(|first| first.ticket == ticket)
    }

    /// Whoever is first leaves the line, to be served or [put back](Room::put_back).
    pub(crate) fn take_first(&mut self) -> Option<Place> {
        self.line.pop_front()
    }

    pub(crate) fn put_back(&mut self, place: Place) {
        self.line.push_front(place);
    }

    /// Keeps what became of a message until its publisher looks; gives whom to wake for that.
    pub(crate) fn serve(&mut self, place: Place, outcome: Result<Token, Error>) -> Waker {
        self.served.insert(place.ticket, outcome);
        place.waker
    }

    /// Nobody waits there any more; gives the outcome where it was served meanwhile.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Result<Token, Error>> {
        self.line.retain(|place| place.ticket != ticket);
        self.served.remove(&ticket)
    }

    /// Everyone in line, when the client is closed.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Waker> + '_ {
        self.line.drain(..).map(|place| place.waker)
    }

    fn wait(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        let place = self.line.iter_mut().find(|place| place.ticket == ticket);
        place.map(|place| place.waker.clone_from(waker)).is_some()
    }
}

impl Offer {
    /// The clock is read only for messages that something is timed by: the engine's last time does for the others.
    #[inline]
    pub(crate) fn time(&self, shared: &Shared) -> Timestamp {
        let timed = self.timeout.is_some() || self.message.properties().is_some();
        if timed { shared.now() } else { Timestamp::ZERO }
    }

    /// Says it to the engine.
    #[inline]
    pub(crate) fn make(self, state: &mut State, now: Timestamp) -> Result<Offered, Error> {
        let Self { message, timeout, purpose } = self;
        let outcome = match purpose {
            Purpose::Publish => publish::accept(state, now, message, timeout),
            Purpose::Request => request::accept(state, now, message, timeout),
        };
        match outcome {
            Ok(token) => Ok(Offered::Accepted(token)),
            Err(Rejected { error, message }) if error.kind() == ErrorKind::QueueFull => {
                Ok(Offered::Full(error, Self { message, timeout, purpose }))
            }
            Err(rejected) => Err(rejected.error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_keeps_its_order() {
        let mut room = Room::default();
        let first = room.join(Waker::noop(), None);
        let second = room.join(Waker::noop(), None);
        assert!(room.is_turn(first, Waker::noop()) && !room.is_turn(second, Waker::noop()));
        assert_eq!(room.leave(first), None);
        assert!(room.is_turn(second, Waker::noop()));
        assert_eq!(room.leave(second), None);
        assert!(room.is_empty());
    }

    #[test]
    fn who_was_served_learns_it_once() {
        let mut room = Room::default();
        let cx = Context::from_waker(Waker::noop());
        let ticket = room.join(Waker::noop(), None);
        assert!(room.poll(ticket, &cx).is_pending());
        let place = room.take_first().unwrap();
        room.serve(place, Ok(Token(7)));
        assert_eq!(room.poll(ticket, &cx), Poll::Ready(Ok(Token(7))));
        assert!(matches!(room.poll(ticket, &cx), Poll::Ready(Err(_))));
    }
}
