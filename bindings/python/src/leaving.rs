//! The interpreter's end: a thread must not meet it below a frame of Rust's.
//!
//! Python, before 3.14, ends a thread that asks for its turn too late by unwinding its stack, which must not reach Rust's
//! frames: wheels have an unwinder of their own. So the end waits for threads that will ask, as do those that come back
//! from a wait and those that run code of Python's; and who would ask after that stays where it is, until the process
//! ends.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

static LEAVING: AtomicBool = AtomicBool::new(false);
/// The thread that ends the interpreter goes on.
static LEAVER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// What all threads have [`DEPTH`] of.
static ASKING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How often, one within the other, this thread is where it will ask for its turn.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The longest that the end waits for threads.
const LONGEST: Duration = Duration::from_secs(1);

/// Waits without keeping other threads from Python.
pub(crate) fn detached<T: Send>(py: Python<'_>, wait: impl FnOnce() -> T + Send) -> T {
    let (waited, _asking) = py.detach(|| {
        let waited = wait();
        let asking = Asking::begin();
        if is_too_late() {
            stay();
        }
        (waited, asking)
    });
    waited
}

/// Calls what may run code of Python's, during which other threads have their turns.
#[inline]
pub(crate) fn calling<T>(py: Python<'_>, call: impl FnOnce() -> T) -> T {
    let _asking = Asking::begin();
    if is_too_late() {
        py.detach(stay);
    }
    call()
}

/// What is made once. Others have their turn while it is.
#[inline]
pub(crate) fn once<'a, T>(
    py: Python<'a>,
    cell: &'a PyOnceLock<T>,
    make: impl FnOnce() -> PyResult<T>,
) -> PyResult<&'a T> {
    match cell.get(py) {
        Some(made) => Ok(made),
        None => calling(py, || cell.get_or_try_init(py, make)),
    }
}

/// The interpreter is about to end: nobody comes back from now on.
#[pyfunction]
pub(crate) fn leave(py: Python<'_>) {
    *LEAVER.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current().id());
    LEAVING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let until = Instant::now() + LONGEST;
        while ASKING.load(Ordering::SeqCst) > DEPTH.get() && Instant::now() < until {
            std::thread::sleep(Duration::from_micros(100));
        }
    });
}

/// The threads of the parent are not in this process, but for the one that forked.
pub(crate) fn forked() {
    ASKING.store(DEPTH.get(), Ordering::SeqCst);
}

/// A stretch at whose end, or in which, this thread asks for its turn.
struct Asking;

impl Asking {
    /// Before it is looked at whether it is too late, so that either side sees the other.
    #[inline]
    fn begin() -> Self {
        ASKING.fetch_add(1, Ordering::SeqCst);
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
}

impl Drop for Asking {
    #[inline]
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        ASKING.fetch_sub(1, Ordering::SeqCst);
    }
}

#[inline]
fn is_too_late() -> bool {
    LEAVING.load(Ordering::SeqCst)
        && *LEAVER.lock().unwrap_or_else(PoisonError::into_inner) != Some(std::thread::current().id())
}

/// Nobody needs to wait for this thread.
fn stay() {
    ASKING.fetch_sub(DEPTH.get(), Ordering::SeqCst);
    loop {
        std::thread::park();
    }
}
