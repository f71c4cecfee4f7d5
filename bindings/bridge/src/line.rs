//! Messages that wait for room in the client's queue, in order of asking. Each belongs to somebody who waits for it, so
//! that the line is as long as the program has tasks or threads that publish.

use std::collections::VecDeque;
use std::time::Duration;

use polymqtt::Message;
use polymqtt_proto::engine::Token;

/// What the client is asked to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// To publish it, for at most so long.
    Publish(Option<Duration>),
    /// To publish it and wait for the answer, for at most so long.
    Request(Duration),
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) token: Token,
    pub(crate) message: Message,
    pub(crate) offer: Offer,
}

#[derive(Debug, Default)]
pub(crate) struct Line(VecDeque<Waiting>);

impl Line {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn join(&mut self, waiting: Waiting) {
        self.0.push_back(waiting);
    }

    /// Gives back the message of whoever gives up waiting.
    pub(crate) fn leave(&mut self, token: Token) -> Option<Message> {
        let index = self.0.iter().position(|waiting| waiting.token == token)?;
        self.0.remove(index).map(|waiting| waiting.message)
    }

    pub(crate) fn first(&mut self) -> Option<Waiting> {
        self.0.pop_front()
    }

    /// There was no room for the first after all.
    pub(crate) fn put_back(&mut self, waiting: Waiting) {
        self.0.push_front(waiting);
    }
}
