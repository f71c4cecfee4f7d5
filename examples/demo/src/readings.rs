//! Writes readings as the JSON lines that `polymqtt pub --json` takes.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::machine::{self, Load, Memory, Network};
use crate::reading::{Reading, Value};

/// Three readings a round: load, memory, network.
pub(crate) fn write(rounds: u64, every: Duration) -> io::Result<bool> {
    let name = machine::name()?;
    let mut out = io::stdout().lock();
    let mut next = Instant::now();
    for round in 0..rounds {
        for value in
            [Value::Load(Load::now()?), Value::Memory(Memory::now()?), Value::Network(Network::now()?)]
        {
            writeln!(out, "{}", line(&name, round, value))?;
        }
        out.flush()?;
        next += every;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(true)
}

fn line(machine: &str, sequence: u64, value: Value) -> serde_json::Value {
    json!({
        "topic": format!("machines/{machine}/{}", value.kind()),
        "payload": Reading::of(sequence, value),
        "properties": { "content_type": "application/json", "payload_format_utf8": true },
    })
}
