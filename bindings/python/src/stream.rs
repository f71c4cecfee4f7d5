//! The messages of a subscription on their way to the program.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polymqtt_bridge::mqtt::{Acknowledgement, Error, ErrorKind, ReasonCode};
use polymqtt_bridge::{Next, Stream as Hand};
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::arguments;
use crate::core::Core;
use crate::coroutine::{Turn, thrown};
use crate::errors::{OrRaise, exception};
use crate::message::Message;
use crate::operation::Operation;
use crate::outcome::Outcome;

/// The messages of one subscription, in order of arrival.
#[pyclass(frozen, module = "polymqtt", weakref)]
pub(crate) struct Stream {
    incoming: Arc<Incoming>,
    /// What `__anext__` gives: one for all, since it holds no state of a wait.
    one: Py<Fetching>,
}

pub(crate) struct Incoming {
    core: Arc<Core>,
    hand: Hand,
    /// The topic of the last message, which is often that of the next.
    topic: Mutex<Option<Py<PyString>>>,
}

/// How much is asked for.
#[derive(Clone, Copy)]
enum Amount {
    One,
    Batch(usize),
}

/// The wait for the next message, or batch. Acts as a coroutine of asyncio; nothing is taken before it has ended.
#[pyclass(frozen, module = "polymqtt", generic)]
pub(crate) struct Fetching {
    incoming: Arc<Incoming>,
    amount: Amount,
}

impl Stream {
    pub(crate) fn new(py: Python<'_>, core: &Arc<Core>, hand: Hand) -> PyResult<Self> {
        let incoming = Arc::new(Incoming { core: Arc::clone(core), hand, topic: Mutex::default() });
        let one = Fetching { incoming: Arc::clone(&incoming), amount: Amount::One };
        Ok(Self { incoming, one: Py::new(py, one)? })
    }
}

impl Incoming {
    /// What there is; `None` when that is nothing yet, an inner `None` at the end.
    #[inline]
    fn fetch(&self, py: Python<'_>, amount: Amount) -> PyResult<Option<Option<Py<PyAny>>>> {
        match amount {
            Amount::One => {
                let next = self.hand.next().or_raise(py)?;
                self.convert(py, next, |message, last| Ok(Message::received(py, message, last)?.into_any()))
            }
            Amount::Batch(most) => {
                let next = self.hand.next_batch(most).or_raise(py)?;
                self.convert(py, next, |messages, last| {
                    let messages: Vec<_> = messages
                        .into_iter()
                        .map(|message| Message::received(py, message, last))
                        .collect::<PyResult<_>>()?;
                    Ok(PyList::new(py, messages)?.into_any().unbind())
                })
            }
        }
    }

    #[inline]
    fn convert<T>(
        &self,
        py: Python<'_>,
        next: Next<T>,
        make: impl FnOnce(T, &mut Option<Py<PyString>>) -> PyResult<Py<PyAny>>,
    ) -> PyResult<Option<Option<Py<PyAny>>>> {
        match next {
            Next::Some(messages) => {
                let topic = || self.topic.lock().unwrap_or_else(PoisonError::into_inner);
                let mut last = topic().take();
                let made = make(messages, &mut last)?;
                *topic() = last;
                Ok(Some(Some(made)))
            }
            Next::Empty => Ok(None),
            Next::End(None) => Ok(Some(None)),
            Next::End(Some(error)) => Err(exception(py, &error)),
        }
    }

    fn block(
        &self,
        py: Python<'_>,
        amount: Amount,
        timeout: Option<Duration>,
    ) -> PyResult<Option<Py<PyAny>>> {
        if let Some(found) = self.fetch(py, amount)? {
            return Ok(found);
        }
        let found = self.core.block(py, timeout, || self.fetch(py, amount).transpose())?;
        found.unwrap_or_else(|| {
            let what = "no message came in time";
            Err(exception(py, &Error::new(ErrorKind::Timeout, what)))
        })
    }
}

#[pymethods]
impl Stream {
    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[inline]
    fn __anext__(&self, py: Python<'_>) -> Py<Fetching> {
        self.one.clone_ref(py)
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.incoming.block(py, Amount::One, None)
    }

    /// The wait for up to `most` messages, at least one, as `__anext__` of their iterator gives it.
    fn next_batch(&self, most: usize) -> Fetching {
        Fetching { incoming: Arc::clone(&self.incoming), amount: Amount::Batch(most) }
    }

    /// Blocks until there is a message; `None` at the end.
    #[pyo3(signature = (timeout=None))]
    fn wait_next(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        self.incoming.block(py, Amount::One, arguments::timeout(timeout)?)
    }

    /// Blocks until there are up to `most` messages, at least one; an empty list at the end.
    #[pyo3(signature = (most, timeout=None))]
    fn wait_batch(
        &self,
        py: Python<'_>,
        most: usize,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let batch = self.incoming.block(py, Amount::Batch(most), arguments::timeout(timeout)?)?;
        Ok(batch.unwrap_or_else(|| PyList::empty(py).into_any().unbind()))
    }

    #[pyo3(signature = (message, reason_code=0, reason_string=None, user_properties=None))]
    fn ack(
        &self,
        py: Python<'_>,
        message: &Message,
        reason_code: u8,
        reason_string: Option<&str>,
        user_properties: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let reason_code = ReasonCode::try_from(reason_code)
            .map_err(|error| Error::new(ErrorKind::InvalidOption, format!("reason_code: {error}")))
            .or_raise(py)?;
        let reason_string = reason_string
            .map(|text| polymqtt_bridge::message::text("reason_string", text))
            .transpose()
            .or_raise(py)?;
        let user_properties = arguments::user_properties(user_properties)?;
        let answer = Acknowledgement { reason_code, reason_string, user_properties };
        self.incoming.hand.acknowledge(message.received_message(), answer).or_raise(py)
    }

    #[pyo3(signature = (user_properties=None))]
    fn unsubscribe(
        &self,
        py: Python<'_>,
        user_properties: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let user_properties = arguments::user_properties(user_properties)?;
        let Incoming { core, hand, .. } = &*self.incoming;
        let mut is_open = true;
        let operation = Operation::start(py, core, |token| {
            is_open = hand.unsubscribe(token, user_properties)?;
            Ok(())
        })?;
        core.stream_closed(py, hand.id());
        if is_open {
            return Ok(operation);
        }
        operation.get().settle(py, Outcome::unsubscribed_before(py)?);
        Ok(operation)
    }

    fn close(&self, py: Python<'_>) {
        let Incoming { core, hand, .. } = &*self.incoming;
        hand.close();
        core.stream_closed(py, hand.id());
    }
}

#[pymethods]
impl Fetching {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[inline]
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
        let _ = traceback;
        Err(thrown(kind, value))
    }

    /// As a coroutine's `close`.
    fn close(&self) {}
}

impl Fetching {
    #[inline]
    fn turn(&self, py: Python<'_>) -> PyResult<Turn> {
        let incoming = &self.incoming;
        match incoming.fetch(py, self.amount)? {
            Some(Some(message)) => Ok(Turn::Return(message)),
            Some(None) => Err(PyStopAsyncIteration::new_err(())),
            None => incoming.core.reader(py, incoming.hand.id()).map(Turn::Yield),
        }
    }
}
