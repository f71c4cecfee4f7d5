//! The engine's errors as Python's exceptions.

use polymqtt_bridge::mqtt::{Error, UserProperties};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::leaving::calling;

static FROM_NATIVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception of `polymqtt.errors` that this error is.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    match instance(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The same, as a value.
pub(crate) fn instance<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let described = (
        error.kind().name(),
        error.to_string(),
        error.reason_code().map(|code| code as u8),
        error.reason_string(),
        pairs(error.user_properties()),
        error.retry_may_help(),
    );
    calling(py, || FROM_NATIVE.import(py, "polymqtt.errors", "from_native")?.call1(described))
}

/// User properties as a list of pairs.
pub(crate) fn pairs(user_properties: &UserProperties) -> Vec<(&str, &str)> {
    user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Results of the client, raised.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, Error> {
    #[inline]
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}
