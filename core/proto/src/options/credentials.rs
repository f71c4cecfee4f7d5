//! Who this client is, for one attempt to connect.

use bytes::Bytes;

use super::Header;
use super::settings::{check_password, text};
use crate::error::{Error, ErrorKind};
use crate::text::Utf8String;

/// User name, password and WebSocket headers of one attempt to connect.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// The user name, if any.
    pub username: Option<Utf8String>,
    /// The password, if any: at most 65,535 bytes. No `Debug` shows it.
    pub password: Option<Bytes>,
    /// Headers of the request that opens a WebSocket, in place of those of the options by the same name.
    pub headers: Vec<Header>,
}

impl Credentials {
    /// A user name and a password, without headers.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] when MQTT can't carry them.
    pub fn new(username: &str, password: impl Into<Bytes>) -> Result<Self, Error> {
        let password = password.into();
        check_password(&password)?;
        Ok(Self {
            username: Some(text("username", username)?),
            password: Some(password),
            headers: Vec::new(),
        })
    }

    /// A header of the request that opens a WebSocket, in place of those of the options by the same name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header::new(name, value));
        self
    }

    /// Whether an attempt can be made with them.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(password) = &self.password {
            check_password(password)?;
        }
        if self.headers.len() > MOST_HEADERS {
            let what =
                format!("{} headers are too many: at most {MOST_HEADERS} are allowed", self.headers.len());
            return Err(Error::new(ErrorKind::InvalidOption, what));
        }
        self.headers.iter().try_for_each(Header::check)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "[redacted]"))
            .field("headers", &self.headers)
            .finish()
    }
}

/// As many as servers commonly take.
const MOST_HEADERS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::new("ann", "s3cret").unwrap().header("Authorization", "s3cret");
        let shown = format!("{credentials:?}");
        assert!(
            shown.contains("ann") && shown.contains("Authorization") && !shown.contains("s3cret"),
            "{shown}"
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        assert!(Credentials::new("\0", "").is_err());
        assert!(Credentials::new("ann", vec![0; 65_536]).is_err());
        let long = Credentials { password: Some(vec![0; 65_536].into()), ..Credentials::default() };
        assert!(long.check().is_err());
        assert!(Credentials::default().header("a b", "").check().is_err());
        assert!(Credentials::default().header("a", "b").check().is_ok());
    }
}
