//! The client's only task: between the transport and the engine.
//!
//! A turn takes the lock once: it feeds what the transport gave, and takes what the engine has for it. Reading and
//! writing happen without the lock, and independently of each other: a peer that reads nothing until its own write
//! completes does not stop us.

#[cfg(all(test, polymqtt_loom))]
mod interleavings;

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use polymqtt_proto::codec::missing;
use polymqtt_proto::engine::{Action, Answer, Engine, RequestId, Transmit};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::Sleep;

use crate::asking::Asking;
use crate::connect::Hooks;
use crate::packet_trace::PacketTrace;
use crate::shared::Shared;
use crate::trace::Trace;
use crate::transport::{Connector, Transport};
use crate::wakes::Wakes;

/// Turns of one poll before other tasks of the runtime get theirs.
const TURNS: usize = 32;

/// Bytes asked of the transport at once. Bigger is not faster: see the benchmarks.
const READ_SIZE: usize = 128 * 1024;

/// Buffers above this are given back when there is nothing to do.
const KEPT_CAPACITY: usize = 4 * 1024;

/// Pieces of one vectored write.
const PIECES: usize = 64;

/// How long the last bytes may take to be written, and then the peer to close its side.
const CLOSING: Duration = Duration::from_secs(1);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    connector: Connector,
    hooks: Hooks,
    asking: Option<Asking>,
    link: Link,
    outgoing: Outgoing,
    trace: Trace,
    /// Where somebody wants to see the packets of this connection.
    packets: Option<Box<PacketTrace>>,
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

/// Bytes of the engine on their way into the transport.
#[derive(Default)]
struct Outgoing {
    transmit: Transmit,
    /// Bytes of the transmit's tail that were written.
    tail_written: usize,
}

