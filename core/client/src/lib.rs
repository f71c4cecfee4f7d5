//! An MQTT 3.1.1 / 5.0 client for tokio, and [without async](blocking).
//!
//! ```no_run
//! use polymqtt::{Client, QoS};
//!
//! # async fn example() -> Result<(), polymqtt::Error> {
//! let client = Client::connect("mqtt://localhost").await?;
//! let mut readings = client.subscribe("sensors/+/temperature").qos(QoS::AtLeastOnce).await?;
//! client.publish("sensors/attic/temperature", "21.5").qos(QoS::AtLeastOnce).await?;
//! while let Some(message) = readings.recv().await? {
//!     println!("{}: {}", message.topic(), String::from_utf8_lossy(message.payload()));
//! }
//! client.disconnect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Client`] reconnects by itself, restores its subscriptions, and goes on with what was in flight. Its handles are
//! cheap to clone and may be used from any task or thread; dropping the last one disconnects in order.
//!
//! # Seeing what it does
//!
//! [`Client::status`] says where a client stands, in one line; [`Client::events`] what happens to its connection.
//! Both can also be watched by `tracing`, whose subscribers the program chooses:
//!
//! - target `polymqtt`: a span `client` (its identifier, the first server) around a span `connection` for each attempt.
//!   INFO: connected, with what the server granted; redirected; closed in order. WARN: disconnected or an attempt
//!   failed, why, and in how long the next begins; session lost; messages dropped; subscribe refused. ERROR: closed by
//!   an error. DEBUG: connecting, transport open.
//! - target `polymqtt::packet`: each packet as a readable line, CONNECT, SUBSCRIBE, DISCONNECT and the like at DEBUG,
//!   messages, their acknowledgements and pings at TRACE. Whether anyone wants them is asked when a connection begins;
//!   where nobody does, they cost nothing.
//!
//! Neither shows a password, token or payload. Programs that use `log` turn on the feature `log` of the crate `tracing`:
//! while no `tracing` subscriber is there, it makes log records of the first target. Packets need a subscriber.
//!
//! Dropping any future of this crate is safe: giving up waiting never takes back what was accepted. A publish that
//! was not accepted yet is not sent; a subscribe that was dropped before its answer is undone.

mod asking;
mod authenticator;
mod batch;
pub mod blocking;
pub mod bridged;
mod client;
mod connect;
#[cfg(test)]
mod connected;
mod credentials;
mod driver;
mod events;
mod operations;
mod packet_trace;
mod parked;
mod publish;
mod request;
mod respond;
mod room;
mod shared;
mod status;
mod subscription;
mod sync;
mod trace;
mod transport;
mod unsubscribe;
mod wakes;
mod wire;

pub use authenticator::{Authenticating, Authenticator};
pub use client::{Client, IntoFilters};
pub use connect::{Connect, Connecting};
pub use credentials::{Attempt, CredentialsProvider, ProvidedCredentials};
pub use events::Events;
pub use publish::{Delivery, Publish, Publishing};
pub use request::SendRequest;
pub use respond::{Request, Respond, Responder};
pub use subscription::{Subscribe, Subscription};
pub use unsubscribe::Unsubscribe;

pub use polymqtt_proto::codec::{
    AckProperties, PublishProperties, RetainHandling, SubscriptionOptions, UserProperties, Version,
    WillProperties,
};
pub use polymqtt_proto::connection::{
    AuthenticationReply, AuthenticationStage, AuthenticationStep, Grant, Limits,
};
pub use polymqtt_proto::engine::{
    ConnectionPhase, DisconnectOptions, Event, Granted, Metrics, PublishAck, Status, StreamOptions,
    Undelivered, UnsubscribeAck, WhenStreamFull,
};
pub use polymqtt_proto::error::{Error, ErrorKind};
pub use polymqtt_proto::message::{Acknowledgement, Message};
pub use polymqtt_proto::options::{
    Authentication, ClientCertificate, Credentials, Header, OnSessionLost, Options, Pem, ProtocolVersion,
    QueueOptions, ReconnectOptions, RedirectOptions, Scheme, Scram, Server, TlsOptions, WhenFull, Will,
};
pub use polymqtt_proto::qos::QoS;
pub use polymqtt_proto::reason::ReasonCode;
pub use polymqtt_proto::text::{TextError, Utf8String};
pub use polymqtt_proto::topic::{TopicError, TopicFilter, TopicName};

/// The README's example must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
