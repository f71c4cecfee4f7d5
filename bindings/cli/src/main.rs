//! The `polymqtt` command: publish, subscribe, ask, answer and run a broker from the shell.

mod arguments;
mod authentication;
mod broker;
mod broker_log;
mod client;
mod connection;
mod debug_log;
mod events;
mod exit;
mod input;
mod interrupt;
mod json_line;
mod limits;
mod notes;
mod output;
mod program;
mod properties;
mod publish;
mod queue;
mod reconnect;
mod request;
mod respond;
mod session;
mod subscribe;
mod tls;
mod users;
mod values;
mod will;

use std::process::ExitCode;

use arguments::Command;
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(exit) => return exit.into(),
    };
    let name = command.name();
    if command.shows_client() {
        debug_log::start();
    }
    let exit = match run(command) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            if let Some(message) = failure.message {
                output::note(format_args!("polymqtt {name}: {message}"));
            }
            failure.exit
        }
    };
    exit.into()
}

fn run(command: Command) -> Result<(), Failure> {
    // `block_on` keeps the command on this thread, so that a write or read of it that blocks leaves the connection,
    // which lives on the workers, alone.
    let runtime = tokio::runtime::Runtime::new().map_err(|error| {
        Failure::new(Exit::NoConnection, format!("the runtime can't be started: {error}"))
    })?;
    let result = runtime.block_on(async {
        match command {
            Command::Pub(arguments) => publish::run(*arguments).await,
            Command::Sub(arguments) => subscribe::run(*arguments).await,
            Command::Request(arguments) => request::run(*arguments).await,
            Command::Respond(arguments) => respond::run(*arguments).await,
            Command::Broker(arguments) => broker::run(arguments).await,
        }
    });
    runtime.shutdown_background();
    result
}
