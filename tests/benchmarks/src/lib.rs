//! Benchmarks of polymqtt beside its peers and the raw socket. `README.md` says what is measured.
//!
//! Two programs are made of this: the one that measures, and the same with an allocator that counts.

mod certificates;
mod cli;
mod contenders;
mod cost;
mod error;
mod idle;
mod idle_report;
mod link;
mod report;
mod runner;
mod server;
mod source;
mod task;
mod websocket;
mod wire;
mod workload;

pub use cli::main;
