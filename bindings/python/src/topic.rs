//! Topics and filters without a client.

use pyo3::prelude::*;

use crate::arguments;
use crate::errors::OrRaise;

/// Whether a message published to a topic is one for a topic filter (section 4.7); no server is asked.
///
/// Of a shared subscription's `$share/<name>/<filter>`, the filter decides. One that begins with a wildcard matches no topic
/// that begins with `$` [MQTT-4.7.2-1].
///
/// Args:
///     filter: The topic filter.
///     topic: The topic name.
///
/// Raises:
///     TypeError: An argument of another type.
///     InvalidTopicError: One of them breaks a rule.
#[pyfunction]
pub(crate) fn matches(py: Python<'_>, filter: &Bound<'_, PyAny>, topic: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (filter, topic) = (arguments::text("filter", filter)?, arguments::text("topic", topic)?);
    polymqtt_bridge::topic::matches(filter, topic).or_raise(py)
}
