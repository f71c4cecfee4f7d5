//! What became of an operation, as Python's objects. They are made when somebody asks.

use polymqtt_bridge::mqtt::{
    self, AckProperties, Completion, ConnectionPhase, Error, Grant, Granted, Limits, ReasonCode, Status,
    Undelivered, UnsubscribeAck, Version,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};

use crate::errors::{exception, instance, pairs};
use crate::leaving::once;
use crate::message::{Message, PublishAck};

pub(crate) enum Outcome {
    /// The message was published, and there is nothing more to say.
    Success,
    Value(Py<PyAny>),
    Failed(Error),
}

impl Outcome {
    /// The outcome that the engine tells.
    #[inline]
    pub(crate) fn of(py: Python<'_>, completion: Completion) -> Self {
        let value = match completion {
            Completion::Published(Ok(ack))
                if ack.reason_code == ReasonCode::Success && ack.properties.is_none() =>
            {
                return Self::Success;
            }
            Completion::Published(outcome) => {
                outcome.map(|ack| Py::new(py, PublishAck(ack)).map(Py::into_any))
            }
            Completion::Connected(outcome) => outcome.map(|granted| grant(py, &granted)),
            Completion::Subscribed(outcome) => outcome.map(|filters| granted(py, &filters)),
            Completion::Unsubscribed(outcome) => outcome.map(|ack| unsubscribed(py, &ack)),
            Completion::Responded(outcome) => {
                outcome.map(|message| Message::received(py, *message, &mut None).map(Py::into_any))
            }
            Completion::Reauthenticated(outcome) | Completion::Flushed(outcome) => {
                outcome.map(|()| Ok(py.None()))
            }
            Completion::Disconnected(rest) => Ok(undelivered(py, rest)),
        };
        match value {
            Ok(Ok(value)) => Self::Value(value),
            // Python is out of memory.
            Ok(Err(error)) => Self::Value(error.into_value(py).into_any()),
            Err(error) => Self::Failed(error),
        }
    }

    /// Nothing had to be unsubscribed.
    pub(crate) fn unsubscribed_before(py: Python<'_>) -> PyResult<Self> {
        unsubscribed(py, &UnsubscribeAck::default()).map(Self::Value)
    }

    #[inline]
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Success => Self::Success,
            Self::Value(value) => Self::Value(value.clone_ref(py)),
            Self::Failed(error) => Self::Failed(error.clone()),
        }
    }

    /// What `await` gives, or raises.
    #[inline]
    pub(crate) fn into_value(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Success => success(py),
            Self::Value(value) => Ok(value),
            Self::Failed(error) => Err(exception(py, &error)),
        }
    }
}

/// The acknowledgement that says nothing but success: one for all.
fn success(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static SUCCESS: PyOnceLock<Py<PublishAck>> = PyOnceLock::new();
    let make = || Py::new(py, PublishAck(mqtt::PublishAck::SUCCESS));
    Ok(once(py, &SUCCESS, make)?.clone_ref(py).into_any())
}

/// What the server granted for the connection.
pub(crate) fn grant(py: Python<'_>, grant: &Grant) -> PyResult<Py<PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("session_present", grant.session_present)?;
    fields.set_item("client_id", grant.client_id.as_str())?;
    fields.set_item("session_expiry", grant.session_expiry.map(|expiry| expiry.as_secs_f64()))?;
    fields.set_item("keep_alive", f64::from(grant.keep_alive))?;
    fields.set_item("limits", limits(py, &grant.limits)?)?;
    fields.set_item("response_information", grant.response_information.as_deref())?;
    fields.set_item("reason_string", grant.reason_string.as_deref())?;
    fields.set_item("user_properties", pairs(&grant.user_properties))?;
    Ok(fields.into_any().unbind())
}

