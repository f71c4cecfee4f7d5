//! The interpreter's end: a thread that blocks here must not come back to it.
//!
//! Python ends such a thread by unwinding its stack, which must not reach Rust's frames: wheels have an unwinder of their
//! own. So it stays where it is, until the process ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

static LEAVING: AtomicBool = AtomicBool::new(false);
/// The thread that ends the interpreter goes on.
static LEAVER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// Threads between their wait and Python.
static RETURNING: AtomicUsize = AtomicUsize::new(0);

/// The longest that the end waits for threads on their way back.
const LONGEST: Duration = Duration::from_secs(1);

/// Waits without keeping other threads from Python.
pub(crate) fn detached<T: Send>(py: Python<'_>, wait: impl FnOnce() -> T + Send) -> T {
    let waited = py.detach(|| {
        let waited = wait();
        // First, so that either side sees the other.
        RETURNING.fetch_add(1, Ordering::SeqCst);
        if LEAVING.load(Ordering::SeqCst) && !is_leaver() {
            RETURNING.fetch_sub(1, Ordering::SeqCst);
            loop {
                std::thread::park();
            }
        }
        waited
    });
    RETURNING.fetch_sub(1, Ordering::SeqCst);
    waited
}

/// The interpreter is about to end: nobody comes back from now on.
#[pyfunction]
pub(crate) fn leave(py: Python<'_>) {
    *LEAVER.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current().id());
    LEAVING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let until = Instant::now() + LONGEST;
        while RETURNING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_micros(100));
        }
    });
}

/// The threads of the parent are not in this process.
pub(crate) fn forked() {
    RETURNING.store(0, Ordering::SeqCst);
}

fn is_leaver() -> bool {
    *LEAVER.lock().unwrap_or_else(PoisonError::into_inner) == Some(std::thread::current().id())
}
