//! Authentication beyond user name and password, by name.

use polymqtt::{Authentication, Options, Scram};

use super::error::OptionError;
use super::table::{Entry, Set, entry};

pub(super) const TABLE: &[Entry<AuthenticationParts>] = &[
    entry(
        "authentication",
        Set::Text(|parts, method| AuthenticationParts { method: Some(method), ..parts }),
        "The authentication method; by default none. SCRAM-SHA-256 proves the user name and password of `scram`, or else \
         of the options; any other is spoken by the program.",
    ),
    entry(
        "scram.username",
        Set::Text(|parts, username| AuthenticationParts { username: Some(username), ..parts }),
        "The user name for SCRAM.",
    ),
    entry(
        "scram.password",
        Set::Text(|parts, password| AuthenticationParts { password: Some(password), ..parts }),
        "The password for SCRAM.",
    ),
    entry(
        "scram.least_iterations",
        Set::U32(|parts, least| AuthenticationParts { least_iterations: Some(least), ..parts }),
        "The fewest iterations of hashing that a server may ask for, from 1; by default 4,096.",
    ),
    entry(
        "scram.most_iterations",
        Set::U32(|parts, most| AuthenticationParts { most_iterations: Some(most), ..parts }),
        "The most iterations of hashing that a server may ask for, up to 10,000,000; by default 1,000,000.",
    ),
];

/// As given.
#[derive(Default)]
pub(super) struct AuthenticationParts {
    method: Option<String>,
    username: Option<String>,
    password: Option<String>,
    least_iterations: Option<u32>,
    most_iterations: Option<u32>,
}

impl AuthenticationParts {
    /// The options with it.
    pub(super) fn of(self, options: Options) -> Result<Options, OptionError> {
        let Self { method, username, password, least_iterations, most_iterations } = self;
        let is_scram = method.as_deref().is_none_or(|method| method == SCRAM);
        let has_parts = username.is_some()
            || password.is_some()
            || least_iterations.is_some()
            || most_iterations.is_some();
        match method {
            Some(method) if !is_scram && !has_parts => {
                return Ok(options.authentication(Authentication::Method(method)));
            }
            Some(_) if !is_scram => {
                return Err(OptionError::invalid(format!(
                    "authentication is another method than {SCRAM}: scram is only for that one"
                )));
            }
            Some(_) if !has_parts => return Ok(options.scram_sha256()?),
            None if !has_parts => return Ok(options),
            _ => {}
        }
        let (Some(username), Some(password)) = (username, password) else {
            return Err(OptionError::invalid("scram needs both scram.username and scram.password"));
        };
        let least = least_iterations.unwrap_or(*Scram::DEFAULT_ITERATIONS.start());
        let most = most_iterations.unwrap_or(*Scram::DEFAULT_ITERATIONS.end());
        let scram = Scram::new(username, password).iterations(least..=most);
        Ok(options.authentication(Authentication::ScramSha256(scram)))
    }
}

const SCRAM: &str = "SCRAM-SHA-256";
