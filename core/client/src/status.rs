//! Where a client stands, in one line.

use polymqtt_proto::engine::Status;

use crate::Client;

impl Client {
    /// Where the client stands: a value with the figures, shown as one line, such as
    /// `connected to mqtts://host:8883 as "id" (v5.0, session resumed) for 12 s; 3 in flight, 0 queued, ...`.
    #[must_use]
    pub fn status(&self) -> Status {
        let shared = self.shared();
        match shared.lock() {
            Ok(state) => state.engine.status(shared.now()),
            Err(error) => Status::closed(error),
        }
    }
}

impl crate::blocking::Client {
    /// Where the client stands; see [`crate::Client::status`].
    #[must_use]
    pub fn status(&self) -> Status {
        self.async_client().status()
    }
}
