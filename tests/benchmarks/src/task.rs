//! What a run does: the topics by which a client tells the server what it wants, and the result that
//! a child process hands to the runner.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::certificates;
use crate::error::BenchError;
use crate::link::Link;
use crate::workload::Workload;

/// What a payload is made of.
pub(crate) const FILLING: u8 = b'x';

/// Payload of a message that asks for something.
pub(crate) const PAYLOAD: [u8; 64] = [FILLING; 64];

/// Where publish workloads publish to: as long as a source's topic, so that both directions carry
/// packets of one size.
pub(crate) const SINK_TOPIC: &str = "sink/temperature/1";

/// What a round trip is published to and subscribed with; the server sends it back.
pub(crate) const ECHO_TOPIC: &str = "echo/temperature/1";

/// Prefix of the topic of a barrier: a QoS 1 message that the server acknowledges only if it has
/// counted exactly as many messages as the topic says.
pub(crate) const BARRIER: &str = "barrier/";

/// Prefix of a filter that asks the server for a stream of messages.
pub(crate) const SOURCE: &str = "source/";

/// Most QoS 1 messages the source leaves unacknowledged, for a client that allows as many.
pub(crate) const SOURCE_WINDOW: u16 = 1024;

/// The topic of the barrier after `count` messages.
pub(crate) fn barrier_topic(count: u64) -> String {
    format!("{BARRIER}{count}")
}

/// The filter that makes the server send `count` messages at `qos` with so many bytes of payload to that very topic, and
/// one more at QoS 0 when all is done: at QoS 1, when every message was acknowledged. Without a length, the payload is
/// [`PAYLOAD`].
pub(crate) fn source_filter(qos: u8, count: u64, payload: usize) -> String {
    if payload == PAYLOAD.len() {
        return format!("{SOURCE}{qos}/{count:09}");
    }
    format!("{SOURCE}{qos}/{count:09}/{payload}")
}

/// One run of one contender: what, how often, and where the server is.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) workload: Workload,
    /// Of the messages that count.
    pub(crate) qos: u8,
    pub(crate) count: u64,
    /// On loopback.
    pub(crate) port: u16,
    /// The file with the certificate authority to trust; as long as the process.
    pub(crate) authority: Option<&'static Path>,
}

impl Task {
    /// Messages sent on the same connection before the clock starts.
    pub(crate) fn warm_up(&self) -> u64 {
        warm_up(self.count)
    }

    /// The payload of the messages that count.
    pub(crate) fn payload(&self) -> Bytes {
        static SMALL: [u8; PAYLOAD.len()] = PAYLOAD;
        if self.workload.is_large() {
            return vec![FILLING; self.workload.payload].into();
        }
        Bytes::from_static(&SMALL)
    }

    /// The filter that makes the server send `count` messages.
    pub(crate) fn source_filter(&self, count: u64) -> String {
        source_filter(self.qos, count, self.workload.payload)
    }

    /// The file with the certificate authority to trust.
    pub(crate) fn authority(&self) -> Result<&'static Path, BenchError> {
        self.authority.ok_or(BenchError::Protocol("TLS without an authority"))
    }

    /// Where the server is, as a URL.
    pub(crate) fn url(&self) -> String {
        match self.workload.link {
            Link::Tcp => format!("mqtt://127.0.0.1:{}", self.port),
            Link::Tls => format!("mqtts://{}:{}", certificates::SERVER, self.port),
            Link::WebSocket => format!("ws://127.0.0.1:{}/mqtt", self.port),
        }
    }
}

/// Messages that go before a run of `count`.
pub(crate) fn warm_up(count: u64) -> u64 {
    (count / 10).max(1)
}

/// What a run measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// Messages, or round trips.
    pub(crate) count: u64,
    /// From the first call to the server's confirmation of the last message.
    pub(crate) elapsed: Duration,
    /// Only for round trips.
    pub(crate) latency: Option<Latency>,
    /// Blocks of memory that the process has asked for until now, where it counts them.
    pub(crate) allocations: Option<u64>,
}

impl Measurement {
    /// Messages a second.
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// Percentiles of round trips.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Collects the times of single round trips.
pub(crate) struct RoundTrips {
    began: Instant,
    last: Instant,
    times: Vec<Duration>,
}

impl RoundTrips {
    /// Starts the clock for `count` round trips.
    pub(crate) fn start(count: u64) -> Self {
        let now = Instant::now();
        Self { began: now, last: now, times: Vec::with_capacity(count as usize) }
    }

    /// A round trip is complete; the next one begins.
    pub(crate) fn lap(&mut self) {
        let now = Instant::now();
        self.times.push(now - self.last);
        self.last = now;
    }

    pub(crate) fn finish(mut self) -> Measurement {
        self.times.sort_unstable();
        let percentile = |percent: usize| {
            let index = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
            self.times.get(index).copied().unwrap_or_default()
        };
        let latency = Latency { p50: percentile(50), p99: percentile(99) };
        Measurement {
            count: self.times.len() as u64,
            elapsed: self.last - self.began,
            latency: Some(latency),
            allocations: None,
        }
    }
}

/// The measurement of `count` messages since `began`.
pub(crate) fn rate_since(began: Instant, count: u64) -> Measurement {
    Measurement { count, elapsed: began.elapsed(), latency: None, allocations: None }
}
