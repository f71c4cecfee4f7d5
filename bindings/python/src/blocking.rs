//! The calls of a client that block, where one call of Python's is one call of ours: what is sent often must cost little.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client::Client;
use crate::message::Message;
use crate::operation::Operation;

/// The base of `polymqtt.sync.Client`: holds a client whose operations are waited for by blocking.
#[pyclass(frozen, module = "polymqtt", subclass, weakref)]
pub(crate) struct BlockingClient {
    #[pyo3(get, name = "_client")]
    client: Py<Client>,
}

#[pymethods]
impl BlockingClient {
    #[new]
    fn new(py: Python<'_>, servers: Vec<String>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        Ok(Self { client: Py::new(py, Client::new(py, servers, options, None)?)? })
    }

    /// Publishes a message, and waits for the server's acknowledgement.
    ///
    /// QoS 0 is done once the message is accepted. See `PublishOptions` for the arguments that are not told here.
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
    fn publish(
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
    ) -> PyResult<Py<PyAny>> {
        let publishing = self.client.get().publish(
            py,
            topic,
            payload,
            qos,
            retain,
            timeout,
            content_type,
            response_topic,
            correlation_data,
            message_expiry,
            payload_is_utf8,
            user_properties,
        )?;
        Operation::block_outcome(publishing.bind(py))
    }

    /// As `publish`, of a message that is there already.
    ///
    /// Args:
    ///     message: The message.
    ///     timeout: As that of `PublishOptions`.
    ///
    /// Raises:
    ///     MqttError: As `publish`.
    #[pyo3(signature = (message, *, timeout=None))]
    fn send(
        &self,
        py: Python<'_>,
        message: &Message,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let sending = self.client.get().send(py, message, timeout)?;
        Operation::block_outcome(sending.bind(py))
    }

    /// As `publish`, but waits for room in the queue only.
    ///
    /// Gives the `Delivery`: `wait` for the acknowledgement, now, later or never.
    ///
    /// Raises:
    ///     MqttError: Those of the message or its options, `QueueFullError` by policy, or that the client is closed.
    #[pyo3(signature = (topic, payload=None, *, qos=None, retain=false, timeout=None, content_type=None,
        response_topic=None, correlation_data=None, message_expiry=None, payload_is_utf8=None, user_properties=None),
        text_signature = "($self, topic, payload=b'', *, qos=0, retain=False, timeout=None, content_type=None, \
        response_topic=None, correlation_data=None, message_expiry=None, payload_is_utf8=None, user_properties=())")]
    fn enqueue(
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
        let delivery = self.client.get().publish(
            py,
            topic,
            payload,
            qos,
            retain,
            timeout,
            content_type,
            response_topic,
            correlation_data,
            message_expiry,
            payload_is_utf8,
            user_properties,
        )?;
        Operation::block_acceptance(delivery.bind(py))?;
        Ok(delivery)
    }

    /// Publishes a request, and waits for the answer (v5, section 4.10).
    ///
    /// Any number of threads may wait at once, up to 65,536. All answers arrive over one subscription, made at the first
    /// request. An interrupted wait gives the request up.
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
    fn request(
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
    ) -> PyResult<Py<PyAny>> {
        let requesting = self.client.get().request(
            py,
            topic,
            payload,
            qos,
            timeout,
            content_type,
            message_expiry,
            payload_is_utf8,
            user_properties,
        )?;
        Operation::block_outcome(requesting.bind(py))
    }
}
