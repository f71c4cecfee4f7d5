//! What handles and the driver share: one lock around the engine and everyone who waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use polymqtt_proto::engine::{Completion, DisconnectOptions, Engine, StreamId, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::time::Timestamp;
use tracing::Span;

use crate::bridged::{Gathering, News};
use crate::events::Listeners;
use crate::operations::Operations;
use crate::parked::Parked;
use crate::room::{Offered, Room, Ticket};
use crate::sync::{Mutex, MutexGuard};
use crate::trace::{Trace, Untold, client_span};
use crate::wakes::Wakes;

/// How long the orderly disconnect of a dropped client may go on delivering.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// Handles and driver meet here.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Of the client.
    pub(crate) span: Span,
    origin: Instant,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) engine: Engine,
    pub(crate) operations: Operations,
    pub(crate) room: Room,
    pub(crate) listeners: Listeners,
    pub(crate) untold: Untold,
    /// Where a bridge takes the outcomes instead of operations, receivers and listeners.
    pub(crate) gathering: Option<Box<Gathering>>,
    /// Receivers that found their stream empty.
    receivers: BTreeMap<StreamId, Waker>,
    /// The driver, when it has nothing to do.
    pub(crate) parked: Option<Parked>,
    /// When something was last written.
    pub(crate) written: Timestamp,
}

impl Shared {
    pub(crate) fn new(engine: Engine, origin: Instant) -> Self {
        let span = client_span(engine.client_id());
        let state = State {
            engine,
            operations: Operations::default(),
            room: Room::default(),
            listeners: Listeners::default(),
            untold: Untold::default(),
            gathering: None,
            receivers: BTreeMap::new(),
            parked: None,
            written: Timestamp::ZERO,
        };
        Self { state: Mutex::new(state), span, origin }
    }

    /// The engine's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.timestamp(Instant::now())
    }

    pub(crate) fn timestamp(&self, instant: Instant) -> Timestamp {
        Timestamp::ZERO + instant.saturating_duration_since(self.origin)
    }

    pub(crate) fn instant(&self, timestamp: Timestamp) -> Instant {
        let since = timestamp.since(Timestamp::ZERO);
        // A deadline that is further than an Instant reaches is none in practice.
        self.origin.checked_add(since).unwrap_or_else(|| self.origin + Duration::from_secs(1 << 30))
    }

    /// Takes the lock. A panic under it has left the engine in an unknown state: the client is closed then.
    #[inline]
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, State>, Error> {
        let poisoned = |_| Error::new(ErrorKind::Closed, "the client was closed by a panic inside it");
        self.state.lock().map_err(poisoned)
    }

    /// Runs `act` under the lock, and tells everyone whom its outcome concerns. What there is to send is written at once
    /// where the driver is at rest, and else by the driver.
    #[inline]
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State, &mut Wakes) -> T) -> Result<T, Error> {
        let mut wakes = Wakes::default();
        let mut state = self.lock()?;
        let outcome = act(&mut state, &mut wakes);
        state.settle(&mut wakes);
        let loan = state.kick(self, &mut wakes);
        drop(state);
        if let Some(loan) = loan {
            loan.write();
        }
        Ok(outcome)
    }

    /// The outcome of an operation, once.
    pub(crate) fn poll_operation(&self, token: Token, cx: &Context<'_>) -> Poll<Result<Completion, Error>> {
        let mut state = self.lock()?;
        let closed = || Error::new(ErrorKind::Closed, "the outcome was told before");
        state.operations.poll(token, cx).map(|completion| completion.ok_or_else(closed))
    }

    /// Nobody waits for the operation any more; it goes on.
    pub(crate) fn forget(&self, token: Token) {
        if let Ok(mut state) = self.state.lock() {
            state.operations.forget(token);
        }
    }

    /// Events that `tracing` was not told of, as at the end of the driver.
    pub(crate) fn take_untold(&self, trace: &mut Trace) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        trace.take(&mut state.untold);
    }

    /// What has gathered for a bridge, even where a panic has ended the client.
    pub(crate) fn take_news(&self, news: &mut News) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gathering) = &mut state.gathering {
            gathering.take(news);
        }
    }

    /// There is no driver any more: everyone who waits, and who will, learns it.
    pub(crate) fn close(&self, error: Error) {
        let mut wakes = Wakes::default();
        let now = self.now();
        let mut state = match self.state.lock() {
            Ok(mut state) => {
                state.engine.close(now, error);
                state.settle(&mut wakes);
                state.make_room(&mut wakes);
                state
            }
            // What a panic has left of the engine is not asked any more.
            Err(poisoned) => poisoned.into_inner(),
        };
        // With the wire, which is closed by that.
        let _parked = state.parked.take();
        state.operations.wakers().for_each(|waker| wakes.push(Some(waker)));
        state.room.drain().for_each(|waker| wakes.push(Some(waker)));
        state.listeners.close(&mut wakes);
        if let Some(gathering) = &mut state.gathering {
            gathering.end(&mut wakes);
        }
        for (_, waker) in std::mem::take(&mut state.receivers) {
            wakes.push(Some(waker));
        }
    }
}

