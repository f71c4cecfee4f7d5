//! What the client gives, as the fields of a report.

use polymqtt::{
    AckProperties, AuthenticationStage, AuthenticationStep, Error, Event, Grant, Granted, Message, Metrics,
    PublishAck, QoS, Server, Undelivered, UnsubscribeAck, UserProperties, Utf8String,
};
use serde_json::{Value, json};

pub(crate) fn error(error: &Error) -> Value {
    json!({
        "kind": error.kind().name(),
        "reason_code": error.reason_code().map(|code| code as u8),
        "reason_string": error.reason_string(),
        "user_properties": pairs(error.user_properties()),
        "retry": error.retry_may_help(),
        "message": error.to_string(),
    })
}

pub(crate) fn connected(grant: &Grant) -> Value {
    let limits = &grant.limits;
    json!({
        "session_present": grant.session_present,
        "client_id": grant.client_id.as_str(),
        "session_expiry": grant.session_expiry.map(|expiry| expiry.as_secs_f64()),
        "keep_alive": grant.keep_alive,
        "version": if limits.version.has_properties() { "5" } else { "3.1.1" },
        "receive_maximum": limits.receive_maximum,
        "maximum_qos": limits.maximum_qos as u8,
        "retain_available": limits.retain_available,
        "maximum_packet_size": limits.maximum_packet_size,
        "topic_alias_maximum": limits.topic_alias_maximum,
        "wildcard_subscriptions": limits.wildcard_subscriptions,
        "subscription_identifiers": limits.subscription_identifiers,
        "shared_subscriptions": limits.shared_subscriptions,
        "reason_string": grant.reason_string.as_ref().map(Utf8String::as_str),
        "user_properties": pairs(&grant.user_properties),
    })
}

pub(crate) fn acknowledged(ack: &PublishAck) -> Value {
    let (reason_string, user_properties) = details(ack.properties.as_deref());
    json!({
        "reason_code": ack.reason_code as u8, "reason_string": reason_string, "user_properties": user_properties,
    })
}

/// Of a message of a batch: its reason code, or the kind of the error.
pub(crate) fn outcome_of_one(outcome: &Result<PublishAck, Error>) -> Value {
    match outcome {
        Ok(ack) => Value::from(ack.reason_code as u8),
        Err(error) => Value::from(error.kind().name()),
    }
}

/// Each filter with the quality of service that was granted, or the kind of the error.
pub(crate) fn granted(granted: &[Granted]) -> Value {
    let outcome = |outcome: &Result<QoS, Error>| match outcome {
        Ok(qos) => Value::from(*qos as u8),
        Err(error) => Value::from(error.kind().name()),
    };
    json!({
        "filters": granted.iter().map(|granted| granted.filter.as_str()).collect::<Vec<_>>(),
        "granted": granted.iter().map(|granted| outcome(&granted.outcome)).collect::<Vec<_>>(),
    })
}

pub(crate) fn unsubscribed(ack: &UnsubscribeAck) -> Value {
    let (reason_string, user_properties) = details(ack.properties.as_deref());
    json!({
        "reason_codes": ack.reason_codes.iter().map(|code| *code as u8).collect::<Vec<_>>(),
        "reason_string": reason_string, "user_properties": user_properties,
    })
}

pub(crate) fn undelivered(undelivered: &Undelivered) -> Value {
    json!({ "queued": undelivered.queued, "unacknowledged": undelivered.unacknowledged })
}

