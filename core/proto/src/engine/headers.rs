//! The headers that a WebSocket to the server of this attempt is opened with.

use super::Engine;
use crate::options::Header;

impl Engine {
    /// For hosts that open WebSockets themselves: the headers of the request to the server of the current
    /// [`Action::Open`](super::Action::Open). Those that came with its credentials replace those of the options by the
    /// same name; a server that is not to have the user's secrets gets none.
    #[must_use]
    pub fn websocket_headers(&self) -> Vec<Header> {
        let settings = &self.settings;
        if !self.shares_secrets() {
            return Vec::new();
        }
        let (own, fresh) = (&settings.websocket_headers, &settings.credentials.headers);
        let replaced =
            |header: &&Header| fresh.iter().any(|new| new.name().eq_ignore_ascii_case(header.name()));
        own.iter().filter(|header| !replaced(header)).chain(fresh).cloned().collect()
    }
}
