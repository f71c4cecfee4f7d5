//! Operations that a program may wait for: by `await`, or by blocking.
//!
//! An operation acts as a coroutine of asyncio (it has `send`, `throw` and `close`), so that `await`, `gather`,
//! `wait_for` and `create_task` take it as it is. A future of the loop is made only where somebody waits for an outcome
//! that is not there yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use polymqtt_bridge::mqtt::{Completion, Error, ErrorKind, Message, QoS, Token};
use polymqtt_bridge::{Offer, Offered};
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::core::Core;
use crate::coroutine::{Turn, thrown};
use crate::errors::{OrRaise, exception};
use crate::leaving::{calling, once};
use crate::outcome::Outcome;
use crate::untracked::untracked;

/// Something that the client does: it goes on whether it is awaited or not.
///
/// Await it for its outcome, now, later or never; `asyncio.gather`, `wait_for` and `create_task` take it too. Giving up
/// waiting changes nothing; only a request that nobody holds any more is given up.
#[pyclass(frozen, module = "polymqtt", weakref, generic)]
pub(crate) struct Operation {
    core: Weak<Core>,
    /// Whether it is taken back when nobody waits for it any more.
    is_request: bool,
    state: Mutex<State>,
}

enum State {
    /// There was no room in the queue, and nobody waits for it yet.
    Unoffered(Box<Kept>),
    /// In line for room.
    InLine {
        token: Token,
        offer: Offer,
        waiters: Waiters,
    },
    /// The client has it.
    Accepted {
        token: Token,
        waiters: Waiters,
    },
    Done(Outcome),
}

/// A message that the queue had no room for.
struct Kept {
    message: Message,
    offer: Offer,
    /// Whether somebody has waited for it, and given up.
    awaited: bool,
}

/// So many wait before it is looked at whether they still do.
const FORGOTTEN_FROM: usize = 8;

/// Futures of the loop.
pub(crate) type Waiters = Vec<Py<PyAny>>;

impl Operation {
    /// The one of all messages that were done at once, as QoS 0 is: nothing can be told of them apart.
    pub(crate) fn succeeded(py: Python<'_>) -> PyResult<Py<Self>> {
        static SUCCEEDED: PyOnceLock<Py<Operation>> = PyOnceLock::new();
        let make = || {
            Py::new(
                py,
                Self {
                    core: Weak::new(),
                    is_request: false,
                    state: Mutex::new(State::Done(Outcome::Success)),
                },
            )
        };
        Ok(once(py, &SUCCEEDED, make)?.clone_ref(py))
    }

    /// Starts an operation with a token of its own.
    pub(crate) fn start(
        py: Python<'_>,
        core: &Arc<Core>,
        start: impl FnOnce(Token) -> Result<(), Error>,
    ) -> PyResult<Py<Self>> {
        let (operation, token) = Self::register(py, core, false)?;
        if let Err(error) = start(token) {
            core.pending.remove(token);
            return Err(exception(py, &error));
        }
        Ok(operation)
    }

    /// Offers a message. Where there is no room for it, it waits until somebody waits for the operation.
    #[inline]
    pub(crate) fn offer(
        py: Python<'_>,
        core: &Arc<Core>,
        message: Message,
        offer: Offer,
    ) -> PyResult<Py<Self>> {
        if message.qos() == QoS::AtMostOnce
            && let Offer::Publish(timeout) = offer
        {
            return match core.client.publish(Token::NONE, message, timeout).or_raise(py)? {
                Offered::Full(message) => Self::unoffered(py, core, message, offer),
                Offered::Done | Offered::Accepted => Self::succeeded(py),
            };
        }
        let (operation, token) = Self::register(py, core, matches!(offer, Offer::Request(_)))?;
        let offered = match offer {
            Offer::Publish(timeout) => core.client.publish(token, message, timeout),
            Offer::Request(timeout) => core.client.request(token, message, timeout),
        };
        let message = match offered {
            Ok(Offered::Accepted | Offered::Done) => return Ok(operation),
            Ok(Offered::Full(message)) => Ok(message),
            Err(error) => Err(error),
        };
        core.pending.remove(token);
        *operation.get().state() = State::Unoffered(Kept::new(message.or_raise(py)?, offer));
        Ok(operation)
    }

    /// One that waits in line for room with its message.
    pub(crate) fn unoffered(
        py: Python<'_>,
        core: &Arc<Core>,
        message: Message,
        offer: Offer,
    ) -> PyResult<Py<Self>> {
        let state = State::Unoffered(Kept::new(message, offer));
        let is_request = matches!(offer, Offer::Request(_));
        Py::new(py, Self { core: Arc::downgrade(core), is_request, state: Mutex::new(state) })
    }

