//! The client's only task: between the transport and the engine.
//!
//! A turn takes the lock once: it feeds what the transport gave, and takes what the engine has for it. Reading and
//! writing happen without the lock, and independently of each other: a peer that reads nothing until its own write
//! completes does not stop us.

#[cfg(all(test, polymqtt_loom))]
mod interleavings;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use polymqtt_proto::engine::{Action, Answer, Engine, RequestId};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::time::Timestamp;
use tokio::time::Sleep;

use crate::asking::Asking;
use crate::connect::Hooks;
use crate::packet_trace::PacketTrace;
use crate::parked::{Parked, Unparked, Wanted};
use crate::shared::Shared;
use crate::trace::Trace;
use crate::transport::{Connector, Transport};
use crate::wakes::Wakes;
use crate::wire::{Wire, lost};

/// Turns of one poll before other tasks of the runtime get theirs.
const TURNS: usize = 32;

/// Reads of what came before a connection broke; more only a hostile peer has.
const LAST_READS: usize = 16;

/// How long the last bytes may take to be written, and then the peer to close its side.
const CLOSING: Duration = Duration::from_secs(1);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    connector: Connector,
    hooks: Hooks,
    asking: Option<Asking>,
    link: Link,
    trace: Trace,
    inbox: BytesMut,
    news: News,
    sleep: Pin<Box<Sleep>>,
    /// When `sleep` fires; `None` when that is of no interest.
    armed: Option<Instant>,
    wakes: Wakes,
}

/// What the engine is to be told at the next turn.
#[derive(Default)]
struct News {
    opened: bool,
    written: usize,
    read: bool,
    closed: Option<Error>,
    deadline: bool,
    answer: Option<(RequestId, Answer)>,
}

