//! The demo's two ends: readings of this machine as JSON lines for `polymqtt pub --json`, and a live view of the JSON
//! lines that `polymqtt sub --json` writes. What is between them is polymqtt and a broker.
//!
//! Python's part, `python/readings.py`, publishes its own beside them.

mod machine;
mod reading;
mod readings;
mod screen;
mod view;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Readings of this machine, and a live view of them.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write readings of processor, load, memory and network, four lines a round
    Readings {
        /// How many rounds
        #[arg(long, default_value_t = 48)]
        rounds: u64,
        /// Milliseconds from round to round
        #[arg(long, default_value_t = 250)]
        every: u64,
        /// Go on until this file exists, which says how many messages others have published; then write how many there
        /// were together
        #[arg(long)]
        others: Option<PathBuf>,
    },
    /// Show the readings that come in, and a summary once there are no more
    View {
        /// What to say of Python until it takes part
        #[arg(long, default_value = "")]
        python: String,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Readings { rounds, every, others } => {
            readings::write(rounds, Duration::from_millis(every), others.as_deref())
        }
        Command::View { python } => screen::show(python),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read our lines has ended.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("polymqtt-demo: {error}");
            ExitCode::FAILURE
        }
    }
}
