//! `scripted-broker FILE` plays a scenario with a host on its standard streams, as the README tells: it tells the host
//! what to do, is the broker that the host's client talks to, and judges. Ends with 0 when all went as the file says.

use std::process::ExitCode;

use polymqtt_scenarios::{Scenario, SocketStage, Stage, Transport, play};
use serde_json::json;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, transport) = match arguments.as_slice() {
        [file] => (file, Transport::Tcp),
        [option, file] if option == "--websocket" => (file, Transport::WebSocket),
        _ => {
            eprintln!("scripted-broker: say which scenario to play: scripted-broker [--websocket] FILE");
            return ExitCode::FAILURE;
        }
    };
    let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let scenario = read.and_then(|text| Scenario::parse(&text).map_err(|error| error.to_string()));
    let mut stage = SocketStage::new(transport);
    let played = match scenario {
        Ok(Scenario { engine_only: Some(why), .. }) => {
            stage.tell(&json!({ "end": "skipped", "why": why }));
            return ExitCode::SUCCESS;
        }
        Ok(scenario) => play(&scenario, &mut stage).map_err(|failure| failure.to_string()),
        Err(error) => Err(error),
    };
    match played {
        Ok(()) => {
            stage.tell(&json!({ "end": "passed" }));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{file}: {why}");
            stage.tell(&json!({ "end": "failed", "why": why }));
            ExitCode::FAILURE
        }
    }
}
