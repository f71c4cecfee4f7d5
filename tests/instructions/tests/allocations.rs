//! Allocations of the engine in each scenario, once its tables and buffers have grown. One test only: it counts
//! those of the whole process.

use std::alloc::System;

use polymqtt_instructions::{BATCH, SCENARIOS, Scenario};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Batches of the shorter run; the longer one has twice as many.
const BATCHES: usize = 20;

/// A buffer that bytes are read into, and that it is shared by the messages in it.
const READ: usize = 2;

/// The most that a batch may allocate.
fn allowed(scenario: Scenario) -> usize {
    match scenario.name {
        "encode-publish" | "decode-publish" | "encode-ack" | "decode-ack" => 0,
        "publish-qos0" | "publish-topic-alias" => 0,
        // The topic, which comes as a borrowed text.
        "publish-new-topic" => BATCH,
        "publish-qos1" => READ,
        "publish-qos2" => 2 * READ,
        "receive-qos0" | "receive-qos0-batches" | "receive-qos1" | "receive-qos1-batches" => READ,
        // What is known of messages until their PUBREL.
        "receive-qos2" => 2 * READ + BATCH / 6,
        "publish-qos1-one-by-one" | "receive-qos1-one-by-one" => BATCH * READ,
        _ => READ,
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
