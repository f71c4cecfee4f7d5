//! Many messages on their way into the engine: as many under one lock as there is room for.

use std::sync::Arc;
use std::task::{Context, Poll};

use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;

use crate::publish::{Delivery, accept};
use crate::room::Ticket;
use crate::shared::Shared;

/// Messages that are accepted before others get a turn at the lock.
const TURN: usize = 256;

/// Who waits for room waits for all its messages, and offers them when it is first: with a place in line for each, each
/// would cost a wake-up.
pub(crate) struct Batch<'a, I: Iterator<Item = Message>> {
    shared: &'a Arc<Shared>,
    messages: I,
    /// The one that found no room.
    next: Option<Message>,
    wait_for_room: bool,
    ticket: Option<Ticket>,
    pub(crate) deliveries: Vec<Delivery>,
}

/// How a turn ended.
enum Turn {
    /// Others may have theirs.
    Over,
    Waits,
    /// There are no more messages.
    Done,
}

impl<'a, I: Iterator<Item = Message>> Batch<'a, I> {
    pub(crate) fn new(shared: &'a Arc<Shared>, wait_for_room: bool, messages: I) -> Self {
        let deliveries = Vec::with_capacity(messages.size_hint().0);
        Self { shared, messages, next: None, wait_for_room, ticket: None, deliveries }
    }

    /// Ready once all messages are accepted, or with what is wrong with the first that is not.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            match self.turn(cx)? {
                Turn::Over => {}
                Turn::Waits => return Poll::Pending,
                Turn::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    fn turn(&mut self, cx: &Context<'_>) -> Result<Turn, Error> {
        let Self { shared, messages, next, wait_for_room, ticket, deliveries } = self;
        let now = shared.now();
        shared.with(|state, wakes| {
            let mut turn = Turn::Over;
            for _ in 0..TURN {
                let Some(message) = next.take().or_else(|| messages.next()) else {
                    turn = Turn::Done;
                    break;
                };
                let is_turn = match *ticket {
                    Some(ticket) => state.room.is_turn(ticket, cx.waker()),
                    None => state.room.is_empty(),
                };
                if !is_turn {
                    *next = Some(message);
                    ticket.get_or_insert_with(|| state.room.join(cx.waker(), None));
                    return Ok(Turn::Waits);
                }
                match accept(state, now, message, None) {
                    Ok(token) => deliveries.push(Delivery::new(shared, token)),
                    Err(rejected) if rejected.error.kind() == ErrorKind::QueueFull && *wait_for_room => {
                        *next = Some(rejected.message);
                        ticket.get_or_insert_with(|| state.room.join(cx.waker(), None));
                        return Ok(Turn::Waits);
                    }
                    Err(rejected) => return Err(rejected.error),
                }
            }
            // To the end of the line, if there is more.
            if let Some(ticket) = ticket.take() {
                state.leave_line(ticket, wakes);
            }
            Ok(turn)
        })?
    }
}

impl<I: Iterator<Item = Message>> Drop for Batch<'_, I> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // Closed: there is no line any more.
            let _closed = self.shared.with(|state, wakes| state.leave_line(ticket, wakes));
        }
    }
}
