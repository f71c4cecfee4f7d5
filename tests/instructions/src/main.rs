//! Counts instructions a message with valgrind and compares them with the table that is kept. `README.md` says how.

mod table;
mod valgrind;

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use polymqtt_instructions::{Failure, SCENARIOS, Scenario};

use crate::table::Table;

const USAGE: &str =
    "polymqtt-instructions [--keep] [NAME ...]    count, compare with the kept table, and keep it
polymqtt-instructions functions NAME         where the instructions of a scenario go
polymqtt-instructions play NAME BATCHES      what is counted";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["--help"] => say(USAGE),
        ["play", name, batches] => play(name, batches),
        ["functions", name] => scenario(name).and_then(valgrind::functions).and_then(|text| say(&text)),
        ["--keep"] => keep(),
        names => compare(names),
    };
    if let Err(error) = outcome {
        eprintln!("polymqtt-instructions: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn play(name: &str, batches: &str) -> Result<(), Failure> {
    scenario(name)?.play(batches.parse()?)
}

/// Counts all scenarios and rewrites the table.
fn keep() -> Result<(), Failure> {
    let counted = count(SCENARIOS.iter().copied())?;
    counted.write(&kept_file())?;
    say("kept")
}

/// Counts the scenarios whose names contain one of `names`, all where there is none.
fn compare(names: &[&str]) -> Result<(), Failure> {
    let wanted =
        |scenario: &Scenario| names.is_empty() || names.iter().any(|name| scenario.name.contains(name));
    let scenarios: Vec<Scenario> = SCENARIOS.iter().copied().filter(wanted).collect();
    if scenarios.is_empty() {
        return Err(format!("no scenario is called so; usage:\n{USAGE}").into());
    }
    count(scenarios).map(drop)
}

/// Counts, and shows each count beside the kept one as soon as it is known.
fn count(scenarios: impl IntoIterator<Item = Scenario>) -> Result<Table, Failure> {
    let kept = Table::read(&kept_file())?;
    let mut counted = Table::new(valgrind::compiler()?);
    if let Some(difference) = kept.other_compiler(&counted) {
        say(&difference)?;
    }
    say(&Table::title())?;
    for scenario in scenarios {
        let instructions = valgrind::instructions(scenario)?;
        say(&kept.compare(scenario.name, instructions))?;
        counted.push(scenario.name, instructions);
    }
    Ok(counted)
}

fn scenario(name: &str) -> Result<Scenario, Failure> {
    let names = || SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    Scenario::named(name).ok_or_else(|| format!("no scenario is called {name}; there are {}", names()).into())
}

fn kept_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.md")
}

/// A line on standard output; whoever reads it may have gone.
fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