    /// One that the client will know by this token.
    #[inline]
    pub(crate) fn register(
        py: Python<'_>,
        core: &Arc<Core>,
        is_request: bool,
    ) -> PyResult<(Py<Self>, Token)> {
        let state = State::Accepted { token: Token::NONE, waiters: Waiters::new() };
        let operation = Self { core: Arc::downgrade(core), is_request, state: Mutex::new(state) };
        let operation = untracked(py, operation)?;
        let token = core.pending.insert(operation.clone_ref(py));
        *operation.get().state() = State::Accepted { token, waiters: Waiters::new() };
        Ok((operation, token))
    }

    /// The outcome is there.
    #[inline]
    pub(crate) fn complete(&self, py: Python<'_>, completion: Completion) {
        self.finish(py, Outcome::of(py, completion));
    }

    /// No outcome will come: the client has ended.
    pub(crate) fn fail(&self, py: Python<'_>, error: Error) {
        self.finish(py, Outcome::Failed(error));
    }

    /// The client has nothing to do for it: this is the outcome.
    pub(crate) fn settle(&self, py: Python<'_>, outcome: Outcome) {
        let token = match &*self.state() {
            State::Accepted { token, .. } => Some(*token),
            _ => None,
        };
        if let (Some(token), Ok(core)) = (token, self.core()) {
            core.pending.remove(token);
        }
        self.finish(py, outcome);
    }

    /// It has left the line.
    pub(crate) fn is_accepted(&self, py: Python<'_>) {
        let mut state = self.state();
        let State::InLine { token, waiters, .. } = &mut *state else {
            return;
        };
        let (token, waiters) = (*token, std::mem::take(waiters));
        *state = State::Accepted { token, waiters: Waiters::new() };
        drop(state);
        wake(py, waiters);
    }

    #[inline]
    fn finish(&self, py: Python<'_>, outcome: Outcome) {
        let earlier = std::mem::replace(&mut *self.state(), State::Done(outcome));
        if let State::InLine { waiters, .. } | State::Accepted { waiters, .. } = earlier {
            wake(py, waiters);
        }
    }

    /// Whether the client has not accepted it yet.
    pub(crate) fn waits_for_room(&self) -> bool {
        matches!(*self.state(), State::Unoffered(_) | State::InLine { .. })
    }

    /// Blocks until there is an outcome, and gives it.
    pub(crate) fn block_outcome(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::block(slf, None, Self::outcome)
    }

    /// Blocks until the client has accepted it; an error where it was refused.
    pub(crate) fn block_acceptance(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::block(slf, None, Self::acceptance)
    }

    /// Blocks until the client has accepted it, or has refused it.
    pub(crate) fn block_accepted(slf: &Bound<'_, Self>, timeout: Option<Duration>) -> PyResult<()> {
        Self::block(slf, timeout, |operation, _| (!operation.waits_for_room()).then_some(Ok(())))
    }

    /// Blocks until there is an outcome, whichever.
    pub(crate) fn block_done(slf: &Bound<'_, Self>, timeout: Option<Duration>) -> PyResult<()> {
        Self::block(slf, timeout, |operation, _| operation.done().then_some(Ok(())))
    }

    /// The outcome, if it is there.
    #[inline]
    pub(crate) fn outcome(&self, py: Python<'_>) -> Option<PyResult<Py<PyAny>>> {
        let outcome = match &*self.state() {
            State::Done(outcome) => outcome.clone_ref(py),
            _ => return None,
        };
        // Out of the lock: making an exception runs code of Python's.
        Some(outcome.into_value(py))
    }

    /// Whether the client has it, or had; an error where it refused it out of the line.
    fn acceptance(&self, py: Python<'_>) -> Option<PyResult<()>> {
        let refused = match &*self.state() {
            State::Accepted { .. } => None,
            State::Done(Outcome::Failed(error)) => Some(error.clone()),
            State::Done(_) => None,
            State::Unoffered(_) | State::InLine { .. } => return None,
        };
        Some(refused.map_or(Ok(()), |error| Err(exception(py, &error))))
    }

