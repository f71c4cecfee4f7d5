//! What a program, its host and a server can do, as fuzzed bytes choose it.

use std::time::Duration;

use arbitrary::Arbitrary;
use polymqtt_proto::error::Error;
use polymqtt_proto::options::{
    Authentication, OnSessionLost, Options, ProtocolVersion, QueueOptions, ReconnectOptions, RedirectOptions,
    Scram, Settings, WhenFull, Will,
};
use polymqtt_proto::qos::QoS;

/// Never shown. Too long for a server to say it by chance.
pub(super) const PASSWORD: &str = "s3cr3t-Pa55w0rd";

/// Options and steps.
#[derive(Debug, Arbitrary)]
pub(super) struct Program {
    pub(super) setup: Setup,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Arbitrary)]
pub(super) struct Setup {
    version: Spoken,
    method: Method,
    when_full: Full,
    /// Before how many steps the program connects: up to 3.
    pub(super) connects_after: u8,
    pub(super) journal: bool,
    /// Whether questions wait for [`Step::Answer`].
    pub(super) hesitates: bool,
    clean_start: bool,
    keep_trying: bool,
    reconnects: bool,
    asks_credentials: bool,
    verifies_payloads: bool,
    fails_when_lost: bool,
    trusts: bool,
    will: bool,
    fallback: bool,
    receive_maximum: u8,
    packet_size: Option<u8>,
    aliases_in: u8,
    aliases_out: u8,
    most_queued: u8,
    most_queued_bytes: u16,
    keep_alive: u8,
    session_expiry: Option<u8>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Spoken {
    V5,
    V311,
    Auto,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Method {
    None,
    Scram,
    Host,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Full {
    Wait,
    Fail,
    DropOldest,
    DropNewest,
    LatestPerTopic,
}

impl Setup {
    /// The options, where they fit together.
    pub(super) fn settings(&self) -> Result<Settings, Error> {
        let mut options = Options::new("mqtt://one:1")?
            .username("ann")
            .password(PASSWORD)
            .version(match self.version {
                Spoken::V5 => ProtocolVersion::V5,
                Spoken::V311 => ProtocolVersion::V311,
                Spoken::Auto => ProtocolVersion::Auto,
            })
            .clean_start(self.clean_start)
            .keep_trying(self.keep_trying)
            .credentials_from_host(self.asks_credentials)
            .verify_payload_format(self.verifies_payloads)
            .on_session_lost(if self.fails_when_lost { OnSessionLost::Fail } else { OnSessionLost::Resend })
            .redirect(RedirectOptions { most_hops: 3, trust_other_hosts: self.trusts })
            .receive_maximum(u16::from(self.receive_maximum) + 1)
            .topic_alias_maximum(u16::from(self.aliases_in % 4))
            .outgoing_topic_aliases(u16::from(self.aliases_out % 4))
            .keep_alive(Duration::from_secs(self.keep_alive.into()))
            .queue(QueueOptions {
                max_messages: usize::from(self.most_queued) + 1,
                max_bytes: usize::from(self.most_queued_bytes) + 1,
                when_full: match self.when_full {
                    Full::Wait => WhenFull::Wait,
                    Full::Fail => WhenFull::Fail,
                    Full::DropOldest => WhenFull::DropOldest,
                    Full::DropNewest => WhenFull::DropNewest,
                    Full::LatestPerTopic => WhenFull::LatestPerTopic,
                },
            });
        if !self.reconnects {
            options = options.reconnect(None::<ReconnectOptions>);
        }
        if let Some(size) = self.packet_size {
            options = options.maximum_packet_size(u32::from(size) * 4);
        }
        if let Some(seconds) = self.session_expiry {
            options = options.session_expiry(Duration::from_secs(seconds.into()));
        }
        if self.fallback {
            options = options.fallback("mqtts://two")?;
        }
        if self.will
            && let Ok(will) = Will::new("gone", "x")
        {
            options = options.will(will.qos(QoS::AtLeastOnce));
        }
        options = match self.method {
            Method::None => options,
            Method::Scram => options
                .authentication(Authentication::ScramSha256(Scram::new("ann", PASSWORD).iterations(1..=8))),
            Method::Host => options.authentication(Authentication::Method("OTHER".to_owned())),
        };
        options.check()
    }
}

/// Numbers choose by remainder among what there is.
#[derive(Debug, Arbitrary)]
pub(super) enum Step {
    // The program.
    Publish { topic: u8, qos: u8, retain: bool, size: u8, expiry: Option<u8>, timeout: Option<u8> },
    Request { topic: u8, qos: u8, timeout: u8 },
    Subscribe { filters: [u8; 2], options: u8, bounds: u8, manual: bool, partial: bool, declares: bool },
    Unsubscribe { stream: u8 },
    UnsubscribeFilter { filter: u8 },
    Release { stream: u8 },
    Unclaimed { bounds: u8, manual: bool },
    Receive { stream: u8, most: u8 },
    Acknowledge { message: u8, reason: Option<u8> },
    Flush,
    Cancel { token: u8 },
    ForgetRequest { token: u8 },
    Reauthenticate,
    Disconnect { timeout: u8, with_will: bool, session_expiry: Option<u8>, words: bool },
    Close,

    // Its host.
    Answer { question: u8, how: How },
    Journaled { all: bool },
    Restart { snapshot: bool },
    Stall(bool),
    Pieces(u8),
    Network(Network),
    Opened,
    Wait { milliseconds: u16 },
    NextDeadline,

    // The server.
    Comply { session_present: bool },
    Send(ServerPacket),
    Raw(Vec<u8>),
    Respond { wrong: bool, qos: u8 },
    Hangup,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum How {
    Right,
    Failed,
    /// An answer to another question.
    Beside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub(super) enum Network {
    Reachable,
    Unreachable,
    /// Opening ends with [`Step::Opened`].
    Slow,
}

/// What a server sends by the letter of the codec, in place or out of it.
#[derive(Debug, Arbitrary)]
pub(super) enum ServerPacket {
    ConnAck(Granted),
    Publish {
        topic: u8,
        qos: u8,
        dup: bool,
        retain: bool,
        id: u8,
        alias: Option<u8>,
        subscriptions: [Option<u8>; 2],
        properties: Option<u8>,
        size: u8,
    },
    PubAck {
        id: Id,
        reason: u8,
    },
    PubRec {
        id: Id,
        reason: u8,
    },
    PubRel {
        id: Id,
        reason: u8,
    },
    PubComp {
        id: Id,
        reason: u8,
    },
    SubAck {
        id: Id,
        reasons: [u8; 2],
        both: bool,
    },
    UnsubAck {
        id: Id,
        reason: u8,
    },
    PingResp,
    Disconnect {
        reason: u8,
        reference: Option<u8>,
    },
    Auth {
        reason: u8,
        method: bool,
        data: Option<u8>,
    },
}

/// What CONNACK says.
#[derive(Debug, Arbitrary)]
pub(super) struct Granted {
    pub(super) session_present: bool,
    pub(super) reason: u8,
    pub(super) receive_maximum: Option<u8>,
    pub(super) maximum_qos: Option<bool>,
    pub(super) retain: Option<bool>,
    pub(super) packet_size: Option<u8>,
    pub(super) aliases: Option<u8>,
    pub(super) wildcards: Option<bool>,
    pub(super) identifiers: Option<bool>,
    pub(super) shared: Option<bool>,
    pub(super) keep_alive: Option<u8>,
    pub(super) session_expiry: Option<u8>,
    pub(super) client_id: bool,
    pub(super) response_information: Option<bool>,
    pub(super) reference: Option<u8>,
    pub(super) method: Option<bool>,
}

/// A packet identifier.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Id {
    /// Of a packet that waits for an answer.
    Waiting(u8),
    Number(u8),
}
