//! How reconnecting waits.

use std::time::Duration;

/// Exponential back-off with full jitter: attempt n waits a random time between zero and
/// `min(longest, shortest * 2^n)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconnectOptions {
    /// The upper bound of the first wait; the default is 0.5 seconds.
    pub shortest: Duration,
    /// The upper bound of every wait; the default is 60 seconds.
    pub longest: Duration,
    /// How long a connection must last before the waits start small again; the default is 30 seconds.
    pub stable_after: Duration,
}

impl Default for ReconnectOptions {
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(500),
            longest: Duration::from_secs(60),
            stable_after: Duration::from_secs(30),
        }
    }
}
