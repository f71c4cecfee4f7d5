//! What a message costs a client whatever else the machine does: instructions and allocations. Each is the difference
//! of two runs, one twice as long as the other, so that starting and connecting do not count.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::workload::Workload;

/// Messages of the shorter run.
pub(crate) fn messages(workload: Workload) -> u64 {
    if workload.is_large() { 50 } else { 20_000 }
}

/// The program with the allocator that counts, beside this one.
const COUNTING: &str = "counting";

/// What a message costs; what could not be counted is missing.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cost {
    /// Instructions of the client's process outside of the kernel.
    pub(crate) instructions: Option<f64>,
    /// Blocks of memory asked for.
    pub(crate) allocations: Option<f64>,
}

/// The difference of two counts, a message.
pub(crate) fn each(shorter: u64, longer: u64, messages: u64) -> f64 {
    (longer as f64 - shorter as f64) / messages.max(1) as f64
}

/// A program under valgrind's callgrind, which counts every instruction; its arguments are still to be added.
pub(crate) fn callgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command
}

/// Whether [`callgrind`] can be run.
pub(crate) fn has_callgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The instructions that callgrind told of.
pub(crate) fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// The program that counts allocations, where it was built.
pub(crate) fn counting() -> Option<PathBuf> {
    let program = env::current_exe().ok()?.with_file_name(COUNTING);
    program.exists().then_some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_costs_the_difference() {
        let said = "==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(each(1000, 3500, 1000), 2.5);
    }
}
