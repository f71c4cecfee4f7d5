//! The command line: what to measure, and the processes that a benchmark starts.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::contenders::{Contender, Threads};
use crate::error::{BenchError, Context};
use crate::task::Task;
use crate::workload::Workload;
use crate::{idle, idle_report, report, runner, server};

/// Measures MQTT clients side by side on loopback.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    settings: Settings,
}

/// The processes that a benchmark starts.
#[derive(Subcommand)]
enum Role {
    /// Serve on a free port until standard input ends; over TLS as well, if there are certificates.
    #[command(hide = true)]
    RunServer { certificates: Option<PathBuf> },
    /// Measure one run and print it as JSON.
    #[command(hide = true)]
    RunClient {
        contender: Contender,
        workload: Workload,
        port: u16,
        count: u64,
        #[arg(long)]
        authority: Option<PathBuf>,
    },
    /// Hold idle connections and print as JSON what they take.
    #[command(hide = true)]
    HoldIdle { contender: Contender, port: u16, connections: usize },
}

/// What to measure and for how long.
#[derive(Args)]
struct Settings {
    /// Only what contains one of these texts in its name, `workload/contender`; all by default.
    filters: Vec<String>,
    /// Runs of each contender and workload, interleaved.
    #[arg(long, default_value_t = 7)]
    runs: u32,
    /// Length of a run in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Messages a run, instead of as many as fill its time.
    #[arg(long)]
    messages: Option<u64>,
    /// Seconds after which a run is given up and its contender left out of the workload.
    #[arg(long, default_value_t = 30)]
    timeout: u64,
    /// Count no instructions: valgrind takes its time.
    #[arg(long)]
    no_instructions: bool,
    /// Idle connections in one process.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Write everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The program. `allocations` tells how many blocks of memory the process has asked for, where that is counted.
#[must_use]
pub fn main(allocations: Option<fn() -> u64>) -> ExitCode {
    match run(Cli::parse(), allocations) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, allocations: Option<fn() -> u64>) -> Result<(), BenchError> {
    match cli.role {
        Some(Role::RunServer { certificates }) => server::run(certificates.as_deref()),
        Some(Role::RunClient { contender, workload, port, count, authority }) => {
            // As long as the process: a task is copied freely.
            let authority = authority.map(|path| &*Box::leak(path.into_boxed_path()));
            let task = Task { workload, qos: workload.qos, count, port, authority };
            let mut measured = contender.run(task)?;
            measured.allocations = allocations.map(|count| count());
            print(serde_json::to_string(&measured)?)
        }
        Some(Role::HoldIdle { contender, port, connections }) => {
            let idle = Threads::Many.block_on(idle::run(contender, port, connections))?;
            print(serde_json::to_string(&idle)?)
        }
        None => compare(cli.settings),
    }
}

/// Measures all that was asked for, a table a workload as soon as it is done.
fn compare(settings: Settings) -> Result<(), BenchError> {
    let runner = runner::Runner::start(runner::Plan {
        filters: settings.filters,
        runs: settings.runs,
        length: Duration::from_secs_f64(settings.seconds.max(0.0)),
        messages: settings.messages,
        timeout: Duration::from_secs(settings.timeout),
        instructions: !settings.no_instructions,
        connections: settings.connections,
    })?;
    for contender in Contender::value_variants() {
        if let Some(why) = contender.missing() {
            eprintln!("{contender} is missing: {why}");
        }
    }
    let mut comparisons = Vec::new();
    for workload in runner.workloads() {
        let comparison = report::compare(workload, &runner.measure(workload));
        print(&comparison)?;
        comparisons.push(comparison);
    }
    let idle = idle_report::Comparison::of(&runner.measure_idle());
    if let Some(idle) = &idle {
        print(idle)?;
    }
    if comparisons.is_empty() && idle.is_none() {
        return Err(BenchError::NothingSelected);
    }
    if !comparisons.is_empty() {
        print(report::patterns(&comparisons))?;
    }
    if let Some(path) = settings.json {
        let file = File::create(path).context("create the JSON file")?;
        serde_json::to_writer_pretty(file, &report::Report::new(runner.plan(), &comparisons, idle))?;
    }
    Ok(())
}

/// A line on standard output; whoever reads it may have gone.
fn print(line: impl Display) -> Result<(), BenchError> {
    writeln!(io::stdout(), "{line}").context("standard output")
}
