//! How the client authenticates beyond user name and password (v5, section 4.12).

use std::fmt;
use std::ops::RangeInclusive;

use super::settings::{invalid, text};
use super::{Options, Secret};
use crate::connection::scram;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::text::Utf8String;

/// A method of enhanced authentication (v5, section 4.12).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// SCRAM-SHA-256 (RFC 7677): the password is never sent, and the server proves that it knows it too.
    ScramSha256(Scram),
    /// The method of this name, spoken by the host: the engine asks it for each step.
    Method(String),
}

/// User name and password for SCRAM. They are not CONNECT's: set those besides where the server wants both.
#[derive(Clone, PartialEq, Eq)]
pub struct Scram {
    username: String,
    password: Secret,
    iterations: RangeInclusive<u32>,
}

impl Scram {
    /// How many iterations a server may ask for unless [`Scram::iterations`] says otherwise.
    pub const DEFAULT_ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

    /// This user with this password.
    #[must_use]
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: Secret(password.into().into_bytes()),
            iterations: Self::DEFAULT_ITERATIONS,
        }
    }

    /// How many iterations of hashing a server may ask for; the default is 4,096 (the least that RFC 7677 allows) to
    /// 1,000,000. Few make a stolen exchange easy to guess the password from, many keep this client busy: a million
    /// take up to some seconds. At most 10,000,000.
    #[must_use]
    pub fn iterations(mut self, bounds: RangeInclusive<u32>) -> Self {
        self.iterations = bounds;
        self
    }

    fn check(&self) -> Result<ScramSettings, Error> {
        let (least, most) = (*self.iterations.start(), *self.iterations.end());
        if least == 0 || least > most || most > MOST_ITERATIONS {
            return Err(invalid(format!(
                "authentication: SCRAM's iterations are {least} to {most}: they must be within 1 to {MOST_ITERATIONS}"
            )));
        }
        let password = String::from_utf8_lossy(&self.password.0);
        let username = scram::prepare("authentication: the user name", &self.username)?;
        text("authentication: the user name", &username)?;
        Ok(ScramSettings {
            username,
            password: scram::prepare("authentication: the password", &password)?,
            iterations: self.iterations.clone(),
        })
    }
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scram")
            .field("username", &self.username)
            .field("password", &self.password)
            .field("iterations", &self.iterations)
            .finish()
    }
}

/// Some ten seconds of a fast machine.
const MOST_ITERATIONS: u32 = 10_000_000;

impl Options {
    /// Authenticates by this method (v5, section 4.12), beside the user name and password if there are any; by none by
    /// default. Reconnecting authenticates anew.
    ///
    /// A server that does not offer the method refuses the connection; one that accepts it without authenticating is
    /// refused.
    #[must_use]
    pub fn authentication(mut self, authentication: impl Into<Option<Authentication>>) -> Self {
        self.authentication = authentication.into();
        self
    }
}

impl Options {
    /// Proves user name and password by SCRAM-SHA-256 instead of sending them in CONNECT (v5): takes both out of the
    /// options, or the URL, for [`Options::authentication`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] when one of them is missing, or the password is not text.
    pub fn scram_sha256(mut self) -> Result<Self, Error> {
        let (Some(username), Some(password)) = (self.username.take(), self.password.take()) else {
            return Err(invalid("SCRAM-SHA-256 needs a user name and a password"));
        };
        let Ok(password) = String::from_utf8(password.0) else {
            return Err(invalid("SCRAM-SHA-256 needs a password that is text"));
        };
        Ok(self.authentication(Authentication::ScramSha256(Scram::new(username, password))))
    }
}

/// A checked method.
#[derive(Debug, Clone)]
pub(crate) enum AuthenticationSettings {
    ScramSha256(ScramSettings),
    Method(Utf8String),
}

/// Prepared for computing (SASLprep).
#[derive(Clone)]
pub(crate) struct ScramSettings {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) iterations: RangeInclusive<u32>,
}