    /// Joins the line, where it has not done so yet: from now on somebody waits.
    pub(crate) fn join_line(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let operation = slf.get();
        if !matches!(*operation.state(), State::Unoffered(_)) {
            return Ok(());
        }
        let core = operation.core()?;
        let token = core.pending.insert(slf.clone().unbind());
        let mut state = operation.state();
        let in_line = State::InLine { token, offer: Offer::Publish(None), waiters: Waiters::new() };
        let State::Unoffered(kept) = std::mem::replace(&mut *state, in_line) else {
            return Ok(());
        };
        let Kept { message, offer: offered, .. } = *kept;
        if let State::InLine { offer, .. } = &mut *state {
            *offer = offered;
        }
        drop(state);
        let joined = core.client.wait_in_line(token, message, offered);
        joined.inspect_err(|_| drop(core.pending.remove(token))).or_raise(py)
    }

    /// Nobody waits any more: a message that was not accepted is taken back, and so is a request.
    pub(crate) fn give_up(&self) {
        self.leave_line();
        let mut state = self.state();
        let State::Accepted { token, .. } = &*state else {
            return;
        };
        if self.is_request
            && let Ok(core) = self.core()
        {
            core.client.forget_request(*token);
            core.pending.remove(*token);
            *state = State::Done(Outcome::Failed(withdrawn()));
        }
    }

    pub(crate) fn leave_line(&self) {
        let mut state = self.state();
        let State::InLine { token, offer, .. } = &*state else {
            return;
        };
        let (token, offer) = (*token, *offer);
        let Ok(core) = self.core() else {
            return;
        };
        if let Some(message) = core.client.leave_line(token) {
            core.pending.remove(token);
            *state = State::Unoffered(Box::new(Kept { message, offer, awaited: true }));
        }
    }

    /// A future of the loop that is done once there is a change.
    pub(crate) fn waiter(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let future = self.core()?.future(py)?;
        let mut waiters = self.take_waiters();
        add_waiter(py, &mut waiters, &future);
        if let State::InLine { waiters: empty, .. } | State::Accepted { waiters: empty, .. } =
            &mut *self.state()
        {
            empty.append(&mut waiters);
        }
        // It has ended meanwhile.
        wake(py, waiters);
        Ok(future)
    }

    fn take_waiters(&self) -> Waiters {
        match &mut *self.state() {
            State::InLine { waiters, .. } | State::Accepted { waiters, .. } => std::mem::take(waiters),
            State::Unoffered(_) | State::Done(_) => Waiters::new(),
        }
    }

    fn core(&self) -> PyResult<Arc<Core>> {
        self.core.upgrade().ok_or_else(|| PyRuntimeError::new_err("the client is gone"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn turn(slf: &Bound<'_, Self>) -> PyResult<Turn> {
        let py = slf.py();
        if let Some(outcome) = slf.get().outcome(py) {
            return outcome.map(Turn::Return);
        }
        slf.get().core()?.client.check().or_raise(py)?;
        Self::join_line(slf)?;
        // Nobody takes the news of a client that has ended.
        if slf.get().core()?.drain_at_end(py)
            && let Some(outcome) = slf.get().outcome(py)
        {
            return outcome.map(Turn::Return);
        }
        slf.get().waiter(py).map(Turn::Yield)
    }

    /// Blocks until `look` has found something.
    fn block<T>(
        slf: &Bound<'_, Self>,
        timeout: Option<Duration>,
        look: impl Fn(&Self, Python<'_>) -> Option<PyResult<T>>,
    ) -> PyResult<T> {
        let py = slf.py();
        let operation = slf.get();
        if let Some(found) = look(operation, py) {
            return found;
        }
        Self::join_line(slf)?;
        let core = operation.core()?;
        let waited = core.block(py, timeout, || look(operation, py));
        match waited {
            Ok(Some(found)) => found,
            Ok(None) => {
                operation.give_up();
                Err(exception(py, &Error::new(ErrorKind::Timeout, "there was no outcome in time")))
            }
            Err(interrupted) => {
                operation.give_up();
                Err(interrupted)
            }
        }
    }
}

impl Kept {
    fn new(message: Message, offer: Offer) -> Box<Self> {
        Box::new(Self { message, offer, awaited: false })
    }
}

/// As Python does of coroutines that nobody awaited.
impl Drop for Operation {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(state, State::Unoffered(kept) if !kept.awaited) {
            Python::try_attach(|py| {
                let what = c"a message was never sent: the queue was full, and nobody awaited its delivery";
                calling(py, || {
                    if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), what, 1) {
                        error.write_unraisable(py, None);
                    }
                });
            });
        }
    }
}

#[pymethods]
impl Operation {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[inline]
    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        Self::turn(slf)?.next(slf.py())
    }

