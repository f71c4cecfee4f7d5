//! What has happened: a generator that withers would prove less and less unnoticed.

use std::ops::AddAssign;

use crate::Process;

/// How often it happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) cuts: usize,
    pub(crate) half_open: usize,
    pub(crate) connections: usize,
    pub(crate) resumed: usize,
    pub(crate) losses: usize,
    pub(crate) crashes: usize,
    pub(crate) redirects: usize,
    pub(crate) limits_changed: usize,
    pub(crate) published: usize,
    pub(crate) expired: usize,
    pub(crate) refused_by_limits: usize,
    pub(crate) received: usize,
    pub(crate) acknowledged_late: usize,
    pub(crate) dropped: u64,
    pub(crate) responses: usize,
    pub(crate) unmatched_responses: u64,
    pub(crate) reauthenticated: usize,
}

impl Counts {
    /// Everything happens often enough, the process's death where it dies.
    pub(crate) fn assert_plenty(&self, process: Process, episodes: u64) {
        let least = |count: usize, in_hundred: u64| {
            assert!(count as u64 >= episodes * in_hundred / 100, "something happens too rarely: {self:?}");
        };
        least(self.cuts, 500);
        least(self.half_open, 100);
        least(self.resumed, 500);
        least(self.losses, 50);
        least(self.redirects, 30);
        least(self.limits_changed, 50);
        least(self.expired, 30);
        least(self.refused_by_limits, 10);
        least(self.acknowledged_late, 500);
        least(self.responses, 200);
        least(self.reauthenticated, 20);
        least(usize::try_from(self.dropped).unwrap(), 50);
        least(usize::try_from(self.unmatched_responses).unwrap(), 30);
        if process == Process::Crashes {
            least(self.crashes, 50);
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.half_open += other.half_open;
        self.connections += other.connections;
        self.resumed += other.resumed;
        self.losses += other.losses;
        self.crashes += other.crashes;
        self.redirects += other.redirects;
        self.limits_changed += other.limits_changed;
        self.published += other.published;
        self.expired += other.expired;
        self.refused_by_limits += other.refused_by_limits;
        self.received += other.received;
        self.acknowledged_late += other.acknowledged_late;
        self.dropped += other.dropped;
        self.responses += other.responses;
        self.unmatched_responses += other.unmatched_responses;
        self.reauthenticated += other.reauthenticated;
    }
}
