//! The demo's two ends: readings of this machine as JSON lines for `polymqtt pub --json`, and a live view of the JSON
//! lines that `polymqtt sub --json` writes. What is between them is polymqtt and a broker.

mod machine;
mod reading;
mod readings;
mod screen;
mod view;

use std::io;
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
    },
    /// Show the readings that come in, and a summary at the end of input
    View {
        /// How many messages should come
        #[arg(long)]
        expect: Option<u64>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Readings { rounds, every } => readings::write(rounds, Duration::from_millis(every)),
        Command::View { expect } => screen::show(expect),
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
