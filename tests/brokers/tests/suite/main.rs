//! polymqtt against real brokers and bad networks: a file a topic, one program so that tests run side by side.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends by panicking; clippy's own exception knows test functions only, not their helpers"
)]

mod acknowledging;
mod authenticating;
mod blocking;
mod bounds;
mod cancelling;
mod clients;
mod connecting;
mod cuts;
mod declared;
mod disconnecting;
mod faults;
mod full_streams;
mod misbehaving_servers;
mod observing;
mod properties;
mod providers;
mod publishing;
mod redirects;
mod requests;
mod restarts;
mod roads;
mod sessions;
mod subscribing;
mod tls;
mod topic_aliases;
mod unclaimed;
mod versions;
mod websockets;
mod wills;
