//! What the engine and its host say to each other about a method of authentication that the host speaks.

use std::fmt;

use bytes::Bytes;

use crate::codec::UserProperties;
use crate::options::Server;
use crate::text::Utf8String;

/// A step of an authentication that the host is asked for.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationStep {
    /// The server that the client authenticates to.
    pub server: Server,
    /// The method of the options.
    pub method: Utf8String,
    /// Where the exchange stands.
    pub stage: AuthenticationStage,
    /// What the server said by the method; no `Debug` shows it.
    pub data: Option<Bytes>,
    /// The server's words for people.
    pub reason_string: Option<Utf8String>,
    /// The server's user properties, of AUTH or CONNACK.
    pub user_properties: UserProperties,
}

/// Where an exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthenticationStage {
    /// The client is about to connect: the reply's data goes into CONNECT.
    Start,
    /// The client is about to authenticate again on its connection.
    Restart,
    /// The server wants another answer.
    Continue,
    /// The server accepts; its last data is for the host to verify. Any reply accepts it, an error refuses the server.
    Complete,
}

/// The host's part of a step.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AuthenticationReply {
    /// What the method says: at most 65,535 bytes; no `Debug` shows it.
    pub data: Option<Bytes>,
    /// Words for people. Not in CONNECT; left out where the server would not take so large a packet.
    pub reason_string: Option<Utf8String>,
    /// User properties; after those of the options in CONNECT. Left out of AUTH where the server would not take so
    /// large a packet.
    pub user_properties: UserProperties,
}

impl AuthenticationReply {
    /// These data and nothing else.
    #[must_use]
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self { data: Some(data.into()), ..Self::default() }
    }
}

impl fmt::Debug for AuthenticationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationStep")
            .field("server", &self.server)
            .field("method", &self.method)
            .field("stage", &self.stage)
            .field("data", &self.data.as_ref().map(|_| "[redacted]"))
            .field("reason_string", &self.reason_string)
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

impl fmt::Debug for AuthenticationReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationReply")
            .field("data", &self.data.as_ref().map(|_| "[redacted]"))
            .field("reason_string", &self.reason_string)
            .field("user_properties", &self.user_properties)
            .finish()
    }
}