enum Link {
    None,
    Opening(Pin<Box<dyn Future<Output = Result<Transport, Error>> + Send>>),
    Open(Transport),
    /// Writing what is left, then waiting for the peer to close.
    Closing {
        transport: Transport,
        until: Instant,
        shut: bool,
    },
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, connector: Connector, hooks: Hooks) -> Self {
        let client_id = shared.lock().map(|state| state.engine.client_id().to_owned()).unwrap_or_default();
        Self {
            trace: Trace::new(shared.span.clone(), &client_id),
            packets: None,
            shared,
            connector,
            hooks,
            asking: None,
            link: Link::None,
            outgoing: Outgoing::default(),
            inbox: BytesMut::new(),
            news: News::default(),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
            wakes: Wakes::default(),
        }
    }

    /// One turn under the lock. Whether there is anything to write, whether to read, and when to look again;
    /// `None` at the end of the client.
    fn turn(&mut self) -> Option<Turn> {
        let now = self.shared.now();
        let news = std::mem::take(&mut self.news);
        let Ok(mut state) = self.shared.lock() else {
            return None;
        };
        state.unpark();
        if news.opened {
            state.engine.handle_opened(now);
        }
        if news.written > 0 {
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
        let open = matches!(self.link, Link::Open(_) | Link::Closing { shut: false, .. });
        if !open {
            // What was left for one connection must not reach the next.
            self.outgoing.clear();
        } else if self.outgoing.is_empty() {
            state.engine.poll_transmit(&mut self.outgoing.transmit);
        }
        state.settle(&mut self.wakes);
        self.trace.take(&mut state.untold);
        state.make_room(&mut self.wakes);
        let turn = Turn {
            reading: state.engine.wants_read(),
            deadline: state.engine.deadline(),
            ended: state.engine.is_ended() && matches!(self.link, Link::None),
        };
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
        Some(turn)
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
                            self.link = Link::Open(transport);
                            self.trace.opened();
                            self.packets = PacketTrace::begin(self.trace.connection());
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
        let (Link::Open(transport) | Link::Closing { transport, .. }) = &mut self.link else {
            return;
        };
        while !self.outgoing.is_empty() {
            let written = match self.outgoing.write(transport, cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.lost(lost("the connection takes no more bytes")),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return self.lost(io_error(&error)),
            };
            self.news.written += written;
            if let Some(packets) = &mut self.packets {
                self.outgoing.first(written).for_each(|bytes| packets.sent(bytes));
            }
            self.outgoing.advance(written);
        }
        // A TLS session may hold bytes back until it is asked.
        if let Poll::Ready(Err(error)) = Pin::new(transport).poll_flush(cx) {
            self.lost(io_error(&error));
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) {
        let Link::Open(transport) = &mut self.link else {
            return;
        };
        match read_some(transport, cx, &mut self.inbox) {
            Poll::Pending => {
                if self.inbox.is_empty() {
                    // An idle connection holds no read buffer.
                    self.inbox = BytesMut::new();
                }
            }
            Poll::Ready(Ok(0)) => self.lost(lost("the server closed the connection")),
            Poll::Ready(Ok(read)) => {
                if let Some(packets) = &mut self.packets {
                    let start = self.inbox.len().saturating_sub(read);
                    packets.received(self.inbox.get(start..).unwrap_or_default());
                }
                self.news.read = true;
            }
            Poll::Ready(Err(error)) => self.lost(io_error(&error)),
        }
    }

    /// Writes what is left, shuts writing down, reads to the end: an early close could reach the server as a reset.
    fn close(&mut self, cx: &mut Context<'_>) {
        if let Link::Closing { shut: false, .. } = self.link {
            self.write(cx);
            if !self.outgoing.is_empty() || self.news.written > 0 {
                // The engine may have more; the next turn tells.
                return self.give_up_closing();
            }
        }
        let Link::Closing { transport, until, shut } = &mut self.link else {
            return;
        };
        if !*shut {
            match Pin::new(&mut *transport).poll_shutdown(cx) {
                Poll::Pending => return self.give_up_closing(),
                Poll::Ready(_) => {
                    *shut = true;
                    *until = Instant::now() + CLOSING;
                }
            }
        }
        loop {
            self.inbox.clear();
            match read_some(transport, cx, &mut self.inbox) {
                Poll::Pending => return self.give_up_closing(),
                Poll::Ready(Ok(0) | Err(_)) => return self.lost(lost("the connection was closed in order")),
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

    fn lost(&mut self, error: Error) {
        self.link = Link::None;
        self.outgoing.clear();
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

struct Turn {
    reading: bool,
    deadline: Option<Timestamp>,
    ended: bool,
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

impl Outgoing {
    fn is_empty(&self) -> bool {
        self.transmit.is_empty()
    }

    fn write(&self, transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let transport = Pin::new(transport);
        let Transmit { chunks, tail } = &self.transmit;
        let tail = tail.get(self.tail_written..).unwrap_or_default();
        if chunks.is_empty() {
            return transport.poll_write(cx, tail);
        }
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let bytes = chunks.iter().map(|chunk| &chunk[..]).chain([tail]);
        let count = pieces.iter_mut().zip(bytes).map(|(piece, bytes)| *piece = IoSlice::new(bytes)).count();
        transport.poll_write_vectored(cx, pieces.get(..count).unwrap_or_default())
    }

    /// The first `bytes` of what is left, in pieces.
    fn first(&self, mut bytes: usize) -> impl Iterator<Item = &[u8]> {
        let tail = self.transmit.tail.get(self.tail_written..).unwrap_or_default();
        let pieces = self.transmit.chunks.iter().map(|chunk| &chunk[..]).chain([tail]);
        pieces.filter_map(move |piece| {
            let taken = bytes.min(piece.len());
            bytes -= taken;
            piece.get(..taken).filter(|taken| !taken.is_empty())
        })
    }

    /// Takes written bytes off.
    fn advance(&mut self, mut written: usize) {
        let Transmit { chunks, tail } = &mut self.transmit;
        while let Some(chunk) = chunks.front_mut() {
            if written < chunk.len() {
                return chunk.advance(written);
            }
            written -= chunk.len();
            chunks.pop_front();
        }
        self.tail_written += written;
        if self.tail_written >= tail.len() {
            // Cleared rather than advanced: the buffer keeps its whole capacity.
            tail.clear();
            self.tail_written = 0;
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives a big buffer back before a rest.
    fn shrink(&mut self) {
        if self.is_empty() && self.transmit.tail.capacity() > KEPT_CAPACITY {
            self.transmit.tail = BytesMut::new();
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = self.get_mut();
        for _ in 0..TURNS {
            let Some(turn) = driver.turn() else {
                return Poll::Ready(());
            };
            if turn.ended {
                return Poll::Ready(());
            }
            if driver.transfer(cx, turn.reading) {
                continue;
            }
            if driver.sleep(cx, turn.deadline) {
                driver.news.deadline = true;
                continue;
            }
            let Ok(mut state) = driver.shared.lock() else {
                return Poll::Ready(());
            };
            // Whatever came up since the turn had nobody to wake: look again before the rest.
            let writable = matches!(driver.link, Link::Open(_)) && driver.outgoing.is_empty();
            let ended = state.engine.is_ended() && matches!(driver.link, Link::None);
            let missed = ended
                || state.engine.has_actions()
                || state.engine.has_questions()
                || state.engine.has_unhandled()
                || (writable && state.engine.has_transmit())
                || state.engine.wants_read() != turn.reading
                || state.engine.deadline() != turn.deadline;
            if missed {
                continue;
            }
            state.park(cx.waker(), turn.reading);
            drop(state);
            driver.outgoing.shrink();
            return Poll::Pending;
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
        (Action::Shutdown, Link::Open(transport)) => {
            Link::Closing { transport, until: Instant::now() + CLOSING, shut: false }
        }
        (Action::Shutdown | Action::Abort, _) => {
            news.closed = Some(lost("the connection was given up"));
            Link::None
        }
    }
}

fn read_some(
    transport: &mut Transport,
    cx: &mut Context<'_>,
    inbox: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    make_room_to_read(inbox);
    let reading = pin!(transport.read_buf(inbox));
    reading.poll(cx)
}

/// A large packet is read to where it stays: growing step by step copied each MiB twice. What its length promises is
/// believed for eight times of what has come, so that bytes cost memory and promises don't.
fn make_room_to_read(inbox: &mut BytesMut) {
    let spare = inbox.capacity() - inbox.len();
    match missing(inbox) {
        Some(missing) if missing > READ_SIZE / 2 => {
            inbox.reserve(missing.min(8 * inbox.len()).max(READ_SIZE));
        }
        // The rest of a large one.
        Some(missing) if missing <= spare && inbox.len() >= READ_SIZE => {}
        _ => inbox.reserve(READ_SIZE),
    }
}

fn lost(what: &str) -> Error {
    Error::new(ErrorKind::Transport, what)
}

fn io_error(error: &io::Error) -> Error {
    let known = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let unknown = || Error::new(ErrorKind::Transport, format!("the connection was lost: {error}"));
    known.cloned().unwrap_or_else(unknown)
}
