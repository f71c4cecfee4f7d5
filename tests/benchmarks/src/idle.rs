//! Many connections in one process that do nothing: what each of them holds, and how long it takes to open them.

use std::fs;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::contenders::{Contender, Held};
use crate::error::{BenchError, Context};

/// Connections that are opened at the same time.
const OPENING: usize = 64;

/// Connections that are there before memory is looked at: what a process holds once is not theirs.
const BEFORE: usize = 100;

/// What a process with idle connections measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Idle {
    pub(crate) connections: usize,
    /// From the first attempt to the last CONNACK.
    pub(crate) opening: Duration,
    /// Resident memory a connection, in bytes; without that of the kernel.
    pub(crate) bytes: f64,
}

/// Opens connections and looks at the memory of this process.
pub(crate) async fn run(contender: Contender, port: u16, connections: usize) -> Result<Idle, BenchError> {
    raise_file_limit()?;
    let mut held = open(contender, port, BEFORE).await?;
    let before = resident()?;
    let began = Instant::now();
    held.extend(open(contender, port, connections).await?);
    let opening = began.elapsed();
    let after = resident()?;
    drop(held);
    let bytes = after.saturating_sub(before) as f64 / connections.max(1) as f64;
    Ok(Idle { connections, opening, bytes })
}

/// A process may have as many open files as its hard limit allows.
pub(crate) fn raise_file_limit() -> Result<(), BenchError> {
    rlimit::increase_nofile_limit(u64::MAX).context("raise the limit of open files").map(drop)
}

async fn open(contender: Contender, port: u16, connections: usize) -> Result<Vec<Held>, BenchError> {
    let mut held = Vec::with_capacity(connections);
    let mut opening = JoinSet::new();
    for _ in 0..connections {
        if opening.len() == OPENING
            && let Some(opened) = opening.join_next().await
        {
            held.push(opened.map_err(BenchError::client)??);
        }
        opening.spawn(contender.open(port));
    }
    while let Some(opened) = opening.join_next().await {
        held.push(opened.map_err(BenchError::client)??);
    }
    Ok(held)
}

/// The resident memory of this process, in bytes, as Linux tells it.
fn resident() -> Result<u64, BenchError> {
    let status = fs::read_to_string("/proc/self/status").context("read the memory in use")?;
    let kibibytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes.map(|kibibytes: u64| kibibytes * 1024).ok_or(BenchError::Protocol("no resident memory is told"))
}