    /// As a coroutine's `send`.
    #[pyo3(signature = (value, /))]
    fn send(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let _ = value;
        Self::turn(slf)?.sent()
    }

    /// As a coroutine's `throw`.
    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = traceback;
        self.give_up();
        Err(thrown(kind, value))
    }

    /// As a coroutine's `close`: gives up waiting, which changes nothing.
    fn close(&self) {
        self.give_up();
    }

    /// Waits for the outcome on this thread; Ctrl-C interrupts the wait.
    ///
    /// Args:
    ///     timeout: The longest wait; by default there is no end to it. Giving up changes nothing.
    ///
    /// Raises:
    ///     TimeoutError: The wait has ended before the operation.
    ///     MqttError: How the operation has failed.
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let timeout = crate::arguments::timeout(timeout)?;
        Self::block(slf, timeout, Self::outcome)
    }

    /// Ends once the queue has taken the message, or with the error why it was refused.
    fn accepted(slf: Py<Self>) -> Acceptance {
        Acceptance(slf)
    }

    /// Whether the outcome is there.
    fn done(&self) -> bool {
        matches!(*self.state(), State::Done(_))
    }

    /// Withdraws a message that was never sent (`WithdrawnError`), else ends as `IndeterminateError`.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        self.leave_line();
        let mut state = self.state();
        match &*state {
            State::Unoffered(_) => {
                *state = State::Done(Outcome::Failed(withdrawn()));
                Ok(())
            }
            State::Accepted { token, .. } | State::InLine { token, .. } => {
                let token = *token;
                drop(state);
                self.core()?.client.cancel(token).or_raise(py)
            }
            State::Done(_) => Ok(()),
        }
    }

    fn __repr__(&self) -> String {
        let state = match &*self.state() {
            State::Unoffered(_) | State::InLine { .. } => "waiting for room",
            State::Accepted { .. } => "under way",
            State::Done(Outcome::Failed(_)) => "failed",
            State::Done(_) => "done",
        };
        format!("<Delivery {state}>")
    }
}

/// The wait until the queue has taken an operation's message; an error where that was refused.
#[pyclass(frozen, module = "polymqtt")]
pub(crate) struct Acceptance(pub(crate) Py<Operation>);

#[pymethods]
impl Acceptance {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.turn(py)?.next(py)
    }

    /// As a coroutine's `send`.
    #[pyo3(signature = (value, /))]
    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.turn(value.py())?.sent()
    }

    /// As a coroutine's `throw`.
    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.0.get().throw(kind, value, traceback)
    }

    /// As a coroutine's `close`.
    fn close(&self) {
        self.0.get().leave_line();
    }
}

impl Acceptance {
    fn turn(&self, py: Python<'_>) -> PyResult<Turn> {
        let operation = self.0.bind(py);
        if let Some(accepted) = operation.get().acceptance(py) {
            return accepted.map(|()| Turn::Return(py.None()));
        }
        Operation::join_line(operation)?;
        // There may have been room at once.
        if operation.get().acceptance(py).is_some() {
            return self.turn(py);
        }
        operation.get().waiter(py).map(Turn::Yield)
    }
}

fn withdrawn() -> Error {
    Error::new(ErrorKind::Cancelled, "the message was withdrawn before it was sent")
}

/// One more waits. Those that were cancelled are forgotten: a program may give up waiting again and again.
pub(crate) fn add_waiter(py: Python<'_>, waiters: &mut Waiters, future: &Py<PyAny>) {
    if waiters.len() >= FORGOTTEN_FROM {
        calling(py, || waiters.retain(|waiter| !is_done(waiter.bind(py))));
    }
    waiters.push(future.clone_ref(py));
}

/// Ends futures that somebody waits with; one that was cancelled has nobody.
pub(crate) fn wake(py: Python<'_>, waiters: Vec<Py<PyAny>>) {
    if waiters.is_empty() {
        return;
    }
    calling(py, || {
        for waiter in waiters {
            let waiter = waiter.bind(py);
            if !is_done(waiter) {
                // A loop that is closed has nobody who waits.
                let _closed = waiter.call_method1(intern!(py, "set_result"), (py.None(),));
            }
        }
    });
}

fn is_done(future: &Bound<'_, PyAny>) -> bool {
    let done = future.call_method0(intern!(future.py(), "done"));
    done.and_then(|done| done.is_truthy()).unwrap_or(true)
}
