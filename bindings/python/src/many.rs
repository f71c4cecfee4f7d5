//! Many messages published by one call: offered in batches, with one lock a batch, then awaited together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use polymqtt_bridge::Offer;
use polymqtt_bridge::message::Parts;
use polymqtt_bridge::mqtt::{self, QoS, Token};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyTuple};

use crate::arguments;
use crate::core::Core;
use crate::coroutine::{Turn, thrown};
use crate::errors::{OrRaise, exception};
use crate::leaving::calling;
use crate::message::Message;
use crate::operation::Operation;

/// Messages that are offered under one lock before others get a turn at it.
const BATCH: usize = 256;

/// The publishing of many messages. Acts as a coroutine of asyncio: it gives the operations, or their outcomes, once all
/// are accepted. Messages are taken from the iterable as there is room for them.
#[pyclass(frozen, module = "polymqtt")]
pub(crate) struct Many {
    core: Arc<Core>,
    messages: Py<PyIterator>,
    qos: u8,
    retain: bool,
    /// Whether the outcomes are awaited too.
    outcomes: bool,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Taken from the iterable, in order, not offered yet.
    prepared: VecDeque<Prepared>,
    exhausted: bool,
    /// What is wrong with the first message that is none; those before it go their way.
    wrong: Option<PyErr>,
    offered: Vec<Py<Operation>>,
    /// How many outcomes are there.
    settled: usize,
    results: Option<Py<PyList>>,
}

struct Prepared {
    operation: Py<Operation>,
    /// None for QoS 0, which has no outcome of its own.
    token: Token,
    message: mqtt::Message,
}

/// What the wait is for.
enum Step {
    Acceptance(Py<Operation>),
    Outcome(Py<Operation>),
    Done(Py<PyAny>),
}

impl Many {
    pub(crate) fn new(
        core: &Arc<Core>,
        messages: &Bound<'_, PyAny>,
        qos: u8,
        retain: bool,
        outcomes: bool,
    ) -> PyResult<Self> {
        let messages = calling(messages.py(), || messages.try_iter())
            .map_err(|_other| arguments::wrong_type("messages", "an iterable of messages", messages))?;
        let progress = Mutex::default();
        Ok(Self { core: Arc::clone(core), messages: messages.unbind(), qos, retain, outcomes, progress })
    }

    /// Goes as far as it gets without waiting.
    fn advance(&self, py: Python<'_>) -> PyResult<Step> {
        loop {
            let waits = self.progress().offered.last().map(|last| last.clone_ref(py));
            if let Some(last) = waits
                && last.get().waits_for_room()
            {
                return Ok(Step::Acceptance(last));
            }
            calling(py, || self.prepare(py))?;
            let mut progress = self.progress();
            if progress.prepared.is_empty() {
                let wrong = progress.wrong.take();
                drop(progress);
                return wrong.map_or_else(|| self.collect(py), Err);
            }
            self.offer(py, &mut progress)?;
        }
    }

    /// Takes messages from the iterable, which may run any code of the program.
    fn prepare(&self, py: Python<'_>) -> PyResult<()> {
        if self.progress().exhausted || !self.progress().prepared.is_empty() {
            return Ok(());
        }
        let mut messages = self.messages.bind(py).clone();
        let mut prepared = VecDeque::with_capacity(BATCH);
        while prepared.len() < BATCH {
            let Some(given) = messages.next() else {
                self.progress().exhausted = true;
                break;
            };
            let message = match given.and_then(|given| self.message(&given)) {
                Ok(message) => message,
                Err(wrong) => {
                    let mut progress = self.progress();
                    progress.wrong = Some(wrong);
                    progress.exhausted = true;
                    break;
                }
            };
            let (operation, token) = if message.qos() == QoS::AtMostOnce {
                (Operation::succeeded(py)?, Token::NONE)
            } else {
                Operation::register(py, &self.core, false)?
            };
            prepared.push_back(Prepared { operation, token, message });
        }
        self.progress().prepared = prepared;
        Ok(())
    }

