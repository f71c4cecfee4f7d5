//! The benchmarks' program with an allocator that counts, for the clients whose allocations are to be known. Times are not
//! measured with it: counting slows what allocates.

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    polymqtt_benchmarks::main(Some(allocations))
}

/// Blocks asked for so far, growing one included.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}
