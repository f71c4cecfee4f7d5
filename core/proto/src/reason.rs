//! Reason codes (section 2.4) and CONNACK return codes of version 3.1.1.

use std::fmt;

use crate::codec::PacketType;

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// A reason code (section 2.4, table 2-6). Below 0x80 the operation succeeded, from 0x80 on it failed.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum ReasonCode {
            $($(#[$doc])* $variant = $code,)*
        }

        impl ReasonCode {
            /// The specification's words in lower case, such as "not authorized".
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }

        impl TryFrom<u8> for ReasonCode {
            type Error = UnknownReasonCode;

            fn try_from(code: u8) -> Result<Self, UnknownReasonCode> {
                match code {
                    $($code => Ok(Self::$variant),)*
                    other => Err(UnknownReasonCode(other)),
                }
            }
        }
    };
}

reason_codes! {
    /// Success; in DISCONNECT: normal disconnection; in SUBACK: granted QoS 0.
    #[default]
    #[doc(alias = "NormalDisconnection")]
    #[doc(alias = "GrantedQoS0")]
    Success = 0x00, "success";
    /// The subscription is accepted, messages arrive at QoS 1 at most.
    GrantedQoS1 = 0x01, "granted QoS 1";
    /// The subscription is accepted, messages arrive at QoS 2 at most.
    GrantedQoS2 = 0x02, "granted QoS 2";
    /// The client leaves and wants its will published.
    DisconnectWithWill = 0x04, "disconnect with will message";
    /// The message is accepted, nobody subscribes to its topic.
    NoMatchingSubscribers = 0x10, "no matching subscribers";
    /// There was no such subscription to delete.
    NoSubscriptionExisted = 0x11, "no subscription existed";
    /// The authentication goes on with another step.
    ContinueAuthentication = 0x18, "continue authentication";
    /// The client starts a re-authentication.
    ReAuthenticate = 0x19, "re-authenticate";
    /// Failed; the sender does not say why, or no other code fits.
    UnspecifiedError = 0x80, "unspecified error";
    /// A packet could not be parsed.
    MalformedPacket = 0x81, "malformed packet";
    /// A packet was out of order or contradicts the state.
    ProtocolError = 0x82, "protocol error";
    /// Valid, but not accepted by this implementation.
    ImplementationSpecificError = 0x83, "implementation specific error";
    /// The server does not speak this version of the protocol.
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version";
    /// The client identifier is valid but not allowed by the server.
    ClientIdentifierNotValid = 0x85, "client identifier not valid";
    /// The server does not accept the user name or password.
    BadUserNameOrPassword = 0x86, "bad user name or password";
    /// The client may not do this.
    NotAuthorized = 0x87, "not authorized";
    /// The server is not available.
    ServerUnavailable = 0x88, "server unavailable";
    /// The server is busy, try again later.
    ServerBusy = 0x89, "server busy";
    /// The client is banned by an administrator.
    Banned = 0x8A, "banned";
    /// The server is shutting down.
    ServerShuttingDown = 0x8B, "server shutting down";
    /// The authentication method is not supported, or not the one in use.
    BadAuthenticationMethod = 0x8C, "bad authentication method";
    /// Nothing came for one and a half times the keep alive.
    KeepAliveTimeout = 0x8D, "keep alive timeout";
    /// Another connection uses the same client identifier.
    SessionTakenOver = 0x8E, "session taken over";
    /// The topic filter is valid but not accepted by the server.
    TopicFilterInvalid = 0x8F, "topic filter invalid";
    /// The topic name is valid but not accepted.
    TopicNameInvalid = 0x90, "topic name invalid";
    /// The packet identifier is in use already.
    PacketIdentifierInUse = 0x91, "packet identifier in use";
    /// The packet identifier is not known; no error while recovering.
    PacketIdentifierNotFound = 0x92, "packet identifier not found";
    /// More messages are in flight than the receive maximum allows.
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded";
    /// The topic alias is zero or above the topic alias maximum.
    TopicAliasInvalid = 0x94, "topic alias invalid";
    /// The packet is larger than the maximum packet size.
    PacketTooLarge = 0x95, "packet too large";
    /// The rate of received data is too high.
    MessageRateTooHigh = 0x96, "message rate too high";
    /// A limit of the implementation or administration is used up.
    QuotaExceeded = 0x97, "quota exceeded";
    /// Closed by an administrator.
    AdministrativeAction = 0x98, "administrative action";
    /// The payload is not of the format that its indicator names.
    PayloadFormatInvalid = 0x99, "payload format invalid";
    /// The server does not keep retained messages.
    RetainNotSupported = 0x9A, "retain not supported";
    /// The quality of service is above the server's maximum.
    QoSNotSupported = 0x9B, "QoS not supported";
    /// The client should use another server for now.
    UseAnotherServer = 0x9C, "use another server";
    /// The server has moved, the client should use the other one from now on.
    ServerMoved = 0x9D, "server moved";
    /// The server does not offer shared subscriptions to this client.
    SharedSubscriptionsNotSupported = 0x9E, "shared subscriptions not supported";
    /// Connections are opened too fast.
    ConnectionRateExceeded = 0x9F, "connection rate exceeded";
    /// The longest time that the server allows for a connection is over.
    MaximumConnectTime = 0xA0, "maximum connect time";
    /// The server does not offer subscription identifiers.
    SubscriptionIdentifiersNotSupported = 0xA1, "subscription identifiers not supported";
    /// The server does not offer wildcard subscriptions.
    WildcardSubscriptionsNotSupported = 0xA2, "wildcard subscriptions not supported";
}