    /// A [`Message`], or a topic and a payload.
    fn message(&self, given: &Bound<'_, PyAny>) -> PyResult<mqtt::Message> {
        let py = given.py();
        if let Ok(pair) = given.cast::<PyTuple>()
            && pair.len() == 2
        {
            let (topic, payload) = (pair.get_borrowed_item(0)?, pair.get_borrowed_item(1)?);
            let parts = Parts {
                topic: arguments::text("topic", &topic)?,
                payload: arguments::payload("payload", &payload)?,
                qos: self.qos,
                retain: self.retain,
                properties: None,
            };
            return parts.message().or_raise(py);
        }
        match given.cast::<Message>() {
            Ok(message) => message.get().to_publish(py),
            Err(_) => {
                Err(arguments::wrong_type("messages", "each to be a Message or (topic, payload)", given))
            }
        }
    }

    fn offer(&self, py: Python<'_>, progress: &mut Progress) -> PyResult<()> {
        let Progress { prepared, offered, .. } = progress;
        let mut operations = Vec::with_capacity(prepared.len());
        let mut under_offer = std::mem::take(prepared).into_iter();
        let next = || {
            let Prepared { operation, token, message } = under_offer.next()?;
            operations.push(operation);
            Some((token, message))
        };
        let full = self.core.client.publish_many(next);
        *prepared = under_offer.collect();
        match full {
            Ok(None) => {}
            Ok(Some((token, message))) => {
                operations.pop();
                self.core.pending.remove(token);
                let waiting = Operation::unoffered(py, &self.core, message, Offer::Publish(None))?;
                Operation::join_line(waiting.bind(py))?;
                operations.push(waiting);
            }
            Err(error) => {
                self.forget(progress);
                return Err(exception(py, &error));
            }
        }
        offered.append(&mut operations);
        Ok(())
    }

    /// What was not offered never will be.
    fn forget(&self, progress: &mut Progress) {
        progress.exhausted = true;
        for Prepared { token, .. } in progress.prepared.drain(..) {
            self.core.pending.remove(token);
        }
    }

    /// All are accepted.
    fn collect(&self, py: Python<'_>) -> PyResult<Step> {
        let mut progress = self.progress();
        let Progress { offered, settled, results, .. } = &mut *progress;
        if !self.outcomes {
            let operations = offered.iter().map(|operation| operation.clone_ref(py));
            return Ok(Step::Done(PyList::new(py, operations)?.into_any().unbind()));
        }
        let results = match results {
            Some(results) => results.bind(py).clone(),
            None => results.insert(PyList::empty(py).unbind()).bind(py).clone(),
        };
        while let Some(operation) = offered.get(*settled) {
            match operation.get().outcome(py) {
                Some(Ok(outcome)) => results.append(outcome)?,
                Some(Err(error)) => results.append(error.into_value(py))?,
                None => return Ok(Step::Outcome(operation.clone_ref(py))),
            }
            *settled += 1;
        }
        Ok(Step::Done(results.into_any().unbind()))
    }

    fn turn(&self, py: Python<'_>) -> PyResult<Turn> {
        match self.advance(py)? {
            Step::Done(list) => Ok(Turn::Return(list)),
            Step::Acceptance(operation) | Step::Outcome(operation) => {
                operation.get().waiter(py).map(Turn::Yield)
            }
        }
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Many {
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
        let _ = traceback;
        self.close();
        Err(thrown(kind, value))
    }

    /// What was accepted goes its way; the rest is not sent.
    fn close(&self) {
        let mut progress = self.progress();
        if let Some(last) = progress.offered.last() {
            last.get().leave_line();
        }
        self.forget(&mut progress);
    }

    /// Blocks until all are accepted, and their outcomes are there if those are wanted.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let timeout = arguments::timeout(timeout)?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let waited = |step: PyResult<()>| step.inspect_err(|_| self.close());
        loop {
            match self.advance(py)? {
                Step::Done(list) => return Ok(list),
                Step::Acceptance(operation) => waited(Operation::block_accepted(operation.bind(py), left()))?,
                Step::Outcome(operation) => waited(Operation::block_done(operation.bind(py), left()))?,
            }
        }
    }
}
