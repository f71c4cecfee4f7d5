//! The wake: rung when a client has news after it had none.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::{Duration, Instant};

/// Wakes the threads that wait for it; and makes a descriptor readable, for hosts that have a poller of their own.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Mutex<Rings>,
    rung: Condvar,
    pipe: Option<(PipeReader, PipeWriter)>,
    /// Bytes in the pipe.
    unread: AtomicUsize,
}

#[derive(Debug, Default)]
struct Rings {
    count: u64,
    /// Threads that wait for the next: without them a ring spares a system call.
    awaited_by: usize,
}

impl Bell {
    /// A bell with a descriptor.
    ///
    /// # Errors
    /// When the process may open no more files.
    pub fn with_descriptor() -> std::io::Result<Self> {
        Ok(Self { pipe: Some(std::io::pipe()?), ..Self::default() })
    }

    /// What becomes readable when it rings; see [`Bell::hush`].
    #[must_use]
    pub fn descriptor(&self) -> Option<&PipeReader> {
        self.pipe.as_ref().map(|(reader, _)| reader)
    }

    /// Makes the readable descriptor unreadable again. Never blocks.
    pub fn hush(&self) {
        let Some(mut reader) = self.descriptor() else {
            return;
        };
        // More than one, where news were taken before the descriptor was looked at.
        let unread = self.unread.swap(0, Ordering::Acquire);
        let _all = std::io::copy(&mut reader.by_ref().take(unread as u64), &mut std::io::sink());
    }

    /// How often it has rung.
    #[must_use]
    pub fn rings(&self) -> u64 {
        self.lock().count
    }

    /// Waits until it has rung more often than `seen`, or until `deadline`; how often it has.
    #[must_use]
    pub fn wait(&self, seen: u64, deadline: Option<Instant>) -> u64 {
        let mut rings = self.lock();
        rings.awaited_by += 1;
        while rings.count == seen {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            rings = match left {
                Some(left) => self.rung.wait_timeout(rings, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.rung.wait(rings).unwrap_or_else(PoisonError::into_inner),
            };
        }
        rings.awaited_by -= 1;
        rings.count
    }

    /// Wakes those who wait, without the descriptor: when one of them has taken news that are others'.
    pub fn pass_on(&self) {
        let mut rings = self.lock();
        rings.count += 1;
        let awaited = rings.awaited_by > 0;
        drop(rings);
        if awaited {
            self.rung.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.pass_on();
        if let Some((_, writer)) = &self.pipe {
            // Never blocks: a client does not ring again before its news were taken.
            let mut writer = writer;
            if writer.write_all(&[1]).is_ok() {
                self.unread.fetch_add(1, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hushed_however_often_it_has_rung() {
        let bell = Arc::new(Bell::with_descriptor().unwrap());
        bell.hush();
        bell.wake_by_ref();
        bell.wake_by_ref();
        bell.hush();
        bell.hush();
        assert_eq!((bell.rings(), bell.unread.load(Ordering::Relaxed)), (2, 0));
    }

    #[test]
    fn a_wait_ends_with_a_ring_that_was_not_seen_or_with_its_time() {
        let bell = Arc::new(Bell::default());
        assert_eq!(bell.wait(0, Some(Instant::now())), 0);
        let waiting = std::thread::spawn({
            let bell = Arc::clone(&bell);
            move || bell.wait(0, None)
        });
        bell.wake_by_ref();
        assert_eq!(waiting.join().unwrap(), 1);
    }
}
