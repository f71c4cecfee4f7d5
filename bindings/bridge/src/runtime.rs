//! The runtime that drives the clients of a process: made at the first of them, and anew after a fork.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use polymqtt::{Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};

static FORKS: AtomicU64 = AtomicU64::new(0);
static RUNTIME: Mutex<Option<(Process, &'static Runtime)>> = Mutex::new(None);

/// A process, told apart from those it was forked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(u64);

impl Process {
    /// This one.
    #[must_use]
    #[inline]
    pub fn current() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// To be called by the host, in the child, right after a fork: threads, and what they held, stayed in the parent.
    pub fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    /// That this is still the process where something was made.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] in a child of it.
    #[inline]
    pub fn check(self) -> Result<(), Error> {
        if self == Self::current() {
            return Ok(());
        }
        let what = "the client belongs to the process that this one was forked from: connect a new one here";
        Err(Error::new(ErrorKind::Closed, what))
    }
}

/// The runtime of this process. It lives as long as the process: joining its threads at exit could hang.
///
/// # Errors
/// When its thread can't be started.
pub(crate) fn runtime() -> Result<&'static Runtime, Error> {
    let mut made = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((process, runtime)) = *made
        && process == Process::current()
    {
        return Ok(runtime);
    }
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("polymqtt").enable_all().build().map_err(
            |error| Error::new(ErrorKind::Closed, format!("the background thread can't be started: {error}")),
        )?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *made = Some((Process::current(), runtime));
    Ok(runtime)
}
