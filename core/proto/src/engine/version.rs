//! The protocol version in use, and falling back from 5 to 3.1.1 where a server does not speak it.

use super::Engine;
use crate::codec::Version;
use crate::error::Error;
use crate::options::{ProtocolVersion, Server};
use crate::reason::ReasonCode;
use crate::time::Timestamp;

/// What is known of the versions that servers speak.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// That of the connection, or of the current or next attempt.
    current: Version,
    known: Vec<(Server, Known)>,
}

/// Servers are few; redirects could make them many. What was learned first is forgotten first.
const MOST_KNOWN: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It accepted a connection of this version, or gave a reason for refusing one.
    Speaks(Version),
    /// It did not answer version 5; whether it answers 3.1.1 is being found out.
    Asked,
    /// It answered neither.
    Neither,
}

impl Versions {
    fn known(&self, server: &Server) -> Option<Known> {
        self.known.iter().find(|(known, _)| known == server).map(|(_, known)| *known)
    }

    fn learn(&mut self, server: &Server, what: Known) {
        self.known.retain(|(known, _)| known != server);
        if self.known.len() == MOST_KNOWN {
            self.known.remove(0);
        }
        self.known.push((server.clone(), what));
    }
}

impl Engine {
    /// The protocol version in use.
    #[inline]
    pub(super) fn version(&self) -> Version {
        self.versions.current
    }

    /// Chooses the version for an attempt to reach this server.
    pub(super) fn choose_version(&mut self, server: &Server) {
        self.versions.current = match self.versions.known(server) {
            Some(Known::Speaks(version)) => version,
            Some(Known::Asked) => Version::V311,
            Some(Known::Neither) | None => self.settings.version.first(),
        };
    }

    /// The server answered with a packet of the current version.
    pub(super) fn version_answered(&mut self) {
        if self.settings.version == ProtocolVersion::Auto
            && let Some(server) = self.servers.current().cloned()
        {
            let version = self.version();
            self.versions.learn(&server, Known::Speaks(version));
        }
    }

    /// The attempt ended without the server's answer in the current version, by `error`; whether another one with
    /// version 3.1.1 is under way instead.
    pub(super) fn fell_back(&mut self, now: Timestamp, error: &Error) -> bool {
        if self.settings.version != ProtocolVersion::Auto || self.life.is_closing() {
            return false;
        }
        let Some(server) = self.servers.current().cloned() else {
            return false;
        };
        match self.versions.known(&server) {
            None => {}
            Some(Known::Asked) => {
                self.versions.learn(&server, Known::Neither);
                return false;
            }
            Some(Known::Speaks(_) | Known::Neither) => return false,
        }
        if let Some(unsupported) = &self.settings.needs_v5 {
            // A server that only closed the connection may have had another reason.
            if !is_refused(error) {
                return false;
            }
            let what = format!("the server does not speak MQTT 5 ({error}), and {unsupported}");
            self.end(Some(Error::new(unsupported.kind(), what)));
            return true;
        }
        self.versions.learn(&server, Known::Asked);
        self.choose_version(&server);
        self.need_client_id();
        self.repeat_attempt(now, error);
        true
    }
}

/// Whether a server says that it does not speak version 5.
pub(super) fn is_refused(error: &Error) -> bool {
    error.reason_code() == Some(ReasonCode::UnsupportedProtocolVersion)
}