impl State {
    /// Tells everyone what the engine has for them: mostly nothing.
    #[inline]
    pub(crate) fn settle(&mut self, wakes: &mut Wakes) {
        if self.engine.has_news() {
            self.tell(wakes);
        }
    }

    fn tell(&mut self, wakes: &mut Wakes) {
        if let Some(gathering) = &mut self.gathering {
            return gathering.gather(&mut self.engine, |event| self.untold.push(event), wakes);
        }
        while let Some((token, completion)) = self.engine.poll_completion() {
            wakes.push(self.operations.complete(token, completion));
        }
        while let Some(stream) = self.engine.poll_readable() {
            wakes.push(self.receivers.remove(&stream));
        }
        while let Some(event) = self.engine.poll_event() {
            self.listeners.tell(&event, wakes);
            self.untold.push(event);
        }
    }

    /// Has the engine take what waits in line for room in the queue, as far as there is some.
    #[inline]
    pub(crate) fn make_room(&mut self, wakes: &mut Wakes) {
        if let Some(gathering) = &mut self.gathering {
            return gathering.tell_of_room(|| self.engine.has_room(), wakes);
        }
        if !self.room.is_empty() {
            self.serve_line(wakes);
        }
    }

    fn serve_line(&mut self, wakes: &mut Wakes) {
        while self.engine.has_room()
            && let Some(mut place) = self.room.take_first()
        {
            let Some(offer) = place.offer.take() else {
                wakes.push(Some(place.waker.clone()));
                return self.room.put_back(place);
            };
            // The engine's last time is that of whatever has made the room.
            let outcome = match offer.make(self, Timestamp::ZERO) {
                Ok(Offered::Full(_, offer)) => {
                    place.offer = Some(offer);
                    return self.room.put_back(place);
                }
                Ok(Offered::Accepted(token)) => Ok(token),
                Err(error) => Err(error),
            };
            wakes.push(Some(self.room.serve(place, outcome)));
        }
    }

    /// Nobody waits at this place in the line for room any more; gives the outcome where it was served meanwhile.
    pub(crate) fn leave_line(&mut self, ticket: Ticket, wakes: &mut Wakes) -> Option<Result<Token, Error>> {
        let outcome = self.room.leave(ticket);
        self.make_room(wakes);
        outcome
    }

    /// A receiver found its stream empty.
    pub(crate) fn wait_to_receive(&mut self, stream: StreamId, waker: &Waker) {
        match self.receivers.get_mut(&stream) {
            Some(known) => known.clone_from(waker),
            None => {
                self.receivers.insert(stream, waker.clone());
            }
        }
    }
}

/// Held by every handle that keeps the client connected; dropping the last one disconnects in order.
#[derive(Debug)]
pub(crate) struct KeepConnected(pub(crate) Arc<Shared>);

impl Drop for KeepConnected {
    fn drop(&mut self) {
        let now = self.0.now();
        let options = DisconnectOptions { timeout: DROP_TIMEOUT, ..DisconnectOptions::default() };
        // Closed already: nothing is left to do.
        let _closed = self.0.with(|state, _| state.engine.disconnect(now, options, Token::NONE));
    }
}
