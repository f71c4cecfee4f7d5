//! The Rust client as a host: what every language writes once, to play all scenarios.

mod desk;
mod program;

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::desk::Desk;
use self::program::Program;
use crate::socket_stage::Transport;

/// No scenario takes as long.
const LONGEST: Duration = Duration::from_secs(60);

/// Plays a scenario file with the client of this workspace against the command `scripted-broker`.
///
/// # Errors
/// What went otherwise than the scenario says.
pub fn play_with_client(scripted_broker: &Path, transport: Transport, scenario: &Path) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let broker = Command::new(scripted_broker)
            .args((transport == Transport::WebSocket).then_some("--websocket"))
            .arg(scenario)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let broker = broker.map_err(|error| format!("{}: {error}", scripted_broker.display()))?;
        let played = tokio::time::timeout(LONGEST, obey(broker)).await;
        played.unwrap_or_else(|_| Err(format!("it takes more than {} s", LONGEST.as_secs())))
    })
}

/// Does what the broker says until it says that it is over.
async fn obey(mut broker: Child) -> Result<(), String> {
    let (Some(output), Some(input)) = (broker.stdout.take(), broker.stdin.take()) else {
        return Err("the broker's streams are missing".to_owned());
    };
    let (reports, said) = unbounded_channel();
    tokio::task::spawn_local(write(said, input));
    let mut program = Program::new(Arc::new(Desk::new(reports)));
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
        let line: Value = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        let Some(fields) = line.as_object() else {
            return Err(format!("the broker says {line}"));
        };
        match fields.get("end").and_then(Value::as_str) {
            None => program.obey(fields),
            Some("failed") => {
                return Err(fields.get("why").and_then(Value::as_str).unwrap_or_default().to_owned());
            }
            Some(_) => return Ok(()),
        }
    }
    Err("the broker is gone".to_owned())
}

async fn write(mut said: UnboundedReceiver<Value>, mut input: tokio::process::ChildStdin) {
    while let Some(line) = said.recv().await {
        if input.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
