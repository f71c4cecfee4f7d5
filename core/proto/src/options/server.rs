//! The address of a server.

use std::fmt;

use url::Url;

use crate::error::{Error, ErrorKind};

/// How to reach a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// Plain TCP, port 1883 unless given.
    Mqtt,
    /// TLS over TCP, port 8883 unless given.
    Mqtts,
}

impl Scheme {
    /// The port that the scheme stands for.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
        }
    }

    /// Whether the connection is protected by TLS.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Mqtts)
    }

    /// The scheme as a URL spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
        }
    }
}

/// The address of one server: what an engine asks its host to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Server {
    /// The server and the credentials in a URL. No error message repeats the URL: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<(Self, Option<String>, Option<String>), Error> {
        let invalid = |what: String| Error::new(ErrorKind::InvalidOption, what);
        let parsed = Url::parse(url).map_err(|error| {
            invalid(format!("the server's URL can't be read: {error}; the form is mqtt://host[:port] or mqtts://host[:port]"))
        })?;
        let scheme = match parsed.scheme() {
            "mqtt" => Scheme::Mqtt,
            "mqtts" => Scheme::Mqtts,
            other => {
                return Err(invalid(format!(
                    "the URL scheme {other:?} is unknown: it must be mqtt or mqtts"
                )));
            }
        };
        let host = match parsed.host() {
            Some(url::Host::Ipv6(address)) => address.to_string(),
            Some(host) if !host.to_string().is_empty() => host.to_string(),
            _ => {
                return Err(invalid(format!(
                    "the URL names no host: the form is {}://host[:port]",
                    scheme.name()
                )));
            }
        };
        if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid(format!(
                "a {} URL ends with the port: it has no path, query or fragment",
                scheme.name()
            )));
        }
        let username = match parsed.username() {
            "" => None,
            name => Some(percent_decoded(name)?),
        };
        let password = parsed.password().map(percent_decoded).transpose()?;
        let port = parsed.port().unwrap_or(scheme.default_port());
        Ok((Self { scheme, host, port }, username, password))
    }

    /// How to reach it.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its name or address; an IPv6 address stands without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.scheme.name(), self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.scheme.name(), self.host, self.port)
        }
    }
}

fn percent_decoded(part: &str) -> Result<String, Error> {
    percent_encoding::percent_decode_str(part).decode_utf8().map(Into::into).map_err(|error| {
        Error::new(
            ErrorKind::InvalidOption,
            format!("the URL's user name or password is not UTF-8 ({error})"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> String {
        Server::parse(url).unwrap().0.to_string()
    }

    #[test]
    fn default_port_follows_the_scheme() {
        assert_eq!(server("mqtt://localhost"), "mqtt://localhost:1883");
        assert_eq!(server("mqtts://localhost/"), "mqtts://localhost:8883");
        assert_eq!(server("mqtt://localhost:7"), "mqtt://localhost:7");
    }

    #[test]
    fn ipv6_loses_its_brackets_inside_and_shows_them_outside() {
        let (server, ..) = Server::parse("mqtt://[::1]:1884").unwrap();
        assert_eq!((server.host(), server.port()), ("::1", 1884));
        assert_eq!(server.to_string(), "mqtt://[::1]:1884");
    }

    #[test]
    fn credentials_are_percent_decoded() {
        let (_, username, password) = Server::parse("mqtt://al%40ice:p%3Aw@host").unwrap();
        assert_eq!((username.as_deref(), password.as_deref()), (Some("al@ice"), Some("p:w")));
    }

    #[test]
    fn refusals_name_the_rule_and_keep_the_secret() {
        for url in [
            "",
            "localhost",
            "http://u:s3cret@host",
            "mqtt://",
            "mqtt://u:s3cret@host/path",
            "mqtt://h:99999",
        ] {
            let error = Server::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOption, "{url}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
