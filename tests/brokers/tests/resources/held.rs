//! What this process holds at a moment.

use std::alloc::System;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::{Builder, Handle};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that may come and go at any time: those of who runs the tests, in a thread of its own.
const SLACK: usize = 512;

/// What this process holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// Allocated and not freed.
    pub(crate) bytes: usize,
    /// Sockets and other files.
    pub(crate) files: usize,
    /// Tasks of the runtime that this is called in.
    pub(crate) tasks: usize,
}

impl Held {
    pub(crate) fn now() -> Self {
        let files = fs::read_dir("/proc/self/fd").unwrap().count();
        let tasks = Handle::current().metrics().num_alive_tasks();
        let bytes = ALLOCATOR.stats();
        Self { bytes: bytes.bytes_allocated - bytes.bytes_deallocated, files, tasks }
    }

    /// Fails unless as many files and tasks are held as `earlier`, and no more bytes.
    pub(crate) fn is_no_more_than(self, earlier: Self, when: &str) {
        assert_eq!((self.files, self.tasks), (earlier.files, earlier.tasks), "files and tasks {when}");
        let more = self.bytes.saturating_sub(earlier.bytes);
        assert!(more <= SLACK, "{more} bytes more {when}");
    }
}

/// Runs a test with the process to itself, in a runtime of one thread: what it counts is its own. Whatever opens files
/// or takes memory belongs within.
pub(crate) fn alone(test: impl Future<Output = ()>) {
    static ONE: Mutex<()> = Mutex::new(());
    let _alone: MutexGuard<'_, ()> = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}
