//! Keep alive, lazily: no timer is touched per packet (section 3.1.2.10).

use std::time::Duration;

use crate::time::Timestamp;

/// When a PINGREQ is due and when the link is dead.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// `None` when it is off.
    interval: Option<Duration>,
    last_sent: Timestamp,
    last_received: Timestamp,
    ping: Option<Ping>,
}

#[derive(Debug, Clone, Copy)]
struct Ping {
    /// The place in the stream of written bytes where the PINGREQ ends.
    end: u64,
    /// When it was written, or made and not written yet.
    since: Timestamp,
    written: bool,
}

/// What the keep-alive timer found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeepAliveStep {
    /// Look again then.
    Wait(Timestamp),
    /// Send a PINGREQ, then tell [`KeepAlive::ping_made`].
    Ping,
    /// Nothing arrived in time: the link is dead.
    Dead,
}

impl KeepAlive {
    /// `seconds` is 0 for off.
    pub(crate) fn new(seconds: u16, now: Timestamp) -> Self {
        let interval = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        Self { interval, last_sent: now, last_received: now, ping: None }
    }

    /// When to look for the first time.
    pub(crate) fn first_look(&self) -> Option<Timestamp> {
        Some(self.last_sent + self.interval?)
    }

    #[inline]
    pub(crate) fn received(&mut self, now: Timestamp) {
        self.last_received = now;
        self.ping = None;
    }

    /// Bytes were written; `total` is the place in the stream of written bytes that was reached.
    #[inline]
    pub(crate) fn written(&mut self, total: u64, now: Timestamp) {
        self.last_sent = now;
        if let Some(ping) = &mut self.ping
            && !ping.written
        {
            // Progress on a slow link: half an interval counts from the write that carries the ping.
            ping.since = now;
            ping.written = total >= ping.end;
        }
    }

    /// A PINGREQ was made that ends at this place of the stream of bytes to be written.
    pub(crate) fn ping_made(&mut self, end: u64, now: Timestamp) {
        self.ping = Some(Ping { end, since: now, written: false });
    }

    /// The timer fired. `paused` says that this side has stopped reading: then silence proves nothing.
    pub(crate) fn look(&mut self, now: Timestamp, paused: bool) -> KeepAliveStep {
        let Some(interval) = self.interval else {
            return KeepAliveStep::Wait(now + Duration::MAX);
        };
        if let Some(ping) = &mut self.ping {
            if !paused {
                let dead = ping.since + interval / 2;
                return if dead <= now { KeepAliveStep::Dead } else { KeepAliveStep::Wait(dead) };
            }
            ping.since = now;
            let look = now + interval / 2;
            if !ping.written {
                return KeepAliveStep::Wait(look);
            }
            // The server does not know that its answers wait unread: it must go on hearing from us [MQTT-3.1.2-20].
            let due = self.last_sent + interval;
            return if due <= now { KeepAliveStep::Ping } else { KeepAliveStep::Wait(due.min(look)) };
        }
        let due = self.last_sent.min(self.last_received) + interval;
        if due <= now { KeepAliveStep::Ping } else { KeepAliveStep::Wait(due) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_sender_that_hears_nothing_pings_and_so_does_a_listener() {
        let mut sender = KeepAlive::new(10, at(0));
        sender.written(5, at(9));
        assert_eq!(sender.look(at(10), false), KeepAliveStep::Ping);
        let mut listener = KeepAlive::new(10, at(0));
        listener.received(at(9));
        assert_eq!(listener.look(at(10), false), KeepAliveStep::Ping);
        let mut both = KeepAlive::new(10, at(0));
        both.received(at(4));
        both.written(5, at(7));
        assert_eq!(both.look(at(10), false), KeepAliveStep::Wait(at(14)));
    }

    #[test]
    fn silence_after_a_written_ping_is_death_within_one_and_a_half_intervals() {
        let mut link = KeepAlive::new(10, at(0));
        assert_eq!(link.look(at(10), false), KeepAliveStep::Ping);
        link.ping_made(2, at(10));
        link.written(2, at(10));
        assert_eq!(link.look(at(10), false), KeepAliveStep::Wait(at(15)));
        assert_eq!(link.look(at(15), false), KeepAliveStep::Dead);
    }

    #[test]
    fn a_ping_that_can_not_be_written_dies_unless_bytes_still_move() {
        let mut link = KeepAlive::new(10, at(0));
        link.ping_made(1_000, at(10));
        link.written(500, at(14));
        assert_eq!(link.look(at(15), false), KeepAliveStep::Wait(at(19)));
        assert_eq!(link.look(at(19), false), KeepAliveStep::Dead);
    }

    #[test]
    fn a_pause_of_ours_does_not_silence_us() {
        let mut link = KeepAlive::new(10, at(0));
        link.ping_made(2, at(10));
        link.written(2, at(10));
        assert_eq!(link.look(at(15), true), KeepAliveStep::Wait(at(20)));
        assert_eq!(link.look(at(20), true), KeepAliveStep::Ping);
        link.ping_made(4, at(20));
        link.written(4, at(20));
        assert_eq!(link.look(at(25), false), KeepAliveStep::Dead);
    }

    #[test]
    fn any_byte_is_a_sign_of_life_and_a_pause_of_ours_is_not_death() {
        let mut link = KeepAlive::new(10, at(0));
        link.ping_made(2, at(10));
        link.written(2, at(10));
        assert_eq!(link.look(at(15), true), KeepAliveStep::Wait(at(20)));
        link.received(at(16));
        assert_eq!(link.look(at(20), false), KeepAliveStep::Ping);
    }
}
