//! Writes readings as the JSON lines that `polymqtt pub --json` takes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::machine::{self, Cpu, Load, Memory, Network};
use crate::reading::{End, Reading, Value};

/// Four readings a round: processor, load, memory, network. At least so many rounds, and as many as others need.
pub(crate) fn write(rounds: u64, every: Duration, others: Option<&Path>) -> io::Result<bool> {
    let name = machine::name()?;
    let mut out = io::stdout().lock();
    let mut next = Instant::now();
    let mut round = 0;
    while round < rounds || others.is_some_and(|file| !file.exists()) {
        for value in [
            Value::Cpu(Cpu::now()?),
            Value::Load(Load::now()?),
            Value::Memory(Memory::now()?),
            Value::Network(Network::now()?),
        ] {
            writeln!(out, "{}", line(&name, round, value)?)?;
        }
        out.flush()?;
        round += 1;
        next += every;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    if let Some(file) = others {
        let messages = round * 4 + published(file)? + 1;
        writeln!(out, "{}", line(&name, 0, Value::End(End { messages }))?)?;
    }
    Ok(true)
}

/// The number in the file.
fn published(file: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    text.trim()
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{text:?}: {error}")))
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
