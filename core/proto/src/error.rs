//! The one hierarchy of errors that every language shows its users.

use std::fmt;

use crate::codec::{DecodeError, UserProperties};
use crate::reason::ReasonCode;
use crate::text::Utf8String;

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// What went wrong, in the terms a program decides by. Names and codes are the same in every language and every
        /// release.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $variant = $code,)*
        }

        impl ErrorKind {
            /// The kind's name as documents and bindings spell it, such as `not_authorized`. It never changes.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The kind of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }

            /// Every kind, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}

// A kind that is added gets the next code; one that is removed takes its code with it. 0 is no error.
error_kinds! {
    /// An option is missing, out of range, or contradicts another one.
    InvalidOption = 1, "invalid_option";
    /// A topic name or topic filter breaks a rule of the specification (section 4.7).
    InvalidTopic = 2, "invalid_topic";
    /// A message or request can't be sent as it is: a value is too long or out of range.
    InvalidMessage = 3, "invalid_message";
    /// The protocol version in use, or this server, does not offer what was asked for.
    Unsupported = 4, "unsupported";
    /// The server's name could not be resolved.
    NameResolution = 5, "name_resolution";
    /// The connection could not be opened or was lost.
    Transport = 6, "transport";
    /// TLS could not be set up or the server's certificate was not accepted.
    Tls = 7, "tls";
    /// The server refused the connection or the request.
    Refused = 8, "refused";
    /// The server does not accept the credentials, does not authorise what was asked for, or did not prove who it is
    /// where the authentication method wants it to.
    NotAuthorized = 9, "not_authorized";
    /// No answer came in time.
    Timeout = 10, "timeout";
    /// The server broke a rule of the protocol, or says that we did.
    Protocol = 11, "protocol";
    /// The packet is larger than the server (or this client) takes.
    PacketTooLarge = 12, "packet_too_large";
    /// A quota of the server is used up.
    QuotaExceeded = 13, "quota_exceeded";
    /// The queue of messages that wait to be sent is full.
    QueueFull = 14, "queue_full";
    /// The message's expiry interval passed before it could be sent.
    Expired = 15, "expired";
    /// A queue's policy dropped the message to make room.
    Dropped = 16, "dropped";
    /// The operation was withdrawn before anything was sent.
    Cancelled = 17, "cancelled";
    /// The server no longer has the session that the operation belonged to.
    SessionLost = 18, "session_lost";
    /// Whether the server got the message can't be known.
    Indeterminate = 19, "indeterminate";
    /// Nobody subscribes to the topic of a request, so that no answer can come.
    NoResponder = 20, "no_responder";
    /// The client is closed, or is closing.
    Closed = 21, "closed";
}

impl ErrorKind {
    /// The kind's number, for languages and formats that tell errors by one, from 1. It never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether an error of this kind may be over by itself, where no reason code of the server says more.
    const fn retry(self) -> bool {
        matches!(
            self,
            Self::NameResolution
                | Self::Transport
                | Self::Refused
                | Self::Timeout
                | Self::Protocol
                | Self::QuotaExceeded
                | Self::QueueFull
                | Self::SessionLost
                | Self::NoResponder
        )
    }
}

/// The name as words, such as "not authorized".
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.name().split('_').enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// An error as a value: its kind, a sentence for people, and what the server said about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    message: String,
    retry: bool,
    reason_code: Option<ReasonCode>,
    reason_string: Option<Utf8String>,
    user_properties: UserProperties,
}