fn limits<'py>(py: Python<'py>, limits: &Limits) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("version", version(limits.version))?;
    fields.set_item("receive_maximum", limits.receive_maximum)?;
    fields.set_item("maximum_qos", limits.maximum_qos as u8)?;
    fields.set_item("retain_available", limits.retain_available)?;
    fields.set_item("maximum_packet_size", limits.maximum_packet_size)?;
    fields.set_item("topic_alias_maximum", limits.topic_alias_maximum)?;
    fields.set_item("wildcard_subscriptions", limits.wildcard_subscriptions)?;
    fields.set_item("subscription_identifiers", limits.subscription_identifiers)?;
    fields.set_item("shared_subscriptions", limits.shared_subscriptions)?;
    Ok(fields)
}

fn version(version: Version) -> &'static str {
    match version {
        Version::V311 => "3.1.1",
        Version::V5 => "5",
    }
}

fn granted(py: Python<'_>, filters: &[Granted]) -> PyResult<Py<PyAny>> {
    let list = PyList::empty(py);
    for Granted { filter, outcome, properties } in filters {
        let fields = PyDict::new(py);
        fields.set_item("filter", filter.as_str())?;
        match outcome {
            Ok(qos) => fields.set_item("qos", *qos as u8)?,
            Err(error) => {
                fields.set_item("qos", py.None())?;
                fields.set_item("error", instance(py, error)?)?;
            }
        }
        set_properties(&fields, properties.as_deref())?;
        list.append(fields)?;
    }
    Ok(list.into_any().unbind())
}

fn unsubscribed(py: Python<'_>, ack: &UnsubscribeAck) -> PyResult<Py<PyAny>> {
    let fields = PyDict::new(py);
    let codes: Vec<i32> = ack.reason_codes.iter().map(|code| i32::from(*code as u8)).collect();
    fields.set_item("reason_codes", codes)?;
    set_properties(&fields, ack.properties.as_deref())?;
    Ok(fields.into_any().unbind())
}

fn undelivered(py: Python<'_>, undelivered: Undelivered) -> PyResult<Py<PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("queued", undelivered.queued)?;
    fields.set_item("unacknowledged", undelivered.unacknowledged)?;
    Ok(fields.into_any().unbind())
}

fn set_properties(fields: &Bound<'_, PyDict>, properties: Option<&AckProperties>) -> PyResult<()> {
    let reason_string = properties.and_then(|properties| properties.reason_string.as_deref());
    let user_properties = properties.map(|properties| pairs(&properties.user_properties)).unwrap_or_default();
    fields.set_item("reason_string", reason_string)?;
    fields.set_item("user_properties", user_properties)
}

/// Where a client stands.
pub(crate) fn status<'py>(py: Python<'py>, status: &Status) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("in_flight", status.in_flight)?;
    fields.set_item("queued", status.queued)?;
    fields.set_item("subscriptions", status.subscriptions)?;
    fields.set_item("reconnects", status.reconnects)?;
    fields.set_item("text", status.to_string())?;
    let (phase, server, error) = match &status.phase {
        ConnectionPhase::NotStarted => ("not_started", None, None),
        ConnectionPhase::Connecting { server, attempt, .. } => {
            fields.set_item("attempt", attempt)?;
            ("connecting", server.as_ref(), None)
        }
        ConnectionPhase::Connected { server, client_id, version, session_present, lasted, .. } => {
            fields.set_item("client_id", client_id.as_str())?;
            fields.set_item("version", self::version(*version))?;
            fields.set_item("session_present", session_present)?;
            fields.set_item("lasted", lasted.as_secs_f64())?;
            ("connected", server.as_ref(), None)
        }
        ConnectionPhase::Waiting { server, attempt, retry_in, error, .. } => {
            fields.set_item("attempt", attempt)?;
            fields.set_item("retry_in", retry_in.as_secs_f64())?;
            ("waiting", server.as_ref(), error.as_ref())
        }
        ConnectionPhase::Disconnecting { server, error, .. } => {
            ("disconnecting", server.as_ref(), error.as_ref())
        }
        ConnectionPhase::Closed { error, .. } => ("closed", None, error.as_ref()),
        _ => ("unknown", None, None),
    };
    fields.set_item("phase", phase)?;
    fields.set_item("server", server.map(ToString::to_string))?;
    fields.set_item("error", error.map(|error| instance(py, error)).transpose()?)?;
    Ok(fields)
}
