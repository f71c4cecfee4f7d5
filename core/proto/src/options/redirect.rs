//! How far a server may send this client elsewhere.

use super::{Options, Scheme, Server};
use crate::error::{Error, ErrorKind};

/// What becomes of a server's wish that the client use another one (v5, section 4.11).
///
/// A redirect never leads from TLS to a connection without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedirectOptions {
    /// How many redirects in a row are followed, until a connection has lasted; the default is 5, 0 follows none.
    pub most_hops: u32,
    /// Whether a host that no URL of the options names gets credentials, authentication data, WebSocket headers and the
    /// will; by default it gets none of them, and no provider is asked for it.
    pub trust_other_hosts: bool,
}

impl Default for RedirectOptions {
    fn default() -> Self {
        Self { most_hops: 5, trust_other_hosts: false }
    }
}

impl Options {
    /// How far a server may send this client to another one; see [`RedirectOptions`].
    #[must_use]
    pub fn redirect(mut self, redirect: RedirectOptions) -> Self {
        self.redirect = redirect;
        self
    }
}

impl Server {
    /// The servers of a Server Reference: names separated by spaces, each with a port or without (section 4.11.2), to
    /// be reached as this one is. A URL says itself how.
    ///
    /// # Errors
    /// When one can't be read, or would lead from TLS to plain.
    pub(crate) fn references(&self, references: &str) -> Result<Vec<Self>, Error> {
        let found: Vec<Self> = references
            .split_ascii_whitespace()
            .take(MOST_REFERENCES)
            .map(|reference| self.reference(reference))
            .collect::<Result<_, _>>()?;
        if found.is_empty() {
            return Err(unusable("it is empty"));
        }
        Ok(found)
    }

    fn reference(&self, reference: &str) -> Result<Self, Error> {
        let url = if reference.contains("://") {
            reference.to_owned()
        } else {
            format!("{}://{reference}{}", self.scheme().name(), self.path())
        };
        let (server, username, password) = Self::parse(&url).map_err(|error| unusable(&error.to_string()))?;
        if username.is_some() || password.is_some() {
            return Err(unusable("it holds credentials"));
        }
        if server.scheme() == Scheme::Unix {
            return Err(unusable("it leads to a socket of this machine"));
        }
        if self.scheme().is_secure() && !server.scheme().is_secure() {
            return Err(unusable("it leads from TLS to a connection without it"));
        }
        Ok(server)
    }
}

/// Of one Server Reference, more are not tried.
const MOST_REFERENCES: usize = 16;

fn unusable(why: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("the server's reference to another server is not usable: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(url: &str, references: &str) -> Result<Vec<String>, String> {
        let (server, ..) = Server::parse(url).unwrap();
        let found = server.references(references).map_err(|error| error.to_string())?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_with_and_without_ports_are_reached_as_the_server_is() {
        let found =
            references("mqtts://a:9000", "myserver.xyz.org 10.10.151.22:8884  [fe80::9610:3eff]:1883")
                .unwrap();
        let expected =
            ["mqtts://myserver.xyz.org:8883", "mqtts://10.10.151.22:8884", "mqtts://[fe80::9610:3eff]:1883"];
        assert_eq!(found, expected);
        assert_eq!(references("mqtt://a", "b:1").unwrap(), ["mqtt://b:1"]);
        assert_eq!(references("wss://a/ws?token=1", "b").unwrap(), ["wss://b:443/ws"]);
    }

    #[test]
    fn what_leads_astray_is_refused() {
        assert!(references("mqtts://a", "mqtt://b").unwrap_err().contains("TLS"));
        assert!(references("mqtt://a", "mqtts://b").is_ok());
        assert!(references("unix:///run/a.sock", "b").is_err());
        for bad in ["", "  ", "unix:///run/other.sock", "user:secret@b", "b:port", "http://b"] {
            let error = references("mqtt://a", bad).unwrap_err();
            assert!(error.contains("not usable") && !error.contains("secret"), "{error}");
        }
    }
}
