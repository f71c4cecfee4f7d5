//! Scenarios: what a client does in one situation, told step by step, once for all languages.
//!
//! A file a scenario, beside this crate's sources in folders by their subject. [`play`](play()) judges: it tells the host
//! what to do with its client, is the broker that the client talks to, and compares what comes with what the file
//! says. A host is an [`EngineStage`], the engine in virtual time, or any process that speaks with the command
//! `scripted-broker`; the README tells how.

mod client_player;
mod compare;
mod engine_stage;
mod files;
mod host;
mod packet;
mod play;
mod scenario;
mod scram;
mod socket_stage;
mod stage;
mod words;

pub use client_player::play_with_client;
pub use engine_stage::EngineStage;
pub use files::scenarios;
pub use play::{Failure, play};
pub use scenario::{Act, BrokerAct, PacketWords, Scenario, ScenarioError, Step};
pub use socket_stage::{SocketStage, Transport};
pub use stage::{Heard, Received, Stage};
pub use words::Words;
