//! What happens to the connection, for those who listen.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use polymqtt_proto::engine::Event;

use crate::sync::Mutex;
use crate::wakes::Wakes;

/// A listener that does not read loses the oldest events beyond these.
const KEPT: usize = 256;

/// The events of a client from the moment of [`Client::events`](crate::Client::events) on.
///
/// A listener that falls more than 256 events behind loses the oldest.
#[derive(Debug)]
pub struct Events(Arc<Mutex<Inbox>>);

#[derive(Debug, Default)]
struct Inbox {
    events: VecDeque<Event>,
    waker: Option<Waker>,
    closed: bool,
}

impl Events {
    /// Events of a client that is closed: there are none.
    pub(crate) fn closed() -> Self {
        Self(Arc::new(Mutex::new(Inbox { closed: true, ..Inbox::default() })))
    }

    /// The next event; `None` once the client is closed. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`Events::recv`], for use in a `poll` function.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = inbox.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if inbox.closed {
            return Poll::Ready(None);
        }
        inbox.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Everyone who listens.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    inboxes: Vec<std::sync::Weak<Mutex<Inbox>>>,
    closed: bool,
}

impl Listeners {
    pub(crate) fn add(&mut self) -> Events {
        if self.closed {
            return Events::closed();
        }
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        self.inboxes.push(Arc::downgrade(&inbox));
        Events(inbox)
    }

    pub(crate) fn tell(&mut self, event: &Event, wakes: &mut Wakes) {
        self.each(|inbox| {
            if inbox.events.len() == KEPT {
                inbox.events.pop_front();
            }
            inbox.events.push_back(event.clone());
            wakes.push(inbox.waker.take());
        });
    }

    pub(crate) fn close(&mut self, wakes: &mut Wakes) {
        self.closed = true;
        self.each(|inbox| {
            inbox.closed = true;
            wakes.push(inbox.waker.take());
        });
    }

    fn each(&mut self, mut act: impl FnMut(&mut Inbox)) {
        self.inboxes.retain(|listener| {
            let Some(inbox) = listener.upgrade() else { return false };
            act(&mut inbox.lock().unwrap_or_else(PoisonError::into_inner));
            true
        });
    }
}