impl ReasonCode {
    /// Whether it reports a failure: 0x80 or greater.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self as u8 >= 0x80
    }

    /// Whether the same attempt (connecting again, sending the request again) may succeed later without a change by
    /// the user. The choice for each failure stands in the code, with its reason.
    #[must_use]
    pub const fn retry(self) -> bool {
        match self {
            // No failures: connecting again does what it did before.
            Self::Success
            | Self::GrantedQoS1
            | Self::GrantedQoS2
            | Self::DisconnectWithWill
            | Self::NoMatchingSubscribers
            | Self::NoSubscriptionExisted
            | Self::ContinueAuthentication
            | Self::ReAuthenticate => true,

            // The server does not say that the fault is ours; its state may change.
            Self::UnspecifiedError | Self::ImplementationSpecificError => true,
            // Conditions of the server or the network that pass.
            Self::ServerUnavailable
            | Self::ServerBusy
            | Self::ServerShuttingDown
            | Self::KeepAliveTimeout
            | Self::MessageRateTooHigh
            | Self::QuotaExceeded
            | Self::ConnectionRateExceeded => true,
            // An administrator closed this connection or its time is up; unlike `Banned`, a new one is not refused.
            Self::AdministrativeAction | Self::MaximumConnectTime => true,
            // A new connection starts with free identifiers, a full quota and no aliases.
            Self::PacketIdentifierInUse
            | Self::PacketIdentifierNotFound
            | Self::ReceiveMaximumExceeded
            | Self::TopicAliasInvalid => true,

            // We sent what the server can't read, or will again refuse: the same bytes meet the same end.
            Self::MalformedPacket
            | Self::ProtocolError
            | Self::PacketTooLarge
            | Self::PayloadFormatInvalid => false,
            // The user has to change a setting, or the server's configuration has to change.
            Self::UnsupportedProtocolVersion
            | Self::ClientIdentifierNotValid
            | Self::BadUserNameOrPassword
            | Self::NotAuthorized
            | Self::Banned
            | Self::BadAuthenticationMethod
            | Self::TopicFilterInvalid
            | Self::TopicNameInvalid => false,
            // Connecting again would throw out the other client, which would throw us out, and so on.
            Self::SessionTakenOver => false,
            // What the server does not offer it will not offer in a minute either.
            Self::RetainNotSupported
            | Self::QoSNotSupported
            | Self::SharedSubscriptionsNotSupported
            | Self::SubscriptionIdentifiersNotSupported
            | Self::WildcardSubscriptionsNotSupported => false,
            // This server says no; following its reference is another matter than trying again.
            Self::UseAnotherServer | Self::ServerMoved => false,
        }
    }

    /// Whether a packet of this type may carry this code (table 2-6; both directions together).
    #[must_use]
    pub const fn is_allowed_in(self, packet: PacketType) -> bool {
        match packet {
            PacketType::ConnAck => matches!(
                self as u8,
                0x00 | 0x80..=0x8A | 0x8C | 0x90 | 0x95 | 0x97 | 0x99..=0x9D | 0x9F
            ),
            PacketType::PubAck | PacketType::PubRec => {
                matches!(self as u8, 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
            }
            PacketType::PubRel | PacketType::PubComp => matches!(self as u8, 0x00 | 0x92),
            PacketType::SubAck => matches!(
                self as u8,
                0x00..=0x02 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2
            ),
            PacketType::UnsubAck => matches!(self as u8, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91),
            // 0x8C is in table 2-6 although not in that of section 3.14.2.1.
            PacketType::Disconnect => matches!(
                self as u8,
                0x00 | 0x04 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B..=0x90 | 0x93..=0xA2
            ),
            PacketType::Auth => matches!(self as u8, 0x00 | 0x18 | 0x19),
            PacketType::Connect
            | PacketType::Publish
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq
            | PacketType::PingResp => false,
        }
    }

    /// The reason code that means what this return code of a version 3.1.1 CONNACK means (its table 3.1);
    /// `None` for a return code that does not exist.
    #[must_use]
    pub const fn from_connack_v311(return_code: u8) -> Option<Self> {
        match return_code {
            0 => Some(Self::Success),
            1 => Some(Self::UnsupportedProtocolVersion),
            2 => Some(Self::ClientIdentifierNotValid),
            3 => Some(Self::ServerUnavailable),
            4 => Some(Self::BadUserNameOrPassword),
            5 => Some(Self::NotAuthorized),
            _ => None,
        }
    }

    /// The return code of a version 3.1.1 CONNACK that comes nearest to this code.
    #[must_use]
    pub const fn to_connack_v311(self) -> u8 {
        match self {
            Self::UnsupportedProtocolVersion => 1,
            Self::ClientIdentifierNotValid => 2,
            Self::BadUserNameOrPassword => 4,
            Self::NotAuthorized | Self::Banned | Self::BadAuthenticationMethod => 5,
            other if other.is_error() => 3,
            _ => 0,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.name(), *self as u8)
    }
}

