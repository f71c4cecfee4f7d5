//! Writes readings as the JSON lines that `polymqtt pub --json` takes.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::machine::{self, Cpu, Load, Memory, Network};
use crate::reading::{Reading, Value};

/// Four readings a round: processor, load, memory, network.
pub(crate) fn write(rounds: u64, every: Duration) -> io::Result<bool> {
    let name = machine::name()?;
    let mut out = io::stdout().lock();
    let mut next = Instant::now();
    for round in 0..rounds {
        for value in [
            Value::Cpu(Cpu::now()?),
            Value::Load(Load::now()?),
            Value::Memory(Memory::now()?),
            Value::Network(Network::now()?),
        ] {
            writeln!(out, "{}", line(&name, round, value)?)?;
        }
        out.flush()?;
        next += every;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(true)
}

/// A message in JSON; an object as payload travels as its text.
#[derive(Serialize)]
struct Line {
    topic: String,
    payload: Reading,
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    content_type: &'static str,
    payload_format_utf8: bool,
}

fn line(machine: &str, sequence: u64, value: Value) -> serde_json::Result<String> {
    serde_json::to_string(&Line {
        topic: format!("machines/{machine}/{}", value.kind()),
        payload: Reading::of(sequence, value),
        properties: Properties { content_type: "application/json", payload_format_utf8: true },
    })
}
