//! What bindings see of the client: they know the bridge only.

pub use bytes::Bytes;
pub use polymqtt::{
    AckProperties, Acknowledgement, Attempt, AuthenticationReply, AuthenticationStage, AuthenticationStep,
    ConnectionPhase, Credentials, DisconnectOptions, Error, ErrorKind, Event, Grant, Granted, Limits,
    Message, Metrics, Options, PublishAck, PublishProperties, QoS, ReasonCode, Status, StreamOptions,
    TopicFilter, TopicName, Undelivered, UnsubscribeAck, UserProperties, Utf8String, Version,
};
pub use polymqtt_proto::engine::{Completion, StreamId, SubscribeRequest, Token};