/// A number that is no reason code of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reason code 0x{0:02X} does not exist")]
pub struct UnknownReasonCode(
    /// The number.
    pub u8,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_codes_agree() {
        let known: Vec<u8> = (0..=255).filter(|code| ReasonCode::try_from(*code).is_ok()).collect();
        let all: Vec<u8> = ReasonCode::ALL.iter().map(|code| *code as u8).collect();
        assert_eq!(known, all);
        assert_eq!(all.len(), 43);
        assert_eq!(ReasonCode::try_from(0x03), Err(UnknownReasonCode(0x03)));
    }

    #[test]
    fn is_shown_with_its_number() {
        assert_eq!(ReasonCode::NotAuthorized.to_string(), "not authorized (0x87)");
        assert_eq!(ReasonCode::Success.to_string(), "success (0x00)");
    }

    #[test]
    fn failures_start_at_0x80() {
        assert!(!ReasonCode::ReAuthenticate.is_error());
        assert!(ReasonCode::UnspecifiedError.is_error());
    }

    #[test]
    fn what_a_retry_can_mend() {
        for code in [0x80, 0x83, 0x88, 0x89, 0x8B, 0x8D, 0x96, 0x97, 0x98, 0x9F, 0xA0] {
            assert!(ReasonCode::try_from(code).unwrap().retry(), "0x{code:02X}");
        }
        for code in [
            0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x8E, 0x90, 0x95, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E,
            0xA1, 0xA2,
        ] {
            assert!(!ReasonCode::try_from(code).unwrap().retry(), "0x{code:02X}");
        }
    }

    #[test]
    fn return_codes_of_version_3_1_1() {
        for return_code in 0..=5 {
            let code = ReasonCode::from_connack_v311(return_code).unwrap();
            assert_eq!(code.to_connack_v311(), return_code);
        }
        assert_eq!(ReasonCode::from_connack_v311(6), None);
        assert_eq!(ReasonCode::Banned.to_connack_v311(), 5);
        assert_eq!(ReasonCode::ServerBusy.to_connack_v311(), 3);
    }

    #[test]
    fn codes_by_packet() {
        let allowed = |packet| ReasonCode::ALL.iter().filter(|code| code.is_allowed_in(packet)).count();
        assert_eq!(allowed(PacketType::ConnAck), 22);
        assert_eq!(allowed(PacketType::PubAck), 9);
        assert_eq!(allowed(PacketType::PubComp), 2);
        assert_eq!(allowed(PacketType::SubAck), 12);
        assert_eq!(allowed(PacketType::UnsubAck), 7);
        assert_eq!(allowed(PacketType::Disconnect), 30);
        assert_eq!(allowed(PacketType::Auth), 3);
        assert!(!ReasonCode::ServerUnavailable.is_allowed_in(PacketType::Disconnect));
        assert!(!ReasonCode::NoMatchingSubscribers.is_allowed_in(PacketType::PubComp));
    }
}
