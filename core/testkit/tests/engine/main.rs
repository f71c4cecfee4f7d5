//! The engine against the model broker in virtual time, a file a topic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod acks;
mod authenticate;
mod backpressure;
mod bad_bytes;
mod connect;
mod drain;
mod journal;
mod keep_alive;
mod limits;
mod publish_qos;
mod queue;
mod reconnect;
mod redirect;
mod requests;
mod resume;
mod status;
mod subscribe;
mod support;
mod topic_aliases;
mod unclaimed;
mod user_properties;
mod v311;
mod version;
