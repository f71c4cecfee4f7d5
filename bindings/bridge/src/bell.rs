//! The wake: rung when a client has news after it had none.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::time::{Duration, Instant};

/// Wakes the threads that wait for it; and makes a descriptor readable, for hosts that have a poller of their own.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
    pipe: Option<(PipeReader, PipeWriter)>,
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

    /// Makes the readable descriptor unreadable again. Blocks on one that is not readable.
    pub fn hush(&self) {
        if let Some(mut reader) = self.descriptor() {
            // More than one ring, where news were taken before the descriptor was looked at.
            let _read = reader.read(&mut [0; 64]);
        }
    }

    /// How often it has rung.
    #[must_use]
    pub fn rings(&self) -> u64 {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has rung more often than `seen`, or until `deadline`; how often it has.
    #[must_use]
    pub fn wait(&self, seen: u64, deadline: Option<Instant>) -> u64 {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        while *rings == seen {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            rings = match left {
                Some(left) => self.rung.wait_timeout(rings, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.rung.wait(rings).unwrap_or_else(PoisonError::into_inner),
            };
        }
        *rings
    }

    /// Wakes those who wait, without the descriptor: when one of them has taken news that are others'.
    pub fn pass_on(&self) {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
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
            let _written = writer.write(&[1]);
        }
    }
}
