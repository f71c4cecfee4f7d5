//! Every scenario that needs no virtual time, played by the Rust client against the scripted broker:
//! over TCP, and over WebSockets.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use polymqtt_scenarios::{Scenario, Transport, play_with_client, scenarios};

/// They mostly wait: for times that a scenario names, and for each other's processes.
const AT_ONCE: usize = 8;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let files = match scenarios() {
        Ok(files) => files,
        Err(error) => {
            eprintln!("the scenarios can't be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let over = |transport: Transport, prefix: &'static str| {
        files.iter().filter(|(_, path)| !is_engine_only(path)).map(move |(name, path)| {
            let (broker, path) = (Path::new(env!("CARGO_BIN_EXE_scripted-broker")), path.clone());
            let trial = move || play_with_client(broker, transport, &path).map_err(Failed::from);
            Trial::test(format!("{prefix}{name}"), trial)
        })
    };
    let trials = over(Transport::Tcp, "").chain(over(Transport::WebSocket, "websocket/"));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A scenario that can't be read is played, and fails by that.
fn is_engine_only(path: &Path) -> bool {
    let scenario = std::fs::read_to_string(path).ok().and_then(|text| Scenario::parse(&text).ok());
    scenario.is_some_and(|scenario| scenario.engine_only.is_some())
}
