//! Wakers collected under the lock and woken after it.

use std::task::Waker;

/// Wakes what was collected when it is dropped: declare it before the lock is taken, so that it goes after it.
#[derive(Debug, Default)]
pub(crate) struct Wakes(Vec<Waker>);

impl Wakes {
    #[inline]
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }

    /// Wakes everything now; the room is kept for the next round.
    pub(crate) fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Wakes {
    #[inline]
    fn drop(&mut self) {
        // Mostly there is nobody to wake.
        if !self.0.is_empty() {
            self.wake();
        }
    }
}
