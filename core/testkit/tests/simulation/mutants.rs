//! The simulation finds each deliberate fault of the engine by itself.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::thread;

use polymqtt_proto::mutant::Mutant;

use crate::Process;
use crate::episode::Episode;

/// Episodes within which a fault must show.
const MOST_EPISODES: u64 = 60;

#[test]
fn each_is_found() {
    // What is expected is not shown as it happens.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut unfound = Vec::new();
    for mutant in Mutant::ALL {
        match (0..MOST_EPISODES).find_map(|seed| symptom(seed, mutant).map(|symptom| (seed, symptom))) {
            Some((seed, symptom)) => {
                let words: Vec<&str> = symptom.split_whitespace().collect();
                println!("{mutant:?} found in episode {seed}: {:.150}", words.join(" "));
            }
            None => unfound.push(mutant),
        }
    }
    panic::set_hook(hook);
    assert!(unfound.is_empty(), "the simulation does not notice {unfound:?}");
}

/// How an episode of engines with this fault fails. On a thread of its own: nothing stays behind for the next one.
fn symptom(seed: u64, mutant: Mutant) -> Option<String> {
    let episode = move || {
        Mutant::activate(Some(mutant));
        let played = catch_unwind(AssertUnwindSafe(|| Episode::new(seed, Process::Lives).run()));
        let message = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(_literal) => String::from("a panic"),
        };
        played.err().map(message)
    };
    thread::spawn(episode).join().unwrap()
}
