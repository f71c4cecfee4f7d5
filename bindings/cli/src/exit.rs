//! Exit codes: what a script learns without reading a message.

use std::process::ExitCode;

use polymqtt::{Error, ErrorKind};

/// How the command ended. The numbers are part of its interface and stand in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All done.
    Done = 0,
    /// An argument or an input line breaks a rule; nothing was sent.
    Usage = 1,
    /// No connection: name, network, TLS. For the broker: a port that can't be opened.
    NoConnection = 2,
    /// The server refused the connection, the subscription or a message.
    Refused = 3,
    /// A message did not reach where it was to go.
    NotDelivered = 4,
    /// The time of `-W` passed without the messages.
    Timeout = 5,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The part of `--help` about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done
    1  an argument or an input line breaks a rule
    2  no connection: name, network or TLS (broker: a port can't be opened)
    3  the server refused the connection, the subscription or a message
    4  a message was not delivered
    5  -W passed without the messages
  130  interrupted (143 by SIGTERM)";

/// Why a command ends before its work is done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One line for people; none where the exit code says it all.
    pub(crate) message: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn silent(exit: Exit) -> Self {
        Self { exit, message: None }
    }

    /// What an error means while connecting or subscribing.
    pub(crate) fn connecting(error: &Error) -> Self {
        let exit = match error.kind() {
            kind if is_argument(kind) => Exit::Usage,
            kind if is_refusal(kind) => Exit::Refused,
            _ => Exit::NoConnection,
        };
        Self::new(exit, error.to_string())
    }

    /// What an error means while publishing.
    pub(crate) fn publishing(error: &Error) -> Self {
        let exit = match error.kind() {
            kind if is_argument(kind) => Exit::Usage,
            kind if is_refusal(kind) => Exit::Refused,
            _ => Exit::NotDelivered,
        };
        Self::new(exit, error.to_string())
    }
}

fn is_argument(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidOption | ErrorKind::InvalidTopic | ErrorKind::InvalidMessage)
}

fn is_refusal(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Refused
            | ErrorKind::NotAuthorized
            | ErrorKind::QuotaExceeded
            | ErrorKind::PacketTooLarge
            | ErrorKind::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_decides_what_a_lost_connection_means() {
        let lost = Error::new(ErrorKind::Transport, "the connection was lost");
        assert_eq!(Failure::connecting(&lost).exit, Exit::NoConnection);
        assert_eq!(Failure::publishing(&lost).exit, Exit::NotDelivered);
    }

    #[test]
    fn a_refusal_is_one_in_every_phase() {
        let refused = Error::new(ErrorKind::NotAuthorized, "not authorized");
        assert_eq!(Failure::connecting(&refused).exit, Exit::Refused);
        assert_eq!(Failure::publishing(&refused).exit, Exit::Refused);
    }

    #[test]
    fn the_help_names_every_code() {
        for exit in [
            Exit::Done,
            Exit::Usage,
            Exit::NoConnection,
            Exit::Refused,
            Exit::NotDelivered,
            Exit::Timeout,
            Exit::Interrupted,
            Exit::Terminated,
        ] {
            assert!(HELP.contains(&(exit as u8).to_string()));
        }
    }
}
