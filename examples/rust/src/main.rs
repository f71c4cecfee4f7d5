//! A small service: keeps a table of the readings that arrive, tells of itself in a retained summary, and answers
//! requests for rows. The README beside it shows it at work.

mod service;
mod table;

use std::env;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let url = env::var("POLYMQTT_URL").unwrap_or_else(|_unset| "mqtt://localhost".to_owned());
    match service::run(&url, stop()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("table: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Completes when the user, or the system, wants the service to end.
#[cfg(unix)]
async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn stop() {
    // Without a handler the signal ends the process by itself.
    let _interrupted = tokio::signal::ctrl_c().await;
}
