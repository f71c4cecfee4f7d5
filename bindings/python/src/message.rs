//! Messages and acknowledgements as Python sees them.

use std::ffi::c_int;
use std::sync::OnceLock;

use polymqtt_bridge::message::Parts;
use polymqtt_bridge::mqtt::{self, Bytes, PublishProperties};
use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{self, Keywords};
use crate::errors::{OrRaise, pairs};
use crate::leaving::calling;
use crate::untracked::untracked;

/// Payloads up to this size become Python's bytes with the message: most programs ask for them. Larger ones only when
/// asked for; a `memoryview` needs no copy.
const EAGER: usize = 4096;

/// An application message (section 3.3), the same type for publishing and for receiving. It never changes.
///
/// `memoryview(message)` is the payload without a copy.
#[pyclass(frozen, module = "polymqtt", weakref)]
pub(crate) struct Message {
    topic: Py<PyString>,
    /// Python's copy of the payload, once there is one. Nothing waits for it while it is made: no lock of pyo3's, which would
    /// let other threads run for each message.
    payload: OnceLock<Py<PyBytes>>,
    /// All of it, or what is left where Python has the only copy of topic and payload.
    message: mqtt::Message,
    is_taken: bool,
}

#[pymethods]
impl Message {
    #[new]
    #[pyo3(signature = (topic, payload=None, *, qos=None, retain=false, content_type=None, response_topic=None,
        correlation_data=None, message_expiry=None, payload_is_utf8=None, user_properties=None),
        text_signature = "(topic, payload=b'', *, qos=0, retain=False, content_type=None, response_topic=None, \
        correlation_data=None, message_expiry=None, payload_is_utf8=None, user_properties=())")]
    fn new(
        topic: &Bound<'_, PyAny>,
        payload: Option<&Bound<'_, PyAny>>,
        qos: Option<&Bound<'_, PyAny>>,
        retain: bool,
        content_type: Option<&Bound<'_, PyAny>>,
        response_topic: Option<&Bound<'_, PyAny>>,
        correlation_data: Option<&Bound<'_, PyAny>>,
        message_expiry: Option<&Bound<'_, PyAny>>,
        payload_is_utf8: Option<bool>,
        user_properties: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
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
        let topic = topic.cast::<PyString>()?.clone().unbind();
        Ok(Self { topic, payload: OnceLock::new(), message, is_taken: false })
    }

    /// The topic name.
    #[getter]
    fn topic(&self, py: Python<'_>) -> Py<PyString> {
        self.topic.clone_ref(py)
    }

    /// The payload. `memoryview(message)` does without a copy.
    #[getter]
    fn payload(&self, py: Python<'_>) -> Py<PyBytes> {
        if let Some(payload) = self.payload.get() {
            return payload.clone_ref(py);
        }
        let payload = PyBytes::new(py, self.message.payload()).unbind();
        self.payload.get_or_init(|| payload).clone_ref(py)
    }

    /// The quality of service: for a received message, the one it was delivered with.
    #[getter]
    fn qos<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static QOS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        calling(py, || QOS.import(py, "polymqtt.qos", "QoS")?.call1((self.message.qos() as u8,)))
    }

    /// Publishing: whether the server is to keep it. Receiving: whether the server had kept it.
    ///
    /// With `retain_as_published`: whether it was published so.
    #[getter]
    fn retain(&self) -> bool {
        self.message.retain()
    }

    /// Whether the server marked it as sent before [MQTT-3.3.1-1]. Never set for QoS 0.
    #[getter]
    fn dup(&self) -> bool {
        self.message.dup()
    }

    /// The payload as text.
    ///
    /// Raises:
    ///     UnicodeDecodeError: The payload is not UTF-8.
    fn text<'a>(&'a self, py: Python<'a>) -> PyResult<&'a str> {
        let content = self.content(py);
        std::str::from_utf8(content).map_err(|error| {
            PyUnicodeDecodeError::new_utf8(py, content, error).map_or_else(|failed| failed, PyErr::from)
        })
    }

    /// The payload read as JSON.
    ///
    /// Raises:
    ///     ValueError: The payload is not JSON.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        calling(py, || LOADS.import(py, "json", "loads")?.call1((self.payload(py),)))
    }

    /// What the payload is, such as a media type (v5, section 3.3.2.3.9).
    #[getter]
    fn content_type(&self) -> Option<&str> {
        self.message.content_type()
    }

    /// Where an answer is expected (v5, section 3.3.2.3.5).
    #[getter]
    fn response_topic(&self) -> Option<&str> {
        self.properties()?.response_topic.as_ref().map(mqtt::Utf8String::as_str)
    }

    /// What an answer is recognised by (v5, section 3.3.2.3.6).
    #[getter]
    fn correlation_data<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let data = self.properties()?.correlation_data.as_ref()?;
        Some(PyBytes::new(py, data))
    }

    /// How long the message lives, in seconds (v5, section 3.3.2.3.3); `None`: forever.
    #[getter]
    fn message_expiry(&self) -> Option<f64> {
        self.properties()?.message_expiry_interval.map(f64::from)
    }

    /// Whether the payload is declared to be UTF-8 (v5, section 3.3.2.3.2); `None`: nothing is said.
    #[getter]
    fn payload_is_utf8(&self) -> Option<bool> {
        self.properties()?.payload_format_indicator
    }

    /// The user properties, in their order (v5, section 3.3.2.3.7).
    #[getter]
    fn user_properties(&self) -> Vec<(&str, &str)> {
        self.properties().map(|properties| pairs(&properties.user_properties)).unwrap_or_default()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let message = &self.message;
        let mut flags = String::new();
        if message.retain() {
            flags.push_str(" retain");
        }
        if message.dup() {
            flags.push_str(" dup");
        }
        let (topic, len) = (self.topic.bind(py).repr()?, self.content(py).len());
        Ok(format!("<Message {topic} {len} bytes qos={}{flags}>", message.qos()))
    }

    /// The payload where it is, for `memoryview(message)`.
    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let payload = slf.get().content(slf.py());
        let (start, len) = (payload.as_ptr().cast_mut().cast(), payload.len() as ffi::Py_ssize_t);
        // SAFETY: `view` is Python's to be filled. The payload is immutable (the view is read-only) and lives as long as
        // the message, which the view holds a reference to.
        let outcome = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len, 1, flags) };
        if outcome == -1 { Err(PyErr::fetch(slf.py())) } else { Ok(()) }
    }
}

