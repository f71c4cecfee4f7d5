//! Objects that the garbage collector does not visit.

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;

/// Makes an object of a class that shows the collector no other objects. Every class of pyo3's is tracked all the same, and
/// each collection would visit all messages of a batch, and all operations in flight, for nothing.
#[inline]
#[allow(unsafe_code)]
pub(crate) fn untracked<T: PyClass<BaseType = PyAny>>(py: Python<'_>, value: T) -> PyResult<Py<T>> {
    let object = Py::new(py, value)?;
    // SAFETY: Python is attached, and this is an object of a class that the collector knows. An untracked object may go on to
    // live and die as others do.
    unsafe { ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
    Ok(object)
}
