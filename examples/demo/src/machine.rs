//! What this machine says of itself in `/proc`.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// Processor time since the start in clock ticks, all processors together (`/proc/stat`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cpu {
    pub(crate) busy_ticks: u64,
    pub(crate) idle_ticks: u64,
}

/// Load averages and tasks (`/proc/loadavg`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Of the last minute.
    pub(crate) one: f64,
    /// Of the last five minutes.
    pub(crate) five: f64,
    /// Of the last fifteen minutes.
    pub(crate) fifteen: f64,
    /// Tasks that run now.
    pub(crate) running: u64,
    /// Tasks that there are.
    pub(crate) tasks: u64,
}

/// Memory in KiB (`/proc/meminfo`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) total_kib: u64,
    /// What programs could take without swapping.
    pub(crate) available_kib: u64,
}

/// Bytes since the start, all interfaces together (`/proc/net/dev`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
}

/// The machine's name, fit to be a level of a topic.
pub(crate) fn name() -> io::Result<String> {
    let name = read("/proc/sys/kernel/hostname")?;
    Ok(name
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' })
        .collect())
}

impl Cpu {
    pub(crate) fn now() -> io::Result<Self> {
        Self::parse(&read("/proc/stat")?).ok_or_else(|| unreadable("/proc/stat"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        let (user, nice, system, idle, waiting) = (ticks()?, ticks()?, ticks()?, ticks()?, ticks()?);
        let (interrupts, soft_interrupts) = (ticks()?, ticks()?);
        Some(Self {
            busy_ticks: user + nice + system + interrupts + soft_interrupts,
            idle_ticks: idle + waiting,
        })
    }

    /// The part of the time since `earlier` that was busy, from 0 to 1.
    pub(crate) fn busy_since(&self, earlier: &Self) -> f64 {
        let busy = self.busy_ticks.saturating_sub(earlier.busy_ticks) as f64;
        let idle = self.idle_ticks.saturating_sub(earlier.idle_ticks) as f64;
        if busy + idle > 0.0 { busy / (busy + idle) } else { 0.0 }
    }
}

impl Load {
    pub(crate) fn now() -> io::Result<Self> {
        Self::parse(&read("/proc/loadavg")?).ok_or_else(|| unreadable("/proc/loadavg"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_whitespace();
        let mut average = || fields.next()?.parse().ok();
        let (one, five, fifteen) = (average()?, average()?, average()?);
        let (running, tasks) = fields.next()?.split_once('/')?;
        Some(Self { one, five, fifteen, running: running.parse().ok()?, tasks: tasks.parse().ok()? })
    }
}

impl Memory {
    pub(crate) fn now() -> io::Result<Self> {
        Self::parse(&read("/proc/meminfo")?).ok_or_else(|| unreadable("/proc/meminfo"))
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self { total_kib: field("MemTotal")?, available_kib: field("MemAvailable")? })
    }

    /// The part that is in use, from 0 to 1.
    pub(crate) fn used(&self) -> f64 {
        1.0 - self.available_kib as f64 / self.total_kib.max(1) as f64
    }
}

impl Network {
    pub(crate) fn now() -> io::Result<Self> {
        Self::parse(&read("/proc/net/dev")?).ok_or_else(|| unreadable("/proc/net/dev"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut sum = Self { received_bytes: 0, sent_bytes: 0 };
        for (_, counters) in text.lines().filter_map(|line| line.split_once(':')) {
            let mut counters = counters.split_whitespace();
            sum.received_bytes += counters.next()?.parse::<u64>().ok()?;
            // Eight counters of receiving come first.
            sum.sent_bytes += counters.nth(7)?.parse::<u64>().ok()?;
        }
        Some(sum)
    }
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error} (only Linux has it)")))
}

fn unreadable(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{path} is not as expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu() {
        let earlier = Cpu::parse("cpu  10 1 5 80 4 1 2 0 0 0\ncpu0 1 1\n").unwrap();
        assert_eq!(earlier, Cpu { busy_ticks: 19, idle_ticks: 84 });
        let now = Cpu { busy_ticks: 22, idle_ticks: 85 };
        assert!((now.busy_since(&earlier) - 0.75).abs() < 1e-9);
        assert_eq!(now.busy_since(&now), 0.0);
        assert_eq!(Cpu::parse("cpu  10 1"), None);
    }

    #[test]
    fn load() {
        let load = Load::parse("0.42 0.30 0.11 2/180 12345\n").unwrap();
        assert_eq!(load, Load { one: 0.42, five: 0.30, fifteen: 0.11, running: 2, tasks: 180 });
        assert_eq!(Load::parse("0.42"), None);
    }

    #[test]
    fn memory() {
        let text = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    250 kB\n";
        let memory = Memory::parse(text).unwrap();
        assert_eq!(memory, Memory { total_kib: 1000, available_kib: 250 });
        assert!((memory.used() - 0.75).abs() < 1e-9);
        assert_eq!(Memory::parse("MemTotal: 1 kB"), None);
    }

    #[test]
    fn network_sums_the_interfaces() {
        let text = "Inter-|   Receive\n face |bytes packets\n    lo: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n  eth0:5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n";
        assert_eq!(Network::parse(text), Some(Network { received_bytes: 15, sent_bytes: 27 }));
    }
}
