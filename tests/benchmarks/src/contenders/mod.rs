//! The clients that are compared, each in a file of its own that says how it is set and how it awaits.
//! Each has the same three functions: `publish`, `receive` and `round_trip`, with a warm-up on the same
//! connection before the clock starts.

mod libmosquitto;
mod mqtt5_client;
mod ntex_client;
mod polymqtt_client;
mod raw;
mod rumqttc_client;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use polymqtt_client::Calls;
use serde::Serialize;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

use crate::error::{BenchError, Context};
use crate::link::Link;
use crate::task::{Measurement, Task};
use crate::workload::{Exchange, Workload};

/// A connection that is kept open.
pub(crate) type Held = Box<dyn Any + Send>;

/// A client, or a way of using one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// A hand-written blocking socket loop: the limit.
    Raw,
    /// The rumqttc crate.
    Rumqttc,
    /// The mqtt5 crate.
    Mqtt5,
    /// The ntex-mqtt crate.
    NtexMqtt,
    /// The C library of mosquitto.
    Libmosquitto,
    /// polymqtt, a call a message.
    Polymqtt,
    /// polymqtt, in batches.
    PolymqttBatch,
}

impl Contender {
    /// Whether it is one of the clients that ours are compared with.
    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Self::Rumqttc | Self::Mqtt5 | Self::NtexMqtt | Self::Libmosquitto)
    }

    /// How it is set and what it awaits.
    pub(crate) fn pattern(self) -> &'static str {
        match self {
            Self::Raw => raw::PATTERN,
            Self::Rumqttc => rumqttc_client::PATTERN,
            Self::Mqtt5 => mqtt5_client::PATTERN,
            Self::NtexMqtt => ntex_client::PATTERN,
            Self::Libmosquitto => libmosquitto::PATTERN,
            Self::Polymqtt => polymqtt_client::PATTERN,
            Self::PolymqttBatch => polymqtt_client::PATTERN_BATCH,
        }
    }

    /// The program that runs it, where that is another one than this.
    pub(crate) fn program(self) -> Option<&'static Path> {
        if self == Self::Libmosquitto { libmosquitto::program() } else { None }
    }

    /// Whether it takes part in a workload: all in the plain ones, some in those that are about something special.
    pub(crate) fn does(self, workload: Workload) -> bool {
        let links = matches!(self, Self::Raw | Self::Polymqtt | Self::PolymqttBatch);
        match workload {
            workload if workload.is_plain() => true,
            Workload { threads: Some(_), .. } => {
                matches!(self, Self::Rumqttc | Self::Polymqtt | Self::PolymqttBatch)
            }
            Workload { link: Link::Tls, .. } => links || self == Self::Rumqttc,
            Workload { link: Link::WebSocket, .. } => links,
            // Large ones: a batch of many is none of its uses.
            _ => matches!(self, Self::Raw | Self::Rumqttc | Self::Mqtt5 | Self::Polymqtt),
        }
    }

    /// Whether it takes part where connections idle.
    pub(crate) fn idles(self) -> bool {
        matches!(self, Self::Rumqttc | Self::Mqtt5 | Self::Polymqtt)
    }

    /// Opens a connection that stays open until what is given is dropped.
    pub(crate) async fn open(self, port: u16) -> Result<Held, BenchError> {
        match self {
            Self::Rumqttc => rumqttc_client::open(port).await,
            Self::Mqtt5 => mqtt5_client::open(port).await,
            Self::Polymqtt => polymqtt_client::open(port).await,
            _ => Err(BenchError::Protocol("this contender does not idle")),
        }
    }

    /// Whether it can't be run here, and why.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let missing = self == Self::Libmosquitto && self.program().is_none();
        missing.then_some("libmosquitto-dev was not installed when the benchmarks were built")
    }

    /// Runs one workload in this process.
    pub(crate) fn run(self, task: Task) -> Result<Measurement, BenchError> {
        macro_rules! client {
            ($client:ident) => {
                match task.workload.exchange {
                    Exchange::Publish => $client::publish(task),
                    Exchange::Receive => $client::receive(task),
                    Exchange::RoundTrip => $client::round_trip(task),
                }
            };
        }
        match self {
            Self::Raw => client!(raw),
            Self::Rumqttc => client!(rumqttc_client),
            Self::Mqtt5 => client!(mqtt5_client),
            Self::NtexMqtt => client!(ntex_client),
            Self::Libmosquitto => Err(BenchError::Protocol("this contender is a program of its own")),
            Self::Polymqtt => polymqtt(task, Calls::Message),
            Self::PolymqttBatch => polymqtt(task, Calls::Batch),
        }
    }
}

fn polymqtt(task: Task, calls: Calls) -> Result<Measurement, BenchError> {
    match task.workload.exchange {
        Exchange::Publish => polymqtt_client::publish(task, calls),
        Exchange::Receive => polymqtt_client::receive(task, calls),
        Exchange::RoundTrip => polymqtt_client::round_trip(task),
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

/// Which tokio runtime a client runs on: the one on which it is faster.
pub(crate) enum Threads {
    /// `current_thread`.
    One,
    /// `multi_thread`, a worker a core.
    Many,
}

impl Threads {
    pub(crate) fn block_on<T>(
        self,
        run: impl Future<Output = Result<T, BenchError>>,
    ) -> Result<T, BenchError> {
        let mut builder = match self {
            Self::One => Builder::new_current_thread(),
            Self::Many => Builder::new_multi_thread(),
        };
        builder.enable_all().build().context("start a runtime")?.block_on(run)
    }
}

/// Shares `count` messages out among threads that publish at the same time, through one client.
async fn on_threads<F>(
    threads: u64,
    count: u64,
    publish: impl Fn(u64) -> F + Send + Sync + 'static,
) -> Result<(), BenchError>
where
    F: Future<Output = Result<(), BenchError>>,
{
    let publish = Arc::new(publish);
    let mut publishing = JoinSet::new();
    for thread in 0..threads {
        let publish = Arc::clone(&publish);
        let share = count / threads + u64::from(thread < count % threads);
        publishing.spawn_blocking(move || Handle::current().block_on(publish(share)));
    }
    while let Some(ended) = publishing.join_next().await {
        ended.map_err(BenchError::client)??;
    }
    Ok(())
}
