//! Deliberate faults of the engine, one at a time: tests that don't find them prove nothing. Only with the feature
//! `mutants`, which nothing but the simulation turns on; without it each place where one could be is a constant.
#![cfg_attr(
    not(feature = "mutants"),
    expect(dead_code, unreachable_pub, reason = "the tests that use it need the feature")
)]

/// A fault, named by what the engine then does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Sends each message of QoS 1 and 2 with DUP [MQTT-3.3.1-1].
    DupOnLiveConnection,
    /// Gives the quota of a QoS 2 message back with its PUBREC, and again with its PUBCOMP (section 4.9).
    QuotaReturnedOnPubrec,
    /// Goes on with a session as if no PUBREL were pending (section 4.9).
    PubrelNotCountedOnResume,
    /// Forgets with the connection which QoS 2 messages were delivered [MQTT-4.3.3-10].
    ReceivedIdForgottenOnReconnect,
    /// Leaves a QoS 2 message that was delivered on an earlier connection unacknowledged [MQTT-4.3.3-8].
    PendingPubrecDropped,
    /// Sends a PUBACK before that of the message before, where both may leave [MQTT-4.6.0-2].
    AcksSwapped,
    /// Sends PUBRELs again in the order of their PUBLISHes [MQTT-4.6.0-4].
    PubrelOrderByPublish,
    /// Sends messages whose expiry interval has passed, with the whole interval (section 3.3.2.3.3).
    ExpiryIgnored,
    /// Ends messages that were sent, and have an expiry interval, on the next connection (section 4.4).
    ExpiryAppliedToSent,
    /// Uses the topic aliases of the last connection [MQTT-3.3.2-7].
    AliasesKeptOverReconnect,
    /// Sends what waited by the limits of the connection on which it was accepted (section 3.2.2.3).
    LimitsOfOldServer,
    /// Stops reading for full streams, whoever waits for what travels behind their messages.
    CompletionsStuckBehindMessages,
}

#[cfg(feature = "mutants")]
mod active {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    impl Mutant {
        /// All of them.
        pub const ALL: [Self; 12] = [
            Self::DupOnLiveConnection,
            Self::QuotaReturnedOnPubrec,
            Self::PubrelNotCountedOnResume,
            Self::ReceivedIdForgottenOnReconnect,
            Self::PendingPubrecDropped,
            Self::AcksSwapped,
            Self::PubrelOrderByPublish,
            Self::ExpiryIgnored,
            Self::ExpiryAppliedToSent,
            Self::AliasesKeptOverReconnect,
            Self::LimitsOfOldServer,
            Self::CompletionsStuckBehindMessages,
        ];

        /// Makes the engines of this thread have this fault, or none.
        pub fn activate(mutant: Option<Self>) {
            ACTIVE.set(mutant);
        }

        /// Whether engines of this thread have this fault.
        pub(crate) fn is_active(self) -> bool {
            ACTIVE.get() == Some(self)
        }
    }
}

#[cfg(not(feature = "mutants"))]
impl Mutant {
    /// Never.
    #[inline(always)]
    pub(crate) const fn is_active(self) -> bool {
        false
    }
}
