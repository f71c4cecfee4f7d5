//! The door for bridges to other languages: outcomes are gathered and taken together, instead of awaited one by one.
//!
//! A bridge names each operation by a [`Token`] of its own and speaks to the [`Engine`] itself; this side has the
//! sockets, the driver and the lock. Messages stay in the engine's streams until they are asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use polymqtt_proto::engine::{Completion, Engine, Event, StreamId, Token};
use polymqtt_proto::error::Error;
use polymqtt_proto::time::Timestamp;

use crate::client::Client;
use crate::connect::Connect;
use crate::shared::{KeepConnected, Shared, State};
use crate::trace;
use crate::wakes::Wakes;

/// A host that takes no events loses the oldest beyond these.
const EVENTS_KEPT: usize = 256;

/// A client whose host is told once that there is news, and then takes all of it. Cloning gives another handle to the
/// same one; dropping the last handle disconnects in order.
#[derive(Debug, Clone)]
pub struct Bridged {
    handle: Arc<KeepConnected>,
    waits_for_room: bool,
}

/// What a bridge was not told yet.
#[derive(Debug, Default)]
pub struct News {
    /// The outcomes of operations, each once.
    pub completions: Vec<(Token, Completion)>,
    /// Streams that have become readable, or have ended: told once, until one is found empty.
    pub readable: Vec<StreamId>,
    /// What happened to the connection; of more than 256 the oldest are lost.
    pub events: VecDeque<Event>,
    /// Whether publishing is worth another try; told once after [`Bridged::await_room`].
    pub room: bool,
    /// Whether the client has ended: nothing follows.
    pub ended: bool,
}

/// News that gather under the lock.
#[derive(Debug)]
pub(crate) struct Gathering {
    news: News,
    awaits_room: bool,
    waker: Waker,
    /// Whether the host was told, and has not taken the news yet.
    told: bool,
}

impl Bridged {
    /// Makes the client, within a tokio runtime, without connecting yet. `waker` is woken, outside the client's lock,
    /// when there is news after there was none.
    ///
    /// # Errors
    /// As [`Connect::prepare`].
    pub fn prepare(connect: Connect, waker: Waker) -> Result<Self, Error> {
        let Client { handle, wait_for_room } = connect.prepare()?;
        let bridged = Self { handle, waits_for_room: wait_for_room };
        bridged.shared().lock()?.gather_for(waker);
        Ok(bridged)
    }

    /// Whether a publish that finds the queue full is to wait for room: [`WhenFull::Wait`](crate::WhenFull::Wait).
    #[must_use]
    pub fn waits_for_room(&self) -> bool {
        self.waits_for_room
    }

    /// The engine's time, for [`Bridged::with`].
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared().now()
    }

    /// Speaks to the engine under the lock, and sends what comes of it on its way.
    ///
    /// # Errors
    /// That a panic has closed the client.
    #[inline]
    pub fn with<T>(&self, act: impl FnOnce(&mut Engine) -> T) -> Result<T, Error> {
        self.shared().with(|state, wakes| {
            let outcome = act(&mut state.engine);
            // A message that was withdrawn leaves room.
            state.make_room(wakes);
            outcome
        })
    }

    /// Begins to authenticate again; the outcome is a [`Completion::Reauthenticated`].
    ///
    /// # Errors
    /// As [`Client::reauthenticate`](crate::Client::reauthenticate) at once.
    pub fn reauthenticate(&self, token: Token) -> Result<(), Error> {
        let now = self.now();
        self.shared().with(|state, wakes| {
            state.kick_to_ask(wakes);
            state.engine.reauthenticate(now, token)
        })?
    }

    /// Asks to be told of room in the queue: at once where there is some.
    ///
    /// # Errors
    /// As [`Bridged::with`].
    pub fn await_room(&self) -> Result<(), Error> {
        self.shared().with(|state, wakes| {
            if let Some(gathering) = &mut state.gathering {
                gathering.awaits_room = true;
            }
            state.make_room(wakes);
        })
    }

    /// Swaps the news into `news`, which should be empty: its memory comes back into use.
    pub fn take(&self, news: &mut News) {
        let shared = self.shared();
        shared.take_news(news);
        for (_, completion) in &news.completions {
            if let Completion::Subscribed(outcome) = completion {
                trace::subscribed(&shared.span, outcome.as_deref());
            }
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }
}

impl Gathering {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { news: News::default(), awaits_room: false, waker, told: false }
    }

    pub(crate) fn gather(&mut self, engine: &mut Engine, mut event: impl FnMut(Event), wakes: &mut Wakes) {
        let News { completions, readable, events, .. } = &mut self.news;
        completions.extend(std::iter::from_fn(|| engine.poll_completion()));
        readable.extend(std::iter::from_fn(|| engine.poll_readable()));
        while let Some(happened) = engine.poll_event() {
            if events.len() == EVENTS_KEPT {
                events.pop_front();
            }
            events.push_back(happened.clone());
            event(happened);
        }
        self.wake(wakes);
    }

    pub(crate) fn tell_of_room(&mut self, has_room: impl FnOnce() -> bool, wakes: &mut Wakes) {
        if self.awaits_room && has_room() {
            self.awaits_room = false;
            self.news.room = true;
            self.wake(wakes);
        }
    }

    pub(crate) fn end(&mut self, wakes: &mut Wakes) {
        self.news.ended = true;
        self.wake(wakes);
    }

    pub(crate) fn take(&mut self, news: &mut News) {
        std::mem::swap(&mut self.news, news);
        self.told = false;
    }

    fn wake(&mut self, wakes: &mut Wakes) {
        if !self.told {
            self.told = true;
            wakes.push(Some(self.waker.clone()));
        }
    }
}

impl State {
    fn gather_for(&mut self, waker: Waker) {
        self.gathering = Some(Box::new(Gathering::new(waker)));
    }
}
