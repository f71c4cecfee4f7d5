//! The bounds of the outgoing queue and what happens when they are reached.

/// The one bounded queue of messages that wait to be sent, online and offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueOptions {
    /// Most messages that wait; the default is 10,000.
    pub max_messages: usize,
    /// Most bytes that wait or are in flight (topics and payloads); the default is 64 MiB.
    pub max_bytes: usize,
    /// What happens to a message that finds the queue full; the default is to wait.
    pub when_full: WhenFull,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { max_messages: 10_000, max_bytes: 64 * 1024 * 1024, when_full: WhenFull::Wait }
    }
}

/// What happens to a message that finds the queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// The caller waits for room, in order of asking.
    #[default]
    Wait,
    /// The caller gets the message back with a `queue full` error.
    Fail,
    /// The oldest waiting message ends as dropped.
    DropOldest,
    /// The new message ends as dropped.
    DropNewest,
    /// A waiting message to the same topic is dropped for the new one; where there is none, the oldest.
    LatestPerTopic,
}
