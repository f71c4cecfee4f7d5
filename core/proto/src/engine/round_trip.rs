//! How long the server takes to answer: one packet at a time is timed, from the write that carries its end.

use std::time::Duration;

use crate::qos::PacketId;
use crate::time::Timestamp;

#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    probe: Option<Probe>,
    last: Option<Duration>,
}

#[derive(Debug)]
struct Probe {
    packet: Probed,
    /// The place in the stream of bytes where the packet ends.
    end: u64,
    written: Option<Timestamp>,
}

/// A packet that the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probed {
    /// CONNECT, by CONNACK.
    Connect,
    /// PINGREQ, by PINGRESP.
    Ping,
    /// A QoS 1 PUBLISH, by PUBACK.
    Publish(PacketId),
}

impl RoundTrip {
    /// The time of the last answer.
    pub(super) fn last(&self) -> Option<Duration> {
        self.last
    }

    /// Whether no packet is being timed.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.probe.is_none()
    }

    /// The packet that ends here in the stream of bytes is timed, unless another one is.
    pub(super) fn start(&mut self, packet: Probed, end: u64) {
        if self.is_idle() {
            self.probe = Some(Probe { packet, end, written: None });
        }
    }

    /// Writing has reached this place.
    #[inline]
    pub(super) fn written(&mut self, place: u64, now: Timestamp) {
        if let Some(probe) = &mut self.probe
            && probe.written.is_none()
            && place >= probe.end
        {
            probe.written = Some(now);
        }
    }

    /// The server has answered this packet.
    #[inline]
    pub(super) fn answered(&mut self, packet: Probed, now: Timestamp) {
        if let Some(probe) = &self.probe
            && probe.packet == packet
        {
            self.last = probe.written.map(|written| now.since(written)).or(self.last);
            self.probe = None;
        }
    }

    /// The connection is gone: no answer will come.
    pub(super) fn connection_lost(&mut self) {
        self.probe = None;
    }
}
