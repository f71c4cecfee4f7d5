//! Allocations of the engine in each scenario, once its tables and buffers have grown. One test only: it counts
//! those of the whole process.

use std::alloc::System;

use polymqtt_instructions::{BATCH, SCENARIOS, Scenario};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Batches of the shorter run; the longer one has twice as many.
const BATCHES: usize = 20;

/// The most that a batch may allocate.
fn allowed(scenario: Scenario) -> usize {
    match scenario.name {
        // The topic, which comes as a borrowed text.
        "publish-new-topic" => BATCH,
        // What is known of messages until their PUBREL.
        "receive-qos2" => BATCH / 6,
        _ => 0,
    }
}

#[test]
fn messages_allocate_nothing_of_their_own() {
    for scenario in SCENARIOS.iter().copied() {
        let batch = (counted(scenario, 2 * BATCHES) - counted(scenario, BATCHES)).div_ceil(BATCHES);
        let allowed = allowed(scenario);
        assert!(batch <= allowed, "{}: {batch} allocations a batch, {allowed} are allowed", scenario.name);
    }
}

/// Allocations of all batches, and of preparing them.
fn counted(scenario: Scenario, batches: usize) -> usize {
    let region = Region::new(ALLOCATOR);
    let played = scenario.play(batches);
    let change = region.change();
    assert!(played.is_ok(), "{}: {played:?}", scenario.name);
    change.allocations + change.reallocations
}
