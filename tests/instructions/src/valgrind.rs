//! Runs scenarios under valgrind's callgrind, which counts every instruction.

use std::env;
use std::process::{Command, Output};

use polymqtt_instructions::{BATCH, Failure, Scenario};

/// Batches of the shorter run; the longer one has twice as many.
const BATCHES: usize = 20;

/// Batches of a run whose functions are shown: so many that preparing does not count.
const PROFILED: usize = 400;

/// Instructions a message: the difference of two runs, so that starting and preparing do not count.
pub(crate) fn instructions(scenario: Scenario) -> Result<f64, Failure> {
    let shorter = collected(scenario, BATCHES)?;
    let longer = collected(scenario, 2 * BATCHES)?;
    let messages = BATCHES * BATCH;
    Ok(longer.saturating_sub(shorter) as f64 / messages as f64)
}

/// Which functions the instructions of a scenario are in.
pub(crate) fn functions(scenario: Scenario) -> Result<String, Failure> {
    let file = env::temp_dir().join(format!("{}.{}.callgrind", scenario.name, std::process::id()));
    let ran = callgrind(scenario, PROFILED, &file.display().to_string()).and_then(|_| {
        finished("callgrind_annotate", Command::new("callgrind_annotate").arg("--auto=no").arg(&file))
    });
    // It may not have been made.
    drop(std::fs::remove_file(&file));
    Ok(String::from_utf8_lossy(&ran?.stdout).into_owned())
}

/// The compiler, by its version.
pub(crate) fn compiler() -> Result<String, Failure> {
    let output = finished("rustc", Command::new("rustc").arg("--version"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// All instructions of a process that plays so many batches.
fn collected(scenario: Scenario, batches: usize) -> Result<u64, Failure> {
    let output = callgrind(scenario, batches, "/dev/null")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let number = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    number.ok_or_else(|| format!("valgrind did not tell a number:\n{said}").into())
}

fn callgrind(scenario: Scenario, batches: usize, file: &str) -> Result<Output, Failure> {
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={file}")).arg(env::current_exe()?);
    finished("valgrind", command.args(["play", scenario.name, &batches.to_string()]))
}

fn finished(name: &str, command: &mut Command) -> Result<Output, Failure> {
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{name} failed:\n{}", String::from_utf8_lossy(&output.stderr)).into())
}