impl Authentication {
    pub(super) fn check(&self) -> Result<AuthenticationSettings, Error> {
        match self {
            Self::ScramSha256(scram) => scram.check().map(AuthenticationSettings::ScramSha256),
            Self::Method(name) if name.is_empty() => {
                Err(invalid("authentication: the method's name must not be empty"))
            }
            Self::Method(name) => text("authentication", name).map(AuthenticationSettings::Method),
        }
    }
}

impl AuthenticationSettings {
    /// As CONNECT names it.
    pub(crate) fn method(&self) -> Utf8String {
        match self {
            Self::ScramSha256(_) => Utf8String::from_static(scram::METHOD),
            Self::Method(name) => name.clone(),
        }
    }
}

impl fmt::Debug for ScramSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramSettings")
            .field("username", &self.username)
            .field("password", &"[redacted]")
            .field("iterations", &self.iterations)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Version;
    use crate::error::ErrorKind;

    fn check(authentication: Authentication) -> Result<(), ErrorKind> {
        let options = Options::new("mqtt://localhost").unwrap().authentication(authentication);
        options.check().map(drop).map_err(|error| error.kind())
    }

    fn scram(scram: Scram) -> Result<(), ErrorKind> {
        check(Authentication::ScramSha256(scram))
    }

    #[test]
    fn bounds_and_names() {
        assert_eq!(scram(Scram::new("ann", "pencil")), Ok(()));
        assert_eq!(scram(Scram::new("", "pencil")), Err(ErrorKind::InvalidOption));
        assert_eq!(scram(Scram::new("ann", "")), Err(ErrorKind::InvalidOption));
        assert_eq!(scram(Scram::new("ann", "\u{7}")), Err(ErrorKind::InvalidOption));
        assert_eq!(scram(Scram::new("a".repeat(70_000), "pencil")), Err(ErrorKind::InvalidOption));
        for (bounds, allowed) in [(1..=1, true), (0..=1, false), (1..=10_000_001, false)] {
            assert_eq!(scram(Scram::new("ann", "pencil").iterations(bounds)).is_ok(), allowed);
        }
        #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
        let empty = Scram::new("ann", "pencil").iterations(2..=1);
        assert!(scram(empty).is_err());
        assert_eq!(check(Authentication::Method("K".to_owned())), Ok(()));
        assert_eq!(check(Authentication::Method(String::new())), Err(ErrorKind::InvalidOption));
        assert_eq!(check(Authentication::Method("\0".to_owned())), Err(ErrorKind::InvalidOption));
    }

    #[test]
    fn credentials_of_the_url_are_proved_instead_of_sent() {
        let settings =
            Options::new("mqtt://ann:pencil@localhost").unwrap().scram_sha256().unwrap().check().unwrap();
        assert_eq!(settings.credentials, crate::options::Credentials::default());
        let Some(AuthenticationSettings::ScramSha256(scram)) = settings.authentication else {
            panic!("no authentication");
        };
        assert_eq!((&scram.username[..], &scram.password[..]), ("ann", "pencil"));
        assert!(Options::new("mqtt://ann@localhost").unwrap().scram_sha256().is_err());
        assert!(Options::new("mqtt://ann@localhost").unwrap().password(b"\xff").scram_sha256().is_err());
    }

    #[test]
    fn version_3_1_1_has_none() {
        let scram = Authentication::ScramSha256(Scram::new("ann", "pencil"));
        let options = Options::new("mqtt://localhost").unwrap().version(Version::V311).authentication(scram);
        assert_eq!(options.check().unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn secrets_are_not_shown() {
        let scram = Authentication::ScramSha256(Scram::new("ann", "pencil"));
        let options = Options::new("mqtt://localhost").unwrap().authentication(scram);
        let shown = format!("{options:?} {:?}", options.check().unwrap());
        assert!(shown.contains("ann") && !shown.contains("pencil") && !shown.contains("112, 101"), "{shown}");
    }
}
