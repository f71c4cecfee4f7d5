//! Python's arguments as the bridge's values. What is of the wrong type is a `TypeError` that names the argument.

use std::time::Duration;

use polymqtt_bridge::message::{Parts, Properties};
use polymqtt_bridge::mqtt::{Bytes, Error, ErrorKind, Message, TopicFilter, UserProperties};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDelta, PyInt, PyString};

use crate::errors::{OrRaise, exception};
use crate::leaving::calling;

/// What a publish may be given by name.
pub(crate) struct Keywords<'a, 'py> {
    pub(crate) qos: Option<&'a Bound<'py, PyAny>>,
    pub(crate) retain: bool,
    pub(crate) content_type: Option<&'a Bound<'py, PyAny>>,
    pub(crate) response_topic: Option<&'a Bound<'py, PyAny>>,
    pub(crate) correlation_data: Option<&'a Bound<'py, PyAny>>,
    pub(crate) message_expiry: Option<&'a Bound<'py, PyAny>>,
    pub(crate) payload_is_utf8: Option<bool>,
    pub(crate) user_properties: Option<&'a Bound<'py, PyAny>>,
}

/// A message from the arguments of a publish.
#[inline]
pub(crate) fn message(
    topic: &Bound<'_, PyAny>,
    body: Option<&Bound<'_, PyAny>>,
    keywords: &Keywords<'_, '_>,
) -> PyResult<Message> {
    let parts = Parts {
        topic: text("topic", topic)?,
        payload: body.map_or_else(|| Ok(Bytes::new()), |body| payload("payload", body))?,
        qos: keywords.qos.map_or(Ok(0), |value| qos(value))?,
        retain: keywords.retain,
        properties: None,
    };
    if !keywords.has_properties() {
        return parts.message().or_raise(topic.py());
    }
    let optional_text =
        |name, value: Option<&'_ Bound<'_, PyAny>>| value.map(|value| owned_text(name, value)).transpose();
    let content_type = optional_text("content_type", keywords.content_type)?;
    let response_topic = optional_text("response_topic", keywords.response_topic)?;
    let correlation_data =
        keywords.correlation_data.map(|data| payload("correlation_data", data)).transpose()?;
    let message_expiry =
        keywords.message_expiry.map(|expiry| duration("message_expiry", expiry)).transpose()?;
    let user_properties =
        keywords.user_properties.map_or_else(|| Ok(Vec::new()), |given| pairs("user_properties", given))?;
    let properties = Properties {
        content_type: content_type.as_deref(),
        response_topic: response_topic.as_deref(),
        correlation_data,
        message_expiry,
        payload_is_utf8: keywords.payload_is_utf8,
        user_properties: &user_properties,
    };
    Parts { properties: Some(properties), ..parts }.message().or_raise(topic.py())
}

impl Keywords<'_, '_> {
    #[inline]
    fn has_properties(&self) -> bool {
        self.content_type.is_some()
            || self.response_topic.is_some()
            || self.correlation_data.is_some()
            || self.message_expiry.is_some()
            || self.payload_is_utf8.is_some()
            || self.user_properties.is_some_and(|given| given.len().map_or(true, |count| count > 0))
    }
}

/// Text that lives as long as its Python string.
#[inline]
pub(crate) fn text<'a>(name: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    match value.cast::<PyString>() {
        Ok(text) => text.to_str(),
        Err(_) => Err(wrong_type(name, "str", value)),
    }
}

fn owned_text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    text(name, value).map(str::to_owned)
}

/// Bytes, or text as UTF-8; always a copy, since Python may change or free what it gave.
#[inline]
pub(crate) fn payload(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Bytes::copy_from_slice(bytes.as_bytes()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Bytes::copy_from_slice(text.to_str()?.as_bytes()));
    }
    let buffer = calling(value.py(), || PyBuffer::<u8>::get(value))
        .map_err(|_not_bytes| wrong_type(name, "bytes, bytearray, memoryview of bytes, or str", value))?;
    Ok(Bytes::from(buffer.to_vec(value.py())?))
}

#[inline]
pub(crate) fn qos(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    match value.extract() {
        Ok(number) => Ok(number),
        // What does not fit is refused like other numbers that are no quality of service.
        Err(_too_large) if value.is_instance_of::<PyInt>() => Ok(u8::MAX),
        Err(_other) => Err(wrong_type("qos", "int", value)),
    }
}

/// A `timedelta`, or seconds.
pub(crate) fn duration(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds = calling(value.py(), || match value.cast::<PyDelta>() {
        Ok(delta) => delta.call_method0("total_seconds")?.extract::<f64>(),
        Err(_other) => value
            .extract::<f64>()
            .map_err(|_other| wrong_type(name, "seconds (int, float) or timedelta", value)),
    })?;
    if seconds == f64::INFINITY {
        return Ok(Duration::MAX);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_unfit| {
        let what = format!("{name}: {seconds} is no span of time: 0 or more seconds are");
        exception(value.py(), &Error::new(ErrorKind::InvalidOption, what))
    })
}

/// How long a wait may take; `None` for ever.
pub(crate) fn timeout(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    value.map(|value| duration("timeout", value)).transpose()
}

/// Pairs of text: a mapping, or an iterable of pairs.
pub(crate) fn pairs(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let wrong = || wrong_type(name, "a mapping of str to str, or pairs of them", value);
    calling(value.py(), || {
        // Not by `isinstance`, which would swallow a Ctrl-C.
        let items = if value.hasattr("items")? { value.call_method0("items")? } else { value.clone() };
        let pairs = items.try_iter().map_err(|_not_iterable| wrong())?;
        pairs.map(|pair| pair?.extract::<(String, String)>().map_err(|_other| wrong())).collect()
    })
}

/// User properties, checked.
pub(crate) fn user_properties(given: Option<&Bound<'_, PyAny>>) -> PyResult<UserProperties> {
    let Some(given) = given else {
        return Ok(UserProperties::new());
    };
    polymqtt_bridge::message::user_properties(&pairs("user_properties", given)?).or_raise(given.py())
}

/// Topic filters, checked.
pub(crate) fn filters(py: Python<'_>, given: &[String]) -> PyResult<Vec<TopicFilter>> {
    let checked = given.iter().map(|filter| polymqtt_bridge::topic::filter(filter)).collect::<Result<_, _>>();
    checked.or_raise(py)
}

pub(crate) fn wrong_type(name: &str, allowed: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let given = calling(value.py(), || value.get_type().name());
    let given = given.map(|name| name.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("{name}: expected {allowed}, not {given}"))
}

/// What is wrong with an option: its type, or its value.
pub(crate) fn option_error(py: Python<'_>, error: polymqtt_bridge::options::OptionError) -> PyErr {
    use polymqtt_bridge::options::OptionError;
    match error {
        OptionError::WrongType(what) => PyTypeError::new_err(what),
        OptionError::NotAllowed(error) => exception(py, &error),
    }
}
