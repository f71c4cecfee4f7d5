//! The engine's deadlines: a small table with a minimum.

use crate::time::Timestamp;

/// What a deadline is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timer {
    /// The attempt to connect takes too long.
    Connect,
    /// The next attempt is due.
    Reconnect,
    /// Look at the keep alive.
    KeepAlive,
    /// The connection has lasted long enough to count as stable.
    Stable,
    /// A message of the queue may have expired.
    Expiry,
    /// A publish's timeout may have passed.
    Publish,
    /// SUBACK or UNSUBACK may be overdue.
    Subscribe,
    /// An answer to a request may be overdue.
    Request,
    /// A message has waited long enough for a stream.
    Unclaimed,
    /// Acknowledgements have waited long for an earlier one.
    AcksHeld,
    /// A re-authentication takes too long.
    Authenticate,
    /// Draining before a disconnect takes too long.
    Drain,
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    table: [Option<Timestamp>; 12],
    /// The earliest of them: asked for with every message, changed rarely.
    next: Option<Timestamp>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Option<Timestamp>) {
        if let Some(place) = self.table.get_mut(timer as usize) {
            *place = at;
        }
        self.next = self.table.iter().flatten().min().copied();
    }

    /// Sets the timer unless it fires earlier anyway.
    pub(super) fn set_at_latest(&mut self, timer: Timer, at: Timestamp) {
        let sooner = self.at(timer).map_or(at, |earlier| earlier.min(at));
        self.set(timer, Some(sooner));
    }

    pub(super) fn at(&self, timer: Timer) -> Option<Timestamp> {
        self.table.get(timer as usize).copied().flatten()
    }

    /// Whether the timer has fired; it is then off.
    pub(super) fn take_due(&mut self, timer: Timer, now: Timestamp) -> bool {
        let due = self.at(timer).is_some_and(|at| at <= now);
        if due {
            self.set(timer, None);
        }
        due
    }

    #[inline]
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