pub(crate) fn received(message: &Message) -> Value {
    let mut fields = json!({
        "topic": message.topic(),
        "payload": String::from_utf8_lossy(message.payload()),
        "qos": message.qos() as u8,
        "retain": message.retain(),
        "dup": message.dup(),
    });
    if let (Some(properties), Some(fields)) = (message.properties(), fields.as_object_mut()) {
        let correlation_data =
            properties.correlation_data.as_ref().map(|data| String::from_utf8_lossy(data).into_owned());
        fields.insert("payload_is_utf8".to_owned(), properties.payload_format_indicator.into());
        let expiry = properties.message_expiry_interval;
        fields.insert("message_expiry".to_owned(), expiry.into());
        let response_topic = properties.response_topic.as_ref().map(Utf8String::as_str);
        fields.insert("response_topic".to_owned(), response_topic.into());
        fields.insert("correlation_data".to_owned(), correlation_data.into());
        fields.insert("content_type".to_owned(), message.content_type().into());
        fields.insert("user_properties".to_owned(), pairs(&properties.user_properties));
    }
    fields
}

pub(crate) fn metrics(metrics: &Metrics) -> Value {
    json!({
        "messages_sent": metrics.messages_sent,
        "messages_received": metrics.messages_received,
        "bytes_sent": metrics.bytes_sent,
        "bytes_received": metrics.bytes_received,
        "in_flight": metrics.in_flight,
        "queued": metrics.queued,
        "dropped_outgoing": metrics.dropped_outgoing,
        "dropped_incoming": metrics.dropped_incoming,
        "reconnects": metrics.reconnects,
        "round_trip": metrics.round_trip.map(|time| time.as_secs_f64()),
    })
}

/// An event; `None` for one that scenarios do not know.
pub(crate) fn event(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Connecting { server, attempt } => {
            json!({ "event": "connecting", "server": server.to_string(), "attempt": attempt })
        }
        Event::Connected(grant) => {
            let mut fields = connected(grant);
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("event".to_owned(), "connected".into());
            }
            fields
        }
        Event::Disconnected { error, retry_in } => json!({
            "event": "disconnected",
            "kind": error.as_ref().map(|error| error.kind().name()),
            "reason_code": error.as_ref().and_then(Error::reason_code).map(|code| code as u8),
            "reason_string": error.as_ref().and_then(Error::reason_string),
            "will_retry": retry_in.is_some(),
            "retry_in": retry_in.map(|wait| wait.as_secs_f64()),
        }),
        Event::Redirected { to, moved } => {
            json!({ "event": "redirected", "to": to.to_string(), "moved": moved })
        }
        Event::Reauthenticated => json!({ "event": "reauthenticated" }),
        Event::ReauthenticationFailed { error } => {
            json!({ "event": "reauthentication_failed", "kind": error.kind().name() })
        }
        Event::SessionLost => json!({ "event": "session_lost" }),
        Event::Flapping { connections } => json!({ "event": "flapping", "connections": connections }),
        Event::AcksHeld { acks } => json!({ "event": "acks_held", "acks": acks }),
        Event::Dropped { outgoing, incoming } => {
            json!({ "event": "dropped", "outgoing": outgoing, "incoming": incoming })
        }
        _ => return None,
    })
}

/// The question for the credentials of an attempt.
pub(crate) fn attempt(question: u64, server: &Server, number: u32) -> Value {
    json!({ "ask": "credentials", "question": question, "server": server.to_string(), "attempt": number })
}

/// The question for a step of an authentication.
pub(crate) fn step(question: u64, step: &AuthenticationStep) -> Value {
    let stage = match step.stage {
        AuthenticationStage::Start => "start",
        AuthenticationStage::Restart => "restart",
        AuthenticationStage::Continue => "continue",
        AuthenticationStage::Complete => "complete",
    };
    let data = step.data.as_ref().map(|data| String::from_utf8_lossy(data).into_owned());
    json!({ "ask": "authentication", "question": question, "stage": stage, "data": data })
}

fn details(properties: Option<&AckProperties>) -> (Option<&str>, Value) {
    let reason_string = properties.and_then(|properties| properties.reason_string.as_ref());
    let user_properties = properties.map(|properties| pairs(&properties.user_properties));
    (reason_string.map(Utf8String::as_str), user_properties.unwrap_or_default())
}

/// As `name:value`.
fn pairs(properties: &UserProperties) -> Value {
    properties.iter().map(|(name, value)| Value::from(format!("{name}:{value}"))).collect()
}
