//! The client that Python's classes are made of.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use polymqtt_bridge::mqtt::SubscribeRequest;
use polymqtt_bridge::{Bell, Hooks, Offer, Value};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString};

use crate::arguments::{self, Keywords};
use crate::core::Core;
use crate::errors::OrRaise;
use crate::events;
use crate::many::Many;
use crate::message::Message;
use crate::operation::Operation;
use crate::outcome;
use crate::process::Process;
use crate::questions;
use crate::stream::Stream;

/// How long an answer may take unless the request says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// One client: the base of `polymqtt.Client`, whose tasks await; what `polymqtt.sync.Client` holds, whose calls block.
#[pyclass(frozen, module = "polymqtt", subclass, weakref)]
pub(crate) struct Client {
    core: Arc<Core>,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (servers, options, event_loop=None))]
    pub(crate) fn new(
        py: Python<'_>,
        servers: Vec<String>,
        options: &Bound<'_, PyDict>,
        event_loop: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        // What the program is asked for is no option of the engine's.
        let options = options.copy()?;
        let taken = |name: &str| options.call_method1("pop", (name, py.None()));
        let credentials = taken("credentials_from_host")?.extract::<Option<bool>>()?.unwrap_or(false);
        let authenticator = taken("authenticator")?.extract::<Option<String>>()?;
        let options = polymqtt_bridge::options::options(&servers, named(&options)?);
        let options = options.map_err(|error| arguments::option_error(py, error))?;
        let hooks = Hooks { credentials, authenticator };
        let bell = match event_loop {
            Some(_) => Bell::with_descriptor()?,
            None => Bell::default(),
        };
        let client = polymqtt_bridge::Client::prepare(options, &hooks, Arc::new(bell)).or_raise(py)?;
        Ok(Self { core: Arc::new(Core::new(client, event_loop)) })
    }

    /// The descriptor that is readable when there is news.
    #[pyo3(name = "_fileno")]
    fn fileno(&self) -> PyResult<i32> {
        let descriptor = self.core.client.bell().descriptor().map(AsRawFd::as_raw_fd);
        descriptor.ok_or_else(|| PyRuntimeError::new_err("a client whose calls block has no descriptor"))
    }

    /// Where it was made, to check that this is still there.
    #[pyo3(name = "_process")]
    fn process(&self) -> Process {
        Process(self.core.client.process())
    }

    /// Takes the news to whom they concern, after the descriptor was found readable; whether there is something for the
    /// program itself: events, questions, or the end.
    #[pyo3(name = "_drain")]
    fn drain(&self, py: Python<'_>) -> PyResult<bool> {
        self.core.client.check().or_raise(py)?;
        self.core.client.bell().hush();
        Ok(self.core.drain(py).for_program)
    }

    /// Blocks until there are events or questions, or the client has ended; whether there are.
    #[pyo3(name = "_wait_news", signature = (timeout=None))]
    fn wait_news(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let core = &self.core;
        core.client.check().or_raise(py)?;
        let look = || (core.has_events() || core.client.has_questions()).then_some(());
        Ok(core.block(py, arguments::timeout(timeout)?, look)?.is_some())
    }

    #[pyo3(name = "_take_events")]
    fn take_events<'py>(&self, py: Python<'py>) -> PyResult<Vec<(&'static str, Bound<'py, PyDict>)>> {
        self.core.client.check().or_raise(py)?;
        let mut events = self
            .core
            .take_events()
            .iter()
            .map(|event| events::event(py, event))
            .collect::<PyResult<Vec<_>>>()?;
        if self.core.take_end() {
            events.push(("closed", PyDict::new(py)));
        }
        Ok(events)
    }

    #[pyo3(name = "_take_questions")]
    fn take_questions<'py>(&self, py: Python<'py>) -> PyResult<Vec<(u64, &'static str, Bound<'py, PyDict>)>> {
        let questions = self.core.client.take_questions().or_raise(py)?;
        let fields = questions.iter().map(|(number, question)| {
            let (name, fields) = questions::question(py, question)?;
            Ok((*number, name, fields))
        });
        fields.collect()
    }

    /// Answers a question: by the fields of what was asked for, or by an error, which ends the attempt.
    #[pyo3(name = "_answer")]
    fn answer(&self, py: Python<'_>, question: u64, answer: &Bound<'_, PyAny>) -> PyResult<()> {
        let answer = questions::answer(py, answer)?;
        self.core.client.answer(question, answer);
        Ok(())
    }

    #[pyo3(name = "_start")]
    fn start(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        Operation::start(py, &self.core, |token| self.core.client.start(token))
    }

    #[pyo3(name = "_connected")]
    fn connected(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.core.client.connected().map(|grant| outcome::grant(py, &grant)).transpose()
    }

    /// The client identifier in use; empty before the server has assigned one.
    #[getter]
    fn client_id(&self) -> String {
        self.core.client.client_id()
    }

    /// Publishes a message: await it for the server's acknowledgement.
    ///
    /// QoS 0 is done once the message is accepted. Where the queue is full, the message waits for room while somebody awaits
    /// it: one that nobody waits for is not sent. See `PublishOptions` for the arguments that are not told here.
    ///
    /// Args:
    ///     topic: The topic name (section 4.7).
    ///     payload: The payload; text is sent as UTF-8.
    ///     qos: The quality of service; the default is 0.
    ///     retain: Whether the server keeps it for later subscribers [MQTT-3.3.1-5]; not by default.
    ///
    /// Raises:
    ///     TypeError: An argument of another type.
    ///     MqttError: Each rule of MQTT that the message would break, before anything is sent; then what the server or the
    ///         queue's policy makes of it.
    #[pyo3(signature = (topic, payload=None, *, qos=None, retain=false, timeout=None, content_type=None,
        response_topic=None, correlation_data=None, message_expiry=None, payload_is_utf8=None, user_properties=None),
        text_signature = "($self, topic, payload=b'', *, qos=0, retain=False, timeout=None, content_type=None, \
        response_topic=None, correlation_data=None, message_expiry=None, payload_is_utf8=None, user_properties=())")]
    pub(crate) fn publish(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyAny>,
        payload: Option<&Bound<'_, PyAny>>,
        qos: Option<&Bound<'_, PyAny>>,
        retain: bool,
        timeout: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
        response_topic: Option<&Bound<'_, PyAny>>,
        correlation_data: Option<&Bound<'_, PyAny>>,
        message_expiry: Option<&Bound<'_, PyAny>>,
        payload_is_utf8: Option<bool>,
        user_properties: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let keywords = Keywords {
            qos,
            retain,
            content_type,
            response_topic,
            correlation_data,
            message_expiry,
            payload_is_utf8,
            user_properties,
        };
        let message = arguments::message(topic, payload, &keywords)?;
        Operation::offer(py, &self.core, message, Offer::Publish(arguments::timeout(timeout)?))
    }

    /// Publishes a message that is there already; see `publish`.
    ///
    /// Args:
    ///     message: The message.
    ///     timeout: As that of `PublishOptions`.
    ///
    /// Raises:
    ///     MqttError: As `publish`.
    #[pyo3(signature = (message, *, timeout=None))]
    pub(crate) fn send(
        &self,
        py: Python<'_>,
        message: &Message,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let timeout = arguments::timeout(timeout)?;
        Operation::offer(py, &self.core, message.to_publish(py)?, Offer::Publish(timeout))
    }

    /// The publishing of many messages; gives their outcomes, errors among them.
    #[pyo3(name = "_publish_many", signature = (messages, qos=None, retain=false))]
    fn publish_many(
        &self,
        messages: &Bound<'_, PyAny>,
        qos: Option<&Bound<'_, PyAny>>,
        retain: bool,
    ) -> PyResult<Many> {
        Many::new(&self.core, messages, qos.map_or(Ok(0), arguments::qos)?, retain, true)
    }

    /// The same; gives their operations once all are accepted.
    #[pyo3(name = "_enqueue_many", signature = (messages, qos=None, retain=false))]
    fn enqueue_many(
        &self,
        messages: &Bound<'_, PyAny>,
        qos: Option<&Bound<'_, PyAny>>,
        retain: bool,
    ) -> PyResult<Many> {
        Many::new(&self.core, messages, qos.map_or(Ok(0), arguments::qos)?, retain, false)
    }

    /// Publishes a request: await it for the answer (v5, section 4.10).
    ///
    /// Any number may be awaited at once, up to 65,536. All answers arrive over one subscription, made at the first request.
    /// Dropping it gives the request up.
    ///
    /// Args:
    ///     topic: The topic name.
    ///     payload: The payload.
    ///     qos: The quality of service; the default is 1. With 0, nothing tells that nobody listens.
    ///     timeout: How long the answer may take, time without a connection included; the default is 30 seconds.
    ///     content_type: What the payload is (section 3.3.2.3.9).
    ///     message_expiry: How long the message lives, to the second (section 3.3.2.3.3); the default is the timeout.
    ///     payload_is_utf8: Whether the payload is declared to be UTF-8 (section 3.3.2.3.2), which is then checked.
    ///     user_properties: User properties of the message (section 3.3.2.3.7).
    ///
    /// Raises:
    ///     TimeoutError: No answer came in time.
    ///     NoResponderError: The server tells that nobody subscribes to the topic.
    ///     UnsupportedError: Version 3.1.1.
    ///     MqttError: As `publish` and `subscribe`.
    #[pyo3(signature = (topic, payload=None, *, qos=None, timeout=None, content_type=None, message_expiry=None,
        payload_is_utf8=None, user_properties=None),
        text_signature = "($self, topic, payload=b'', *, qos=1, timeout=30, content_type=None, message_expiry=None, \
        payload_is_utf8=None, user_properties=())")]
    pub(crate) fn request(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyAny>,
        payload: Option<&Bound<'_, PyAny>>,
        qos: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
        message_expiry: Option<&Bound<'_, PyAny>>,
        payload_is_utf8: Option<bool>,
        user_properties: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let at_least_once = 1_u8.into_pyobject(py)?.into_any();
        let keywords = Keywords {
            qos: qos.or(Some(&at_least_once)),
            retain: false,
            content_type,
            response_topic: None,
            correlation_data: None,
            message_expiry,
            payload_is_utf8,
            user_properties,
        };
        let message = arguments::message(topic, payload, &keywords)?;
        let timeout = arguments::timeout(timeout)?.unwrap_or(REQUEST_TIMEOUT);
        Operation::offer(py, &self.core, message, Offer::Request(timeout))
    }

    /// Waits until everything that was accepted has been handed to the operating system.
    ///
    /// It says nothing of what the server has; await the publishes for that.
    ///
    /// Raises:
    ///     MqttError: The connection was lost with some of it unwritten, or the client is closed.
    fn flush(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        Operation::start(py, &self.core, |token| self.core.client.flush(token))
    }

    #[pyo3(name = "_subscribe")]
    fn subscribe(
        &self,
        py: Python<'_>,
        filters: Vec<String>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<(Stream, Py<Operation>)> {
        let request = self.subscribe_request(py, &filters, options)?;
        let mut hand = None;
        let operation = Operation::start(py, &self.core, |token| {
            hand = Some(self.core.client.subscribe(token, request)?);
            Ok(())
        })?;
        let hand = hand.ok_or_else(|| PyRuntimeError::new_err("nothing was subscribed"))?;
        Ok((Stream::new(py, &self.core, hand)?, operation))
    }

    #[pyo3(name = "_declare")]
    fn declare(&self, py: Python<'_>, filters: Vec<String>, options: &Bound<'_, PyDict>) -> PyResult<Stream> {
        let request = self.subscribe_request(py, &filters, options)?;
        Stream::new(py, &self.core, self.core.client.declare(request).or_raise(py)?)
    }

    #[pyo3(name = "_unclaimed")]
    fn unclaimed(&self, py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Stream> {
        let options = polymqtt_bridge::options::stream(named(options)?);
        let options = options.map_err(|error| arguments::option_error(py, error))?;
        Stream::new(py, &self.core, self.core.client.unclaimed(options).or_raise(py)?)
    }

    /// Whether the protocol version in use has requests and responses; raises where it has not.
    #[pyo3(name = "_check_requests")]
    fn check_requests(&self, py: Python<'_>) -> PyResult<()> {
        self.core.client.check_requests().or_raise(py)
    }

    #[pyo3(name = "_unsubscribe", signature = (filters, user_properties=None))]
    fn unsubscribe(
        &self,
        py: Python<'_>,
        filters: Vec<String>,
        user_properties: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let filters = arguments::filters(py, &filters)?;
        let user_properties = arguments::user_properties(user_properties)?;
        Operation::start(py, &self.core, |token| {
            self.core.client.unsubscribe_filters(token, filters, user_properties)
        })
    }

    /// Authenticates again on the connection as it stands (v5, section 4.12.1), as before a token expires.
    ///
    /// Messages flow on meanwhile. A server that asks for it is answered without this call.
    ///
    /// Raises:
    ///     UnsupportedError: The connection does not authenticate by a method.
    ///     TransportError: There is no connection: connecting authenticates anyway.
    ///     MqttError: A failure on the way; it ends the connection, and reconnecting follows.
    fn reauthenticate(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        Operation::start(py, &self.core, |token| self.core.client.reauthenticate(token))
    }

    #[pyo3(name = "_disconnect")]
    fn disconnect(&self, py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Py<Operation>> {
        let options = polymqtt_bridge::options::disconnect(named(options)?);
        let options = options.map_err(|error| arguments::option_error(py, error))?;
        Operation::start(py, &self.core, |token| self.core.client.disconnect(token, options))
    }

    #[pyo3(name = "_metrics")]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let metrics = self.core.client.metrics().or_raise(py)?;
        let fields = PyDict::new(py);
        fields.set_item("messages_sent", metrics.messages_sent)?;
        fields.set_item("messages_received", metrics.messages_received)?;
        fields.set_item("bytes_sent", metrics.bytes_sent)?;
        fields.set_item("bytes_received", metrics.bytes_received)?;
        fields.set_item("in_flight", metrics.in_flight)?;
        fields.set_item("queued", metrics.queued)?;
        fields.set_item("queued_bytes", metrics.queued_bytes)?;
        fields.set_item("dropped_outgoing", metrics.dropped_outgoing)?;
        fields.set_item("dropped_incoming", metrics.dropped_incoming)?;
        fields.set_item("requests", metrics.requests)?;
        fields.set_item("unmatched_responses", metrics.unmatched_responses)?;
        fields.set_item("reconnects", metrics.reconnects)?;
        fields.set_item("round_trip", metrics.round_trip.map(|time| time.as_secs_f64()))?;
        Ok(fields)
    }

    /// Where the client stands.
    #[pyo3(name = "_status")]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        outcome::status(py, &self.core.client.status().or_raise(py)?)
    }
}

