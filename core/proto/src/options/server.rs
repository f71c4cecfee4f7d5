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
    /// A WebSocket over plain TCP (section 6), port 80 unless given.
    Ws,
    /// A WebSocket over TLS (section 6), port 443 unless given.
    Wss,
    /// A Unix domain socket of this machine; no port.
    Unix,
}

impl Scheme {
    /// The port that the scheme stands for; 0 where there are no ports.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
            Self::Unix => 0,
        }
    }

    /// Whether the connection is protected by TLS.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// Whether packets travel in the messages of a WebSocket.
    #[must_use]
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// The scheme as a URL spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Unix => "unix",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Mqtt, Self::Mqtts, Self::Ws, Self::Wss, Self::Unix]
            .into_iter()
            .find(|scheme| scheme.name() == name)
    }
}

/// The address of one server: what an engine asks its host to connect to.
///
/// Neither `Display` nor `Debug` shows a query, which may hold a token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Server {
    scheme: Scheme,
    host: String,
    port: u16,
    path: String,
    query: Option<String>,
}

impl Server {
    /// The server and the credentials in a URL. No error message repeats the URL: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<(Self, Option<String>, Option<String>), Error> {
        if url.len() > LONGEST {
            return Err(invalid(format!(
                "the server's URL has {} bytes: at most {LONGEST} are allowed",
                url.len()
            )));
        }
        let unreadable = |why: &dyn fmt::Display| {
            invalid(format!("the server's URL can't be read: {why}; the form is {FORMS}"))
        };
        let parsed = Url::parse(url).map_err(|error| unreadable(&error))?;
        let Some(scheme) = Scheme::named(parsed.scheme()) else {
            let scheme = parsed.scheme();
            return Err(invalid(format!(
                "the URL scheme {scheme:?} is unknown: it must be mqtt, mqtts, ws, wss or unix"
            )));
        };
        let Some((_, written)) = url.split_once("://") else {
            return Err(unreadable(&"there is no :// behind the scheme"));
        };
        if parsed.fragment().is_some() {
            return Err(invalid(format!("a {} URL has no fragment (#)", scheme.name())));
        }
        let username = match parsed.username() {
            "" => None,
            name => Some(percent_decoded("user name", name)?),
        };
        let password = parsed.password().map(|part| percent_decoded("password", part)).transpose()?;
        let server = match scheme {
            Scheme::Unix => Self::unix(&parsed)?,
            _ => Self::network(scheme, &parsed, written)?,
        };
        Ok((server, username, password))
    }

    /// A server by host and port, `written` being the URL without its scheme.
    fn network(scheme: Scheme, url: &Url, written: &str) -> Result<Self, Error> {
        let host = match url.host() {
            Some(url::Host::Ipv6(address)) => address.to_string(),
            Some(host) if !host.to_string().is_empty() => host.to_string(),
            _ => {
                let what = format!("the URL names no host: the form is {}://host[:port]", scheme.name());
                return Err(invalid(what));
            }
        };
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(invalid("the URL's port is 0: it must be from 1 to 65,535".to_owned()));
        }
        let has_path = !matches!(url.path(), "" | "/");
        if !scheme.is_websocket() && (has_path || url.query().is_some()) {
            let what = format!("a {} URL ends with the port: it has no path or query", scheme.name());
            return Err(invalid(what));
        }
        let path = match scheme {
            // A slash alone is a path too, where it was written.
            Scheme::Ws | Scheme::Wss if has_path || ends_with_slash(written) => url.path(),
            Scheme::Ws | Scheme::Wss => DEFAULT_PATH,
            _ => "",
        };
        Ok(Self { scheme, host, port, path: path.to_owned(), query: url.query().map(str::to_owned) })
    }

    /// A server by the path of its socket. Whom a socket lets in, the file system says; user name and password are
    /// options of their own.
    fn unix(url: &Url) -> Result<Self, Error> {
        let beside = url.has_host() && url.host_str() != Some("");
        if beside || !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(invalid(
                "a unix URL holds a path only: the form is unix:///run/mosquitto.sock, with three slashes"
                    .to_owned(),
            ));
        }
        let path = percent_decoded("path", url.path())?;
        if path.len() < 2 || !path.starts_with('/') || path.contains('\0') {
            return Err(invalid(
                "a unix URL needs the absolute path of a socket: the form is unix:///run/mosquitto.sock"
                    .to_owned(),
            ));
        }
        Ok(Self { scheme: Scheme::Unix, host: String::new(), port: 0, path, query: None })
    }

    /// How to reach it.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its name or address; an IPv6 address stands without brackets. Empty for a Unix domain socket.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port; 0 for a Unix domain socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of a WebSocket's URL, percent-encoded, or that of a Unix domain socket, decoded. Empty for others.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query of a WebSocket's URL, without its question mark. It may hold a token: not for logs.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Host and port as a URL and the header `Host` have them; the port is left out where the scheme stands for it.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, path, query: _ } = self;
        match scheme {
            Scheme::Unix => write!(f, "unix://{}", path.escape_debug()),
            _ if host.contains(':') => write!(f, "{}://[{host}]:{port}{path}", scheme.name()),
            _ => write!(f, "{}://{host}:{port}{path}", scheme.name()),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

const FORMS: &str = "mqtt://host[:port], mqtts://host[:port], ws://host[:port][/path], wss://host[:port][/path] or \
                     unix:///path";

/// What most brokers listen on and most clients ask for.
const DEFAULT_PATH: &str = "/mqtt";

/// Longer than what any server takes.
const LONGEST: usize = 16 * 1024;

/// Whether the authority of a URL is followed by a slash.
fn ends_with_slash(written: &str) -> bool {
    written.find(['/', '?', '\\']).is_some_and(|at| !written.get(at..).unwrap_or_default().starts_with('?'))
}

fn percent_decoded(what: &str, part: &str) -> Result<String, Error> {
    percent_encoding::percent_decode_str(part)
        .decode_utf8()
        .map(Into::into)
        .map_err(|error| invalid(format!("the URL's {what} is not UTF-8 ({error})")))
}

fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidOption, what)
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
    fn websockets_have_paths_and_queries() {
        for (url, path, query, shown) in [
            ("ws://h", "/mqtt", None, "ws://h:80/mqtt"),
            ("wss://h?token=a", "/mqtt", Some("token=a"), "wss://h:443/mqtt"),
            ("ws://h/", "/", None, "ws://h:80/"),
            ("ws://h:80/a%20b/c?d=e&f", "/a%20b/c", Some("d=e&f"), "ws://h:80/a%20b/c"),
            ("wss://u:p@[::1]:9001/x", "/x", None, "wss://[::1]:9001/x"),
        ] {
            let (server, ..) = Server::parse(url).unwrap();
            assert_eq!((server.path(), server.query()), (path, query), "{url}");
            assert_eq!(server.to_string(), shown);
            assert_eq!(format!("{server:?}"), format!("Server({shown})"));
        }
    }

    #[test]
    fn unix_sockets_have_a_path_only() {
        for (url, path) in [
            ("unix:///run/mosquitto.sock", "/run/mosquitto.sock"),
            ("unix:///with%20space/%C3%BC", "/with space/ü"),
        ] {
            let (server, ..) = Server::parse(url).unwrap();
            assert_eq!((server.path(), server.host(), server.port()), (path, "", 0));
        }
    }

    #[test]
    fn the_authority_leaves_the_usual_port_out() {
        let authority = |url| Server::parse(url).unwrap().0.authority();
        assert_eq!(authority("ws://h"), "h");
        assert_eq!(authority("wss://[::1]:443"), "[::1]");
        assert_eq!(authority("ws://h:9001"), "h:9001");
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
            "mqtt://h:0",
            "mqtt:h",
            "mqtt://h?token=s3cret",
            "mqtt://h#s3cret",
            "ws:h",
            "ws://",
            "ws://u:s3cret@",
            "ws://h:s3cret/",
            "ws://h/#s3cret",
            "ws://a b/",
            "ws://u:%ff@h?s3cret",
            "unix://",
            "unix:///",
            "unix://run/mosquitto.sock",
            "unix:/run/mosquitto.sock",
            "unix://u:s3cret@/run/mosquitto.sock",
            "unix://u:s3cret@host/run/mosquitto.sock",
            "unix:///run/mosquitto.sock?s3cret",
            "unix:///run/%00",
            "unix:///run/%ff",
            &format!("ws://h/{}", "s3cret".repeat(10_000)),
        ] {
            let error = Server::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOption, "{url}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
