//! What is wrong with an option that was given.

use std::fmt;

use polymqtt::{Error, ErrorKind};

/// What is wrong with an option: where a language tells a value of a wrong type from one that is not allowed, so does
/// this. No message holds what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionError {
    /// The value is of another type than the option's; the sentence names the option, and both.
    WrongType(String),
    /// The value is not allowed, contradicts another one, or there is no such option.
    NotAllowed(Error),
}

impl OptionError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::NotAllowed(Error::new(ErrorKind::InvalidOption, message))
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongType(message) => f.write_str(message),
            Self::NotAllowed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OptionError {}

impl From<Error> for OptionError {
    fn from(error: Error) -> Self {
        Self::NotAllowed(error)
    }
}

/// For languages whose compiler sees to types, or that have one hierarchy for both.
impl From<OptionError> for Error {
    fn from(error: OptionError) -> Self {
        match error {
            OptionError::WrongType(message) => Self::new(ErrorKind::InvalidOption, message),
            OptionError::NotAllowed(error) => error,
        }
    }
}
