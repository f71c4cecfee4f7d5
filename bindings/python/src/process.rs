//! Where a client may be used.

use pyo3::prelude::*;

use crate::errors::OrRaise;

/// The process that a client was made in; holds nothing of the client's.
#[pyclass(frozen, module = "polymqtt")]
pub(crate) struct Process(pub(crate) polymqtt_bridge::Process);

#[pymethods]
impl Process {
    /// Raises in a process that was forked from it.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.0.check().or_raise(py)
    }
}
