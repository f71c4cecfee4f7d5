//! What all objects of one client share: the client, who waits for what, and the news on their way to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use polymqtt_bridge::mqtt::{Error, ErrorKind, Event, StreamId};
use polymqtt_bridge::{Client, News, Pending};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

use crate::errors::OrRaise;
use crate::leaving::{calling, detached};
use crate::operation::{Operation, Waiters, add_waiter, wake};

/// Events that nobody takes are lost beyond these.
const EVENTS_KEPT: usize = 256;

/// A thread that blocks looks this often whether the program was interrupted.
const INTERRUPTED_WITHIN: Duration = Duration::from_millis(20);

pub(crate) struct Core {
    pub(crate) client: std::sync::Arc<Client>,
    pub(crate) pending: Pending<Py<Operation>>,
    /// Whose tasks wait; `None` for a client whose calls block.
    event_loop: Option<Py<PyAny>>,
    /// Tasks that found their stream empty: futures of the loop.
    readers: Mutex<BTreeMap<StreamId, Waiters>>,
    events: Mutex<VecDeque<Event>>,
    news: Mutex<News>,
    ended: AtomicBool,
    /// Whether the program has yet to be told of the end.
    untold_end: AtomicBool,
}

/// What draining has found.
pub(crate) struct Drained {
    /// Whether there was anything.
    pub(crate) told: bool,
    /// Whether there is something for the program itself: events, questions, or the end.
    pub(crate) for_program: bool,
}

impl Core {
    pub(crate) fn new(client: Client, event_loop: Option<Py<PyAny>>) -> Self {
        Self {
            client: client.into(),
            pending: Pending::default(),
            event_loop,
            readers: Mutex::default(),
            events: Mutex::default(),
            news: Mutex::default(),
            ended: AtomicBool::new(false),
            untold_end: AtomicBool::new(false),
        }
    }

    /// Takes the news to whom they concern.
    pub(crate) fn drain(&self, py: Python<'_>) -> Drained {
        // Out of the lock: Python may run anything while it is told.
        let mut news = std::mem::take(&mut *lock(&self.news));
        self.client.take(&mut news);
        let told = !news.is_empty();
        for (token, completion) in news.completions.drain(..) {
            if let Some(operation) = self.pending.remove(token) {
                operation.get().complete(py, completion);
            }
        }
        for token in news.accepted.drain(..) {
            if let Some(operation) = self.pending.with(token, |operation| operation.clone_ref(py)) {
                operation.get().is_accepted(py);
            }
        }
        for stream in news.readable.drain(..) {
            let readers = lock(&self.readers).remove(&stream);
            wake(py, readers.unwrap_or_default());
        }
        let mut events = lock(&self.events);
        events.extend(news.events.drain(..));
        let surplus = events.len().saturating_sub(EVENTS_KEPT);
        events.drain(..surplus);
        drop(events);
        if news.ended {
            self.end(py);
        }
        *lock(&self.news) = news;
        Drained { told, for_program: self.has_events() || self.client.has_questions() }
    }

    /// Takes the news of a client that has ended, which nobody else does; whether it has.
    pub(crate) fn drain_at_end(&self, py: Python<'_>) -> bool {
        let ended = self.ended.load(Ordering::Acquire);
        if ended {
            self.drain(py);
        }
        ended
    }

    pub(crate) fn take_events(&self) -> Vec<Event> {
        lock(&self.events).drain(..).collect()
    }

    /// Whether there are events that the program has not taken, the end among them.
    pub(crate) fn has_events(&self) -> bool {
        !lock(&self.events).is_empty() || self.untold_end.load(Ordering::Acquire)
    }

    /// Whether the program is to be told of the end; once.
    pub(crate) fn take_end(&self) -> bool {
        self.untold_end.swap(false, Ordering::AcqRel)
    }

    /// A future of the loop, to be yielded to it.
    pub(crate) fn future(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some(event_loop) = &self.event_loop else {
            return Err(PyRuntimeError::new_err(
                "a client of polymqtt.sync can't be awaited: its calls block",
            ));
        };
        calling(py, || {
            let future = event_loop.call_method0(py, intern!(py, "create_future"))?;
            future.setattr(py, intern!(py, "_asyncio_future_blocking"), true)?;
            Ok(future)
        })
    }

    /// A future that is done once the stream may have something.
    pub(crate) fn reader(&self, py: Python<'_>, stream: StreamId) -> PyResult<Py<PyAny>> {
        let future = self.future(py)?;
        let mut waiters = lock(&self.readers).remove(&stream).unwrap_or_default();
        add_waiter(py, &mut waiters, &future);
        lock(&self.readers).entry(stream).or_default().append(&mut waiters);
        if self.ended.load(Ordering::Acquire) {
            self.wake_readers(py);
        }
        Ok(future)
    }

    /// Wakes the tasks that wait for a stream that is closed here.
    pub(crate) fn stream_closed(&self, py: Python<'_>, stream: StreamId) {
        if self.client.check().is_err() {
            return;
        }
        let readers = lock(&self.readers).remove(&stream);
        wake(py, readers.unwrap_or_default());
        self.client.bell().pass_on();
    }

    /// Blocks this thread, not Python, until `look` has found something; `None` after the timeout.
    ///
    /// Whoever blocks takes the news for everybody who does, and passes on that there were some.
    pub(crate) fn block<T>(
        &self,
        py: Python<'_>,
        timeout: Option<Duration>,
        look: impl Fn() -> Option<T>,
    ) -> PyResult<Option<T>> {
        self.client.check().or_raise(py)?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let bell = self.client.bell();
        loop {
            let rings = bell.rings();
            if self.drain(py).told {
                // Others may wait for what was in these news.
                bell.pass_on();
            }
            if let Some(found) = look() {
                return Ok(Some(found));
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
            let until = now + INTERRUPTED_WITHIN;
            let until = deadline.map_or(until, |deadline| deadline.min(until));
            let _rings = detached(py, || bell.wait(rings, Some(until)));
            py.check_signals()?;
        }
    }

    /// No outcome will come any more.
    fn end(&self, py: Python<'_>) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.untold_end.store(true, Ordering::Release);
        }
        for operation in self.pending.drain() {
            operation.get().fail(py, Error::new(ErrorKind::Closed, "the client is closed"));
        }
        self.wake_readers(py);
    }

    fn wake_readers(&self, py: Python<'_>) {
        let readers = std::mem::take(&mut *lock(&self.readers));
        readers.into_values().for_each(|readers| wake(py, readers));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