enum Link {
    None,
    Opening(Pin<Box<dyn Future<Output = Result<Transport, Error>> + Send>>),
    Open(Box<Wire>),
    /// Writing what is left, then waiting for the peer to close.
    Closing {
        wire: Box<Wire>,
        until: Instant,
        shut: bool,
    },
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, connector: Connector, hooks: Hooks) -> Self {
        let client_id = shared.lock().map(|state| state.engine.client_id().to_owned()).unwrap_or_default();
        Self {
            trace: Trace::new(shared.span.clone(), &client_id),
            shared,
            connector,
            hooks,
            asking: None,
            link: Link::None,
            inbox: BytesMut::new(),
            news: News::default(),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
            wakes: Wakes::default(),
        }
    }

    /// One turn under the lock.
    fn turn(&mut self, waker: &Waker) -> Turn {
        let now = self.shared.now();
        let Ok(mut state) = self.shared.lock() else {
            return Turn::Ended;
        };
        match state.unpark(waker) {
            Unparked::Kept => {}
            Unparked::Wire(wire) => self.link = Link::Open(wire),
            Unparked::Lent => return Turn::Lent,
        }
        let news = std::mem::take(&mut self.news);
        if news.opened {
            state.engine.handle_opened(now);
        }
        if news.written > 0 {
            state.written = now;
            state.engine.handle_written(now, news.written);
        }
        if news.read || state.engine.has_unhandled() {
            state.engine.handle_bytes(now, &mut self.inbox);
        }
        if let Some(error) = news.closed {
            state.engine.handle_closed(now, error);
            self.inbox.clear();
        }
        if news.deadline || state.engine.deadline().is_some_and(|deadline| deadline <= now) {
            state.engine.handle_deadline(now);
        }
        if let Some((request, answer)) = news.answer {
            state.engine.answer(now, request, answer);
        }
        let asked: Vec<_> = std::iter::from_fn(|| state.engine.poll_request()).collect();
        while let Some(action) = state.engine.poll_action() {
            let link = std::mem::replace(&mut self.link, Link::None);
            if matches!(action, Action::Open(_)) {
                self.trace.opening();
            }
            self.link = act(link, action, &self.connector, &state.engine, &mut self.news);
        }
        state.make_room(&mut self.wakes);
        if let Link::Open(wire) | Link::Closing { wire, shut: false, .. } = &mut self.link
            && wire.is_clear()
        {
            state.engine.poll_transmit(&mut wire.transmit);
        }
        state.settle(&mut self.wakes);
        self.trace.take(&mut state.untold);
        let ended = state.engine.is_ended() && matches!(self.link, Link::None);
        let wanted = Wanted::by(&state.engine);
        // A question that nobody waits for any more is ended.
        let unasked = self.asking.take_if(|asking| !state.engine.is_asking(asking.request()));
        drop(state);
        drop(unasked);
        // First, so that whoever learns of the end finds it told.
        self.trace.tell();
        self.wakes.wake();
        for (id, request) in asked {
            self.asking = Some(Asking::start(id, request, &self.hooks));
        }
        if ended { Turn::Ended } else { Turn::Over(wanted) }
    }

    /// What the asked have answered.
    fn hear(&mut self, cx: &mut Context<'_>) {
        if let Some(asking) = &mut self.asking
            && let Poll::Ready(answer) = asking.poll(cx)
        {
            self.news.answer = Some((asking.request(), answer));
            self.asking = None;
        }
    }

    /// Moves bytes both ways, as far as the transport goes; whether there is news for the engine.
    fn transfer(&mut self, cx: &mut Context<'_>, reading: bool) -> bool {
        self.hear(cx);
        match &mut self.link {
            Link::None => {}
            Link::Opening(opening) => {
                if let Poll::Ready(outcome) = opening.as_mut().poll(cx) {
                    match outcome {
                        Ok(transport) => {
                            self.trace.opened();
                            let packets = PacketTrace::begin(self.trace.connection());
                            self.link = Link::Open(Wire::new(transport, packets));
                            self.news.opened = true;
                        }
                        Err(error) => self.lost(error),
                    }
                }
            }
            Link::Open(_) => {
                self.write(cx);
                if reading {
                    self.read(cx);
                }
            }
            Link::Closing { .. } => self.close(cx),
        }
        self.news.any()
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        let (Link::Open(wire) | Link::Closing { wire, .. }) = &mut self.link else {
            return;
        };
        if let Err(error) = wire.write(cx, &mut self.news.written) {
            // What the server said before it closed is still there to be read: mostly why.
            for _ in 0..LAST_READS {
                if !self.read(cx) {
                    break;
                }
            }
            self.lost(error);
        }
    }

    /// Reads once; whether something came.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let Link::Open(wire) = &mut self.link else {
            return false;
        };
        match wire.read(cx, &mut self.inbox) {
            Poll::Pending => {
                if self.inbox.is_empty() {
                    // An idle connection holds no read buffer.
                    self.inbox = BytesMut::new();
                }
                false
            }
            Poll::Ready(Ok(_bytes)) => {
                self.news.read = true;
                true
            }
            Poll::Ready(Err(error)) => {
                self.lost(error);
                false
            }
        }
    }

    /// Writes what is left, shuts writing down, reads to the end: an early close could reach the server as a reset.
    fn close(&mut self, cx: &mut Context<'_>) {
        if let Link::Closing { shut: false, .. } = self.link {
            self.write(cx);
        }
        let Link::Closing { wire, until, shut } = &mut self.link else {
            return;
        };
        if !*shut {
            if !wire.is_clear() || self.news.written > 0 {
                // The engine may have more; the next turn tells.
                return self.give_up_closing();
            }
            if wire.shut_down(cx).is_pending() {
                return self.give_up_closing();
            }
            *shut = true;
            *until = Instant::now() + CLOSING;
        }
        loop {
            self.inbox.clear();
            match wire.read(cx, &mut self.inbox) {
                Poll::Pending => return self.give_up_closing(),
                Poll::Ready(Err(_)) => return self.lost(lost("the connection was closed in order")),
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    fn give_up_closing(&mut self) {
        if let Link::Closing { until, .. } = &self.link
            && *until <= Instant::now()
        {
            self.lost(lost("the server did not close its side"));
        }
    }

    /// Rests until it is woken, and leaves the wire to whoever has something to send meanwhile. Not where something came
    /// up since the turn: that had nobody to wake.
    fn park(&mut self, waker: &Waker, wanted: Wanted) -> bool {
        let Ok(mut state) = self.shared.lock() else {
            return false;
        };
        let engine = &state.engine;
        let writable = matches!(&self.link, Link::Open(wire) if wire.is_clear());
        let missed = (engine.is_ended() && matches!(self.link, Link::None))
            || engine.has_actions()
            || engine.has_questions()
            || engine.has_unhandled()
            || (writable && engine.has_transmit())
            || wanted != Wanted::by(engine);
        if missed {
            return false;
        }
        let wire = match std::mem::replace(&mut self.link, Link::None) {
            Link::Open(mut wire) if writable => {
                wire.shrink();
                Some(wire)
            }
            link => {
                self.link = link;
                None
            }
        };
        state.park(Parked::new(waker.clone(), wanted, wire));
        true
    }

    fn lost(&mut self, error: Error) {
        self.link = Link::None;
        self.news.closed = Some(error);
    }

    /// Sleeps until the deadline; whether it has passed already. A timer that fires too early is left alone: that
    /// costs less than setting it anew each time.
    fn sleep(&mut self, cx: &mut Context<'_>, deadline: Option<Timestamp>) -> bool {
        let engine = deadline.map(|deadline| self.shared.instant(deadline));
        let closing = match &self.link {
            Link::Closing { until, .. } => Some(*until),
            _ => None,
        };
        let Some(wanted) = [engine, closing].into_iter().flatten().min() else {
            return false;
        };
        if self.armed.is_none_or(|armed| wanted < armed) {
            self.sleep.as_mut().reset(wanted.into());
            self.armed = Some(wanted);
        }
        if self.sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.armed = None;
        true
    }
}

/// How a turn went.
enum Turn {
    Over(Wanted),
    /// Not at all: a handle writes with the wire, and wakes the driver afterwards.
    Lent,
    /// The client has ended.
    Ended,
}

impl News {
    fn any(&self) -> bool {
        self.opened
            || self.written > 0
            || self.read
            || self.closed.is_some()
            || self.deadline
            || self.answer.is_some()
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = self.get_mut();
        for _ in 0..TURNS {
            let wanted = match driver.turn(cx.waker()) {
                Turn::Over(wanted) => wanted,
                Turn::Lent => return Poll::Pending,
                Turn::Ended => return Poll::Ready(()),
            };
            if driver.transfer(cx, wanted.reading) {
                continue;
            }
            if driver.sleep(cx, wanted.deadline) {
                driver.news.deadline = true;
                continue;
            }
            if driver.park(cx.waker(), wanted) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Driver {
    /// In order, by a panic, or with its runtime: nobody goes on waiting for a driver that is gone.
    fn drop(&mut self) {
        self.shared.close(Error::new(ErrorKind::Closed, "the client's task was ended with its runtime"));
        self.shared.take_untold(&mut self.trace);
        self.trace.tell();
    }
}

fn act(link: Link, action: Action, connector: &Connector, engine: &Engine, news: &mut News) -> Link {
    match (action, link) {
        (Action::Open(server), _) => {
            Link::Opening(Box::pin(connector.clone().open(server, engine.websocket_headers())))
        }
        (Action::Shutdown, Link::Open(wire)) => {
            Link::Closing { wire, until: Instant::now() + CLOSING, shut: false }
        }
        (Action::Shutdown | Action::Abort, _) => {
            news.closed = Some(lost("the connection was given up"));
            Link::None
        }
    }
}
