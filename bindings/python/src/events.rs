//! What happens to a client, as names and fields.

use polymqtt_bridge::mqtt::Event;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::instance;
use crate::outcome::grant;

/// The name of an event, and its fields.
pub(crate) fn event<'py>(py: Python<'py>, event: &Event) -> PyResult<(&'static str, Bound<'py, PyDict>)> {
    let fields = PyDict::new(py);
    fields.set_item("text", event.to_string())?;
    let name = match event {
        Event::Connecting { server, attempt } => {
            fields.set_item("server", server.to_string())?;
            fields.set_item("attempt", attempt)?;
            "connecting"
        }
        Event::Connected(granted) => {
            fields.set_item("grant", grant(py, granted)?)?;
            "connected"
        }
        Event::Disconnected { error, retry_in } => {
            fields.set_item("error", error.as_ref().map(|error| instance(py, error)).transpose()?)?;
            fields.set_item("retry_in", retry_in.map(|wait| wait.as_secs_f64()))?;
            "disconnected"
        }
        Event::Redirected { to, moved } => {
            fields.set_item("to", to.to_string())?;
            fields.set_item("moved", moved)?;
            "redirected"
        }
        Event::Reauthenticated => "reauthenticated",
        Event::ReauthenticationFailed { error } => {
            fields.set_item("error", instance(py, error)?)?;
            "reauthentication_failed"
        }
        Event::SessionLost => "session_lost",
        Event::Flapping { connections } => {
            fields.set_item("connections", connections)?;
            "flapping"
        }
        Event::AcksHeld { acks } => {
            fields.set_item("acks", acks)?;
            "acks_held"
        }
        Event::Dropped { outgoing, incoming } => {
            fields.set_item("outgoing", outgoing)?;
            fields.set_item("incoming", incoming)?;
            "dropped"
        }
        _ => "unknown",
    };
    Ok((name, fields))
}
