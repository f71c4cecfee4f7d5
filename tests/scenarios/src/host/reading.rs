//! Values of the client from the fields of a command.

use std::time::Duration;

use polymqtt::{
    Acknowledgement, AuthenticationReply, Credentials, Error, ErrorKind, Message, PublishProperties, QoS,
    ReasonCode, TopicFilter, UserProperties, Utf8String,
};
use serde_json::Value;

use super::Fields;

pub(crate) fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
}

pub(crate) fn seconds(fields: &Fields, name: &str) -> Option<Duration> {
    let seconds = fields.get(name)?.as_f64()?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn flag(fields: &Fields, name: &str) -> Option<bool> {
    fields.get(name).and_then(Value::as_bool)
}

fn number<T: TryFrom<u64>>(fields: &Fields, name: &str) -> Option<T> {
    fields.get(name)?.as_u64().and_then(|number| T::try_from(number).ok())
}

fn qos(fields: &Fields) -> QoS {
    number::<u8>(fields, "qos").and_then(|qos| QoS::try_from(qos).ok()).unwrap_or_default()
}

fn utf8(fields: &Fields, name: &str) -> Result<Option<Utf8String>, Error> {
    let value = text(fields, name).map(Utf8String::try_from).transpose();
    value.map_err(|error| Error::new(ErrorKind::InvalidMessage, format!("{name}: {error}")))
}

pub(super) fn list<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    match fields.get(name) {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    }
}

/// Pairs, written `name:value`.
pub(crate) fn user_properties(fields: &Fields) -> Vec<(String, String)> {
    let pairs = list(fields, "user_properties").into_iter().filter_map(|pair| pair.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(crate) fn checked_user_properties(fields: &Fields) -> Result<UserProperties, Error> {
    let checked = |text: String| {
        Utf8String::try_from(text)
            .map_err(|error| Error::new(ErrorKind::InvalidMessage, format!("user_properties: {error}")))
    };
    let pairs = user_properties(fields).into_iter();
    pairs.map(|(name, value)| Ok((checked(name)?, checked(value)?))).collect()
}

/// The message of `publish`, `enqueue`, `request`.
pub(crate) fn message(fields: &Fields) -> Result<Message, Error> {
    let payload = text(fields, "payload").unwrap_or_default();
    message_of(fields, payload)
}

/// The messages of `publish_many`: one topic, several payloads.
pub(crate) fn messages(fields: &Fields) -> Result<Vec<Message>, Error> {
    list(fields, "payloads").into_iter().map(|payload| message_of(fields, payload.to_owned())).collect()
}

fn message_of(fields: &Fields, payload: String) -> Result<Message, Error> {
    let message = Message::new(text(fields, "topic").unwrap_or_default(), payload)?
        .with_qos(qos(fields))
        .with_retain(flag(fields, "retain").unwrap_or(false));
    let properties = PublishProperties {
        payload_format_indicator: flag(fields, "payload_is_utf8"),
        message_expiry_interval: seconds(fields, "message_expiry")
            .map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX)),
        response_topic: utf8(fields, "response_topic")?,
        correlation_data: text(fields, "correlation_data").map(Into::into),
        content_type: utf8(fields, "content_type")?,
        user_properties: checked_user_properties(fields)?,
    };
    Ok(if properties == PublishProperties::default() { message } else { message.with_properties(properties) })
}

pub(crate) fn filters(fields: &Fields) -> Result<Vec<TopicFilter>, Error> {
    list(fields, "filters").into_iter().map(|filter| Ok(TopicFilter::try_from(filter)?)).collect()
}

/// What `ack` says beside the message.
pub(crate) fn acknowledgement(fields: &Fields) -> Result<Acknowledgement, Error> {
    let code = number::<u8>(fields, "reason_code").map(ReasonCode::try_from).transpose();
    Ok(Acknowledgement {
        reason_code: code
            .map_err(|error| Error::new(ErrorKind::InvalidOption, error.to_string()))?
            .unwrap_or_default(),
        reason_string: utf8(fields, "reason_string")?,
        user_properties: checked_user_properties(fields)?,
    })
}

/// The answer to a question for credentials.
pub(crate) fn credentials(fields: &Fields) -> Result<Credentials, Error> {
    Credentials::new(
        &text(fields, "username").unwrap_or_default(),
        text(fields, "password").unwrap_or_default().into_bytes(),
    )
}

/// The answer to a step of an authentication.
pub(crate) fn reply(fields: &Fields) -> AuthenticationReply {
    AuthenticationReply { data: text(fields, "data").map(Into::into), ..AuthenticationReply::default() }
}

/// The error that the program answers a question with, if it does.
pub(crate) fn error_named(fields: &Fields) -> Option<Error> {
    let name = text(fields, "error")?;
    let kind = ErrorKind::from_name(&name).unwrap_or(ErrorKind::InvalidOption);
    Some(Error::new(kind, "the program says so"))
}
