//! HTTP headers of the request that opens a WebSocket.

use super::{Options, Secret};
use crate::error::{Error, ErrorKind};

/// A header of the HTTP request that opens a WebSocket, such as `Authorization`. No `Debug` shows its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: Secret,
}

impl Header {
    /// A header as said; it is checked where it is used.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Secret(value.into().into_bytes()) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, which is likely to be a secret.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value.0
    }

    /// Whether HTTP allows it (RFC 9110, section 5) and the handshake has no use for its name.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            return Err(invalid(format!(
                "{:?} can't be a header's name: letters, digits and !#$%&'*+-.^_`|~ are allowed",
                self.name
            )));
        }
        if OF_THE_HANDSHAKE.iter().any(|taken| self.name.eq_ignore_ascii_case(taken)) {
            return Err(invalid(format!(
                "the header {} is made by the WebSocket handshake itself",
                self.name
            )));
        }
        if !self.value.0.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            return Err(invalid(format!(
                "the value of the header {} holds a character that is not visible ASCII, a space or a tab",
                self.name
            )));
        }
        if self.name.len() + self.value.0.len() > LONGEST {
            return Err(invalid(format!("the header {:.64} is longer than {LONGEST} bytes", self.name)));
        }
        Ok(())
    }
}

impl Options {
    /// A header of the HTTP request that opens a WebSocket (`ws`, `wss`), such as `Authorization`; may be given several
    /// times. Other transports have no use for it, and a server that this client was redirected to gets it only as it
    /// gets the credentials.
    #[must_use]
    pub fn websocket_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.websocket_headers.push(Header::new(name, value));
        self
    }
}

/// What the handshake says itself (RFC 6455, section 4.1), and what would change how the request is read.
const OF_THE_HANDSHAKE: [&str; 10] = [
    "Connection",
    "Content-Length",
    "Host",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
    "Upgrade",
];

/// No server takes more.
const LONGEST: usize = 16 * 1024;

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOption, format!("websocket_header: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_headers_are_allowed() {
        for (name, value) in
            [("Authorization", "Bearer a.b-c="), ("x-y_z", ""), ("Cookie", "a=b;\tc=\"d e\"")]
        {
            assert_eq!(Header::new(name, value).check(), Ok(()));
        }
    }

    #[test]
    fn what_would_break_the_request_is_refused_without_its_value() {
        for (name, value) in [
            ("", "s3cret"),
            ("a b", "s3cret"),
            ("a:", "s3cret"),
            ("a\r\nb", "s3cret"),
            ("ü", "s3cret"),
            ("host", "s3cret"),
            ("SEC-WEBSOCKET-PROTOCOL", "s3cret"),
            ("a", "s3cret\r\nHost: b"),
            ("a", "s3cret\n"),
            ("a", "s3cret\0"),
            ("a", "s3cretü"),
            ("a", &"s3cret".repeat(10_000)),
        ] {
            let header = Header::new(name, value);
            let error = header.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
            assert!(!format!("{error} {header:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn options_check_their_headers() {
        let options = Options::new("ws://host").unwrap().websocket_header("a", "b");
        assert!(options.check().is_ok());
        assert!(options.websocket_header("a b", "").check().is_err());
    }
}
