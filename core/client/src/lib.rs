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
//! Dropping any future of this crate is safe: giving up waiting never takes back what was accepted. A publish that
//! was not accepted yet is not sent; a subscribe that was dropped before its answer is undone.

pub mod blocking;
mod client;
mod connect;
mod credentials;
mod driver;
mod events;
mod operations;
mod publish;
mod request;
mod respond;
mod room;
mod shared;
mod subscription;
mod transport;
mod unsubscribe;
mod wakes;

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
pub use polymqtt_proto::connection::{Grant, Limits};
pub use polymqtt_proto::engine::{
    DisconnectOptions, Event, Granted, Metrics, PublishAck, StreamOptions, Undelivered, UnsubscribeAck,
    WhenStreamFull,
};
pub use polymqtt_proto::error::{Error, ErrorKind};
pub use polymqtt_proto::message::{Acknowledgement, Message};
pub use polymqtt_proto::options::{
    ClientCertificate, Credentials, Header, OnSessionLost, Options, Pem, ProtocolVersion, QueueOptions,
    ReconnectOptions, RedirectOptions, Scheme, Server, TlsOptions, WhenFull, Will,
};
pub use polymqtt_proto::qos::QoS;
pub use polymqtt_proto::reason::ReasonCode;
pub use polymqtt_proto::text::{TextError, Utf8String};
pub use polymqtt_proto::topic::{TopicError, TopicFilter, TopicName};

/// The README's example must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