impl Client {
    fn subscribe_request(
        &self,
        py: Python<'_>,
        filters: &[String],
        options: &Bound<'_, PyDict>,
    ) -> PyResult<SubscribeRequest> {
        let request = polymqtt_bridge::options::subscribe(filters, named(options)?);
        request.map_err(|error| arguments::option_error(py, error))
    }
}

/// Options by name, as the bridge takes them.
fn named(options: &Bound<'_, PyDict>) -> PyResult<Vec<(String, Value)>> {
    options
        .iter()
        .map(|(name, given)| Ok((name.extract()?, value(&name.extract::<String>()?, &given)?)))
        .collect()
}

fn value(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Value> {
    if given.is_none() {
        return Ok(Value::Null);
    }
    // Before int, which it is too.
    if let Ok(flag) = given.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if given.is_instance_of::<PyInt>() {
        return Ok(given.extract().map_or_else(|_too_large| Value::Number(f64::INFINITY), Value::Integer));
    }
    if given.is_instance_of::<PyFloat>() {
        return Ok(Value::Number(given.extract()?));
    }
    if given.is_instance_of::<PyDelta>() {
        return Ok(Value::Duration(arguments::duration(name, given)?));
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Value::Text(text.to_str()?.to_owned()));
    }
    if given.is_instance_of::<PyBytes>() {
        return Ok(Value::Bytes(arguments::payload(name, given)?));
    }
    if let Ok(list) = given.cast::<PyList>()
        && let Ok(texts) = list.extract::<Vec<String>>()
    {
        return Ok(Value::Texts(texts));
    }
    if let Ok(pairs) = arguments::pairs(name, given) {
        return Ok(Value::Pairs(pairs));
    }
    Ok(Value::Bytes(arguments::payload(name, given)?))
}
