//! A deadline has passed: each part looks for what is due.

use super::Engine;
use super::round_trip::Probed;
use super::timers::Timer;
use crate::codec::Packet;
use crate::connection::KeepAliveStep;
use crate::error::{Error, ErrorKind};
use crate::reason::ReasonCode;
use crate::time::Timestamp;

impl Engine {
    /// The time of [`Engine::deadline`] has come. Calling it early or often does no harm.
    pub fn handle_deadline(&mut self, now: Timestamp) {
        let now = self.tick(now);
        self.sweep_life(now);
        self.sweep_authentication(now);
        self.sweep_keep_alive(now);
        self.sweep_requests(now);
        self.sweep_publishes(now);
        self.sweep_subscribes(now);
        self.sweep_unclaimed(now);
        self.sweep_acks(now);
        self.settle_goodbye();
    }

    fn sweep_keep_alive(&mut self, now: Timestamp) {
        if !self.timers.take_due(Timer::KeepAlive, now) {
            return;
        }
        let paused = !self.wants_read();
        let version = self.version();
        while let Some(connection) = &mut self.connection {
            match connection.keep_alive.look(now, paused) {
                KeepAliveStep::Wait(until) => {
                    self.timers.set(Timer::KeepAlive, Some(until));
                    return;
                }
                KeepAliveStep::Ping => {
                    let _always_fits = Packet::PingReq.encode(version, self.outbox.tail());
                    connection.keep_alive.ping_made(self.outbox.encoded(), now);
                    self.round_trip.start(Probed::Ping, self.outbox.encoded());
                }
                KeepAliveStep::Dead => {
                    let what =
                        "nothing arrived from the server within half a keep-alive interval of a PINGREQ";
                    let error =
                        Error::new(ErrorKind::Timeout, what).with_reason_code(ReasonCode::KeepAliveTimeout);
                    self.abandon_connection(error);
                    return;
                }
            }
        }
    }
}
