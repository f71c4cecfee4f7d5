//! One network connection: what its handshake granted, and what ends with it.

mod authentication;
mod grant;
mod keep_alive;
pub(crate) mod scram;
mod topic_alias;

use std::collections::VecDeque;

pub use authentication::{AuthenticationReply, AuthenticationStage, AuthenticationStep};
pub(crate) use grant::check_v311;
pub use grant::{Grant, Limits};
pub(crate) use keep_alive::{KeepAlive, KeepAliveStep};
pub use scram::{KeyDerivation, ScramKeys};
pub(crate) use topic_alias::{IncomingAliases, OutgoingAliases, TopicForm};

use crate::codec::PublishDecoder;
use crate::qos::PacketId;

/// The state of an established connection. A new connection starts with a new one: aliases, quotas and limits of the
/// last never reach it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) grant: Grant,
    /// How many more QoS 1 and 2 PUBLISHes may be sent (section 4.9). Below zero after a resume with more pending
    /// PUBRELs than the new receive maximum.
    pub(crate) send_quota: i32,
    /// PUBLISHes of the resumed session that wait for quota, ahead of everything new.
    pub(crate) replay: VecDeque<PacketId>,
    pub(crate) publish_decoder: PublishDecoder,
    pub(crate) incoming_aliases: IncomingAliases,
    pub(crate) outgoing_aliases: OutgoingAliases,
    pub(crate) keep_alive: KeepAlive,
}
