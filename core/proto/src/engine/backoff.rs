//! How long to wait before the next attempt to connect.

use std::time::Duration;

use crate::options::ReconnectOptions;

/// Exponential back-off with full jitter from a seeded generator.
#[derive(Debug)]
pub(super) struct Backoff {
    jitter: fastrand::Rng,
    /// Waits since the last stable connection.
    waits: u32,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { jitter: fastrand::Rng::with_seed(seed), waits: 0 }
    }

    /// The next wait: random between zero and the exponential bound.
    pub(super) fn next(&mut self, options: &ReconnectOptions) -> Duration {
        let factor = 2_u32.saturating_pow(self.waits.min(31));
        let bound = options.shortest.saturating_mul(factor).min(options.longest);
        self.waits = self.waits.saturating_add(1);
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.jitter.u64(0..=micros))
    }

    /// A connection has lasted: waits start small again.
    pub(super) fn reset(&mut self) {
        self.waits = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_an_exponential_bound_and_use_its_whole_width() {
        let options = ReconnectOptions::default();
        let mut longest = [Duration::ZERO; 12];
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            for (n, longest) in (0..).zip(&mut longest) {
                let wait = backoff.next(&options);
                assert!(wait <= (options.shortest * (1 << n)).min(options.longest));
                *longest = wait.max(*longest);
            }
        }
        assert!(longest[0] > Duration::from_millis(450) && longest[11] > Duration::from_secs(55));
    }
}
