//! Following a server that sends the client elsewhere (section 4.11).

use super::servers::Redirect;
use super::{Engine, Event};
use crate::error::{Error, ErrorKind};
use crate::reason::ReasonCode;
use crate::text::Utf8String;
use crate::time::Timestamp;

impl Engine {
    /// CONNACK or DISCONNECT may say where else to go (section 4.11): noted until the connection is closed.
    pub(super) fn note_redirect(&mut self, reason_code: ReasonCode, reference: Option<&Utf8String>) {
        let moved = reason_code == ReasonCode::ServerMoved;
        let redirect = reference
            .filter(|_| moved || reason_code == ReasonCode::UseAnotherServer)
            .map(|reference| Redirect { reference: reference.as_str().to_owned(), moved });
        self.servers.note_redirect(redirect);
    }

    /// After a connection ended by `error`: whether the server had sent the client elsewhere and the attempt to go
    /// there has begun, or the client has ended because it may not.
    pub(super) fn redirected(&mut self, now: Timestamp, error: &Error) -> bool {
        let Some(redirect) = self.servers.take_redirect() else {
            return false;
        };
        if self.settings.redirect.most_hops == 0 || self.life.is_closing() {
            return false;
        }
        let Some(current) = self.servers.current() else {
            return false;
        };
        let servers = match current.references(&redirect.reference) {
            Ok(servers) => servers,
            Err(unusable) => {
                self.end(Some(unusable));
                return true;
            }
        };
        if self.servers.count_hop() > self.settings.redirect.most_hops {
            let what = format!("redirected more than {} times in a row", self.settings.redirect.most_hops);
            self.end(Some(Error::new(ErrorKind::Refused, what)));
            return true;
        }
        if let Some(to) = servers.first().cloned() {
            self.events.push_back(Event::Redirected { to, moved: redirect.moved });
        }
        self.servers.follow(servers, redirect.moved);
        self.retry_at_once(now, error.clone());
        true
    }

    /// Whether the server of the attempt gets the secrets of the options.
    pub(super) fn shares_secrets(&self) -> bool {
        self.settings.redirect.trust_other_hosts || self.servers.is_trusted()
    }
}
