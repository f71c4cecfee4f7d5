//! How objects act as coroutines of asyncio: each has `__await__`, `__next__`, `send`, `throw` and `close`.

use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What a coroutine does when it has its turn.
pub(crate) enum Turn {
    /// Waits for this future of the loop.
    Yield(Py<PyAny>),
    /// Ends.
    Return(Py<PyAny>),
}

impl Turn {
    /// As `__next__` tells it. Of the end the interpreter wants to know the value only, so that, where Python allows, no
    /// exception is made: that would cost more than most of what is awaited here.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn next(self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self {
            Self::Yield(future) => Ok(Some(future)),
            // These would be taken for the arguments of the exception, or for itself.
            Self::Return(value) if is_of::<PyTuple>(py, &value) || is_of::<PyBaseException>(py, &value) => {
                Err(PyStopIteration::new_err((value,)))
            }
            Self::Return(value) => {
                // SAFETY: Python is attached, both are valid objects, and no error is set before. Nothing given with an error
                // set is how `__next__` raises.
                unsafe { ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value.as_ptr()) };
                Ok(None)
            }
        }
    }

    /// As `send` tells it.
    pub(crate) fn sent(self) -> PyResult<Py<PyAny>> {
        match self {
            Self::Yield(future) => Ok(future),
            Self::Return(value) => Err(PyStopIteration::new_err((value,))),
        }
    }
}

/// What a coroutine's `throw` raises.
pub(crate) fn thrown(kind: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyErr {
    match value {
        Some(value) if !value.is_none() => PyErr::from_value(value.clone()),
        _ => PyErr::from_value(kind.clone()),
    }
}

fn is_of<T: pyo3::PyTypeInfo>(py: Python<'_>, value: &Py<PyAny>) -> bool {
    value.bind(py).is_instance_of::<T>()
}