impl Error {
    /// An error of this side; `message` is a clause without a full stop that names what was wrong and what is allowed.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            retry: kind.retry(),
            reason_code: None,
            reason_string: None,
            user_properties: UserProperties::new(),
        }))
    }

    /// An error that the server reported with a reason code while `doing` something.
    #[must_use]
    pub fn from_reason(doing: &str, reason_code: ReasonCode) -> Self {
        let mut error = Self::new(kind_of(reason_code), format!("{doing}: {reason_code}"));
        error.0.retry = reason_code.retry();
        error.with_reason_code(reason_code)
    }

    /// The same error with the MQTT reason code that belongs to it.
    #[must_use]
    pub fn with_reason_code(mut self, reason_code: ReasonCode) -> Self {
        self.0.reason_code = Some(reason_code);
        self
    }

    /// The same error with what the server added to its reason code.
    #[must_use]
    pub fn with_details(
        mut self,
        reason_string: Option<Utf8String>,
        user_properties: UserProperties,
    ) -> Self {
        self.0.reason_string = reason_string;
        self.0.user_properties = user_properties;
        self
    }

    /// What went wrong, to decide by.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The MQTT reason code, where the server sent one or the protocol has one for this error.
    #[must_use]
    pub fn reason_code(&self) -> Option<ReasonCode> {
        self.0.reason_code
    }

    /// The server's own words (such as section 3.2.2.3.9), for people only.
    #[must_use]
    pub fn reason_string(&self) -> Option<&str> {
        self.0.reason_string.as_deref()
    }

    /// The user properties that came with the server's answer.
    #[must_use]
    pub fn user_properties(&self) -> &UserProperties {
        &self.0.user_properties
    }

    /// Whether the same attempt may succeed later without a change by the user.
    #[must_use]
    pub fn retry_may_help(&self) -> bool {
        self.0.retry
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.reason_string {
            Some(reason) => write!(f, " (the server says: {:?})", reason.as_str()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::new(ErrorKind::Protocol, format!("the server broke the protocol: {error}"))
            .with_reason_code(error.reason_code())
    }
}

impl From<crate::topic::TopicError> for Error {
    fn from(error: crate::topic::TopicError) -> Self {
        Self::new(ErrorKind::InvalidTopic, error.to_string())
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

fn kind_of(reason_code: ReasonCode) -> ErrorKind {
    match reason_code {
        ReasonCode::NotAuthorized | ReasonCode::BadUserNameOrPassword => ErrorKind::NotAuthorized,
        ReasonCode::MalformedPacket | ReasonCode::ProtocolError => ErrorKind::Protocol,
        ReasonCode::PacketTooLarge => ErrorKind::PacketTooLarge,
        ReasonCode::QuotaExceeded => ErrorKind::QuotaExceeded,
        ReasonCode::TopicNameInvalid | ReasonCode::TopicFilterInvalid => ErrorKind::InvalidTopic,
        ReasonCode::UnsupportedProtocolVersion
        | ReasonCode::RetainNotSupported
        | ReasonCode::QoSNotSupported
        | ReasonCode::SharedSubscriptionsNotSupported
        | ReasonCode::SubscriptionIdentifiersNotSupported
        | ReasonCode::WildcardSubscriptionsNotSupported => ErrorKind::Unsupported,
        _ => ErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs and formats hold them: a line is added, none is changed.
    #[test]
    fn codes_and_names_stay() {
        let pinned = [
            (1, "invalid_option"),
            (2, "invalid_topic"),
            (3, "invalid_message"),
            (4, "unsupported"),
            (5, "name_resolution"),
            (6, "transport"),
            (7, "tls"),
            (8, "refused"),
            (9, "not_authorized"),
            (10, "timeout"),
            (11, "protocol"),
            (12, "packet_too_large"),
            (13, "quota_exceeded"),
            (14, "queue_full"),
            (15, "expired"),
            (16, "dropped"),
            (17, "cancelled"),
            (18, "session_lost"),
            (19, "indeterminate"),
            (20, "no_responder"),
            (21, "closed"),
        ];
        let all: Vec<(u8, &str)> = ErrorKind::ALL.iter().map(|kind| (kind.code(), kind.name())).collect();
        assert_eq!(all, pinned);
    }

    #[test]
    fn a_name_leads_back_to_its_kind() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(ErrorKind::from_name("not authorized"), None);
        assert_eq!(ErrorKind::NotAuthorized.to_string(), "not authorized");
    }
}