impl Message {
    /// A message that was received. `last` is the topic of the one before: most often it is the same.
    #[inline]
    pub(crate) fn received(
        py: Python<'_>,
        message: mqtt::Message,
        last: &mut Option<Py<PyString>>,
    ) -> PyResult<Py<Self>> {
        let topic = match last {
            Some(last) if last.bind(py).to_str()? == message.topic() => last.clone_ref(py),
            last => last.insert(PyString::new(py, message.topic()).unbind()).clone_ref(py),
        };
        if message.payload().len() > EAGER {
            return untracked(
                py,
                Self { topic, payload: OnceLock::new(), message: message.detach(), is_taken: false },
            );
        }
        let payload = OnceLock::from(PyBytes::new(py, message.payload()).unbind());
        untracked(py, Self { topic, payload, message: message.without_content(), is_taken: true })
    }

    /// What is to be published.
    pub(crate) fn to_publish(&self, py: Python<'_>) -> PyResult<mqtt::Message> {
        if !self.is_taken {
            return Ok(self.message.clone());
        }
        let topic = self.topic.bind(py).to_str()?;
        let payload = Bytes::copy_from_slice(self.content(py));
        let message = Parts { topic, payload, ..Parts::default() }.message().or_raise(py)?;
        let message = message.with_qos(self.message.qos()).with_retain(self.message.retain());
        Ok(match self.properties() {
            Some(properties) => message.with_properties(properties.clone()),
            None => message,
        })
    }

    /// What it is acknowledged by.
    pub(crate) fn received_message(&self) -> &mqtt::Message {
        &self.message
    }

    fn content<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match self.payload.get() {
            Some(payload) if self.is_taken => payload.as_bytes(py),
            _ => self.message.payload(),
        }
    }

    fn properties(&self) -> Option<&PublishProperties> {
        self.message.properties()
    }
}

/// The server's acknowledgement of a message (sections 3.4 and 3.5).
#[pyclass(frozen, module = "polymqtt")]
pub(crate) struct PublishAck(pub(crate) mqtt::PublishAck);

#[pymethods]
impl PublishAck {
    /// `ReasonCode.SUCCESS`, or `ReasonCode.NO_MATCHING_SUBSCRIBERS` where the server tells.
    #[getter]
    fn reason_code<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static REASON_CODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let number = self.0.reason_code as u8;
        calling(py, || REASON_CODE.import(py, "polymqtt.reason_codes", "ReasonCode")?.call1((number,)))
    }

    /// The server's own words, for people only (v5).
    #[getter]
    fn reason_string(&self) -> Option<&str> {
        self.0.properties.as_ref()?.reason_string.as_ref().map(mqtt::Utf8String::as_str)
    }

    /// The user properties of the acknowledgement (v5).
    #[getter]
    fn user_properties(&self) -> Vec<(&str, &str)> {
        self.0.properties.as_ref().map(|properties| pairs(&properties.user_properties)).unwrap_or_default()
    }

    fn __repr__(&self) -> String {
        format!("<PublishAck {}>", self.0.reason_code)
    }
}
