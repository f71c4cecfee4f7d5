//! Random commands, cuts, resumes and losses, with the promises checked after each step.
//!
//! A failing seed is printed with the command that plays it alone. `POLYMQTT_EPISODES=<n>` sets how many episodes there
//! are, `POLYMQTT_EPISODES=forever` ends at the first failure only; `scripts/simulation` plays fast.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod counts;
mod episode;
#[cfg(feature = "mutants")]
mod mutants;
mod promises;
mod surroundings;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::{env, thread};

use crate::counts::Counts;
use crate::episode::Episode;

/// Where nothing else is said: enough to see that the simulation works.
const EPISODES: u64 = 100;

/// The process of the client lives on, or is killed in the middle of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Lives,
    Crashes,
}

#[test]
fn promises_hold_whatever_happens() {
    play(Process::Lives, "promises_hold_whatever_happens");
}

#[test]
fn promises_hold_even_if_the_process_is_killed() {
    play(Process::Crashes, "promises_hold_even_if_the_process_is_killed");
}

/// Plays all episodes on all cores. `test` says how to play a failed one again.
fn play(process: Process, test: &str) {
    if let Some(seed) = variable("POLYMQTT_SEED") {
        return play_alone(process, seed.parse().unwrap());
    }
    let episodes = match variable("POLYMQTT_EPISODES").as_deref() {
        None => EPISODES,
        Some("forever") => u64::MAX,
        Some(number) => number.parse().unwrap(),
    };
    let (next, failed, counts) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Counts::default()));
    let play_on = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= episodes {
                return;
            }
            let mut episode = Episode::new(seed, process);
            if catch_unwind(AssertUnwindSafe(|| episode.run())).is_err() {
                failed.store(true, Ordering::Relaxed);
                let again = format!("POLYMQTT_SEED={seed} scripts/simulation {test}");
                println!("seed {seed} failed; to play it again: {again}\n{:?}", episode.counts);
            }
            *counts.lock().unwrap() += episode.counts;
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(play_on)));
    });
    assert!(!failed.into_inner(), "a promise was broken");
    let counts = counts.into_inner().unwrap();
    println!("{process:?}, {episodes} episodes: {counts:?}");
    counts.assert_plenty(process, episodes);
}

fn play_alone(process: Process, seed: u64) {
    let mut episode = Episode::new(seed, process);
    episode.run();
    println!("{:?}", episode.counts);
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}
