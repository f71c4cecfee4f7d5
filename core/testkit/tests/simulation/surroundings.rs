//! The client's options, the server and the network of an episode.

use std::time::Duration;

use polymqtt_proto::codec::Version;
use polymqtt_proto::engine::{StreamOptions, WhenStreamFull};
use polymqtt_proto::options::{Authentication, Options, ReconnectOptions, RedirectOptions, Scram};
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig, Overlapping};
use polymqtt_testkit::pipe::PipeConfig;

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn client_options(rng: &mut fastrand::Rng, v5: bool, scram: bool) -> Options {
    let reconnect = ReconnectOptions { shortest: millis(50), longest: secs(2), stable_after: secs(5) };
    let mut options = Options::new("mqtt://broker")
        .unwrap()
        .client_id("c")
        .keep_trying(true)
        .reconnect(reconnect)
        .redirect(RedirectOptions { most_hops: u32::MAX, ..RedirectOptions::default() })
        .connect_timeout(secs(1))
        .subscribe_timeout(secs(10_000))
        .keep_alive(secs(rng.u64(1..5)))
        .receive_maximum(if rng.bool() { rng.u16(1..8) } else { 1_000 });
    if scram {
        let client = Scram::new("user", "pencil").iterations(1..=10);
        options = options.authentication(Authentication::ScramSha256(client));
    }
    if v5 { options.session_expiry(secs(100_000)) } else { options.version(Version::V311).clean_start(false) }
}

/// Small ones are full soon.
pub(crate) fn stream_options(rng: &mut fastrand::Rng) -> StreamOptions {
    let max_messages = if rng.bool() { rng.usize(1..6) } else { 1_024 };
    let when_full = if rng.bool() { WhenStreamFull::DropNewest } else { WhenStreamFull::DropOldest };
    StreamOptions { max_messages, when_full, manual_ack: rng.u8(..4) == 0, ..StreamOptions::default() }
}

pub(crate) fn broker_config(rng: &mut fastrand::Rng) -> BrokerConfig {
    let acks = match rng.u8(..3) {
        0 => AckPolicy::Immediate,
        1 => AckPolicy::Scattered(Duration::ZERO..=millis(rng.u64(1..300))),
        _ => AckPolicy::Delayed(Duration::ZERO..=millis(rng.u64(1..300))),
    };
    BrokerConfig {
        receive_maximum: if rng.bool() { rng.u16(1..8) } else { u16::MAX },
        overlapping: if rng.bool() { Overlapping::OneCopy } else { Overlapping::CopyEach },
        subscription_identifiers: rng.bool(),
        uses_topic_aliases: rng.bool(),
        topic_alias_maximum: [0, 2, 4][rng.usize(..3)],
        acks,
        ..BrokerConfig::default()
    }
}

/// What the server grants from the next connection on.
pub(crate) fn change_limits(rng: &mut fastrand::Rng, config: &mut BrokerConfig) {
    let largest = [3, 20, u16::MAX][rng.usize(..3)];
    config.receive_maximum = rng.u16(1..=largest);
    config.maximum_packet_size = [None, Some(400), Some(2_000)][rng.usize(..3)];
    config.retain_available = rng.bool();
    config.topic_alias_maximum = [0, 2, 4][rng.usize(..3)];
}

pub(crate) fn network(rng: &mut fastrand::Rng) -> PipeConfig {
    let longest = [1, 20, 200][rng.usize(..3)];
    PipeConfig {
        delay: Duration::ZERO..=millis(longest),
        largest_piece: [0, 4, 64][rng.usize(..3)],
        capacity: [1 << 20, 2_000][rng.usize(..2)],
    }
}
