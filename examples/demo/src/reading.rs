//! A reading as it travels: the payload of a message, in JSON.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::machine::{Cpu, Load, Memory, Network};

/// One reading. Python's part of the demo writes them too: `python/readings.py`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// Counts the readings of one kind from 0, so that a lost or repeated one shows.
    pub(crate) sequence: u64,
    pub(crate) value: Value,
    /// When it was taken, in microseconds since 1970.
    pub(crate) taken_us: u64,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Value {
    Cpu(Cpu),
    Load(Load),
    Memory(Memory),
    Network(Network),
    Python(Python),
    End(End),
}

/// What Python's part of the demo has used, and what it has received.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Python {
    /// Memory at most, in KiB.
    pub(crate) memory_kib: u64,
    /// Processor time in seconds.
    pub(crate) cpu_s: f64,
    /// Readings that came in.
    pub(crate) received: u64,
    /// Numbers that were left out.
    pub(crate) missing: u64,
    /// Numbers that came again.
    pub(crate) repeated: u64,
}

/// No more readings follow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    /// How many there were, whoever published them, this one included.
    pub(crate) messages: u64,
}

impl Reading {
    /// A reading that was taken now.
    pub(crate) fn of(sequence: u64, value: Value) -> Self {
        Self { sequence, value, taken_us: now_us() }
    }
}

impl Value {
    /// The last level of the topic.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Cpu(_) => "cpu",
            Self::Load(_) => "load",
            Self::Memory(_) => "memory",
            Self::Network(_) => "network",
            Self::Python(_) => "python",
            Self::End(_) => "end",
        }
    }
}

/// Microseconds since 1970.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
