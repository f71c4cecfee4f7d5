//! A subscriber that is killed with messages in hand: the broker has kept each that it had not written out.

use std::collections::BTreeSet;
use std::io::Read;

use rustix::process::Signal;

use crate::brokers;
use crate::process::Running;

/// More than a pipe holds, some 1,000 bytes each, and fewer than mosquitto keeps for a client.
const MESSAGES: usize = 500;

#[test]
fn what_was_not_written_out_comes_again() {
    for (name, broker) in brokers::both() {
        for lasting in [&["-i", "five", "-c", "-x", "300"][..], &["-i", "three", "-c", "-V", "3.1.1"]] {
            let arguments = [&["-t", "work", "-q", "1"], lasting].concat();
            let mut first = Running::subscriber(&broker.url, &arguments);
            let work: String = (0..MESSAGES).map(|n| format!("{n} {}\n", "x".repeat(1000))).collect();
            let publisher = ["pub", "-q", "1", "-t", "work", "-l", "-W", "30"];
            let mut publisher = Running::start(&broker.url, &publisher);
            publisher.feed(work.as_bytes());
            // It has begun; nobody reads on, so that the rest piles up.
            let mut taken = BTreeSet::from([number(&first.line())]);
            publisher.end().output();
            first.signal(Signal::KILL);
            let mut rest = String::new();
            first.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
            // A line that was cut was not taken.
            taken.extend(rest.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(number));
            assert!(taken.len() < MESSAGES, "{name}: nothing was in hand");
            let arguments = [&["sub", "-W", "30"], &arguments[..]].concat();
            let mut again = Running::start(&broker.url, &arguments);
            while taken.len() < MESSAGES {
                taken.insert(number(&again.line()));
            }
        }
    }
}

/// Which message this line of output is.
fn number(line: &str) -> usize {
    line.split(' ').next().unwrap().parse().unwrap()
}
