//! The options of a client from the fields of `connect` or `prepare`: by the names that every language has.

use polymqtt::{
    Authentication, Error, ErrorKind, OnSessionLost, Options, ProtocolVersion, QueueOptions,
    ReconnectOptions, RedirectOptions, Scram, WhenFull, Will, WillProperties,
};
use serde_json::Value;

use super::Fields;
use super::reading::{checked_user_properties, flag, list, number, qos, seconds, text, user_properties};

/// The options; credentials that the program is asked for, and authenticators, are the host's own.
pub(crate) fn options(fields: &Fields) -> Result<Options, Error> {
    let servers = list(fields, "servers");
    let mut options = Options::new(servers.first().copied().unwrap_or_default())?;
    for server in servers.iter().skip(1) {
        options = options.fallback(server)?;
    }
    for (name, value) in fields {
        options = option(options, name, value, fields)?;
    }
    Ok(options)
}

fn option(options: Options, name: &str, value: &Value, fields: &Fields) -> Result<Options, Error> {
    let text = || text(fields, name).unwrap_or_else(|| value.to_string());
    let duration = || seconds(fields, name).unwrap_or_default();
    let is_set = value.as_bool().unwrap_or(false);
    let object = || value.as_object().cloned().unwrap_or_default();
    Ok(match name {
        // What names the command; what the host sees to.
        "id" | "do" | "name" | "servers" | "credentials_from_host" => options,
        "authentication" => match text().as_str() {
            "SCRAM-SHA-256" => options.scram_sha256()?,
            method => options.authentication(Authentication::Method(method.to_owned())),
        },
        "scram" => {
            let scram = object();
            let (username, password) = (self::text(&scram, "username"), self::text(&scram, "password"));
            let scram = Scram::new(username.unwrap_or_default(), password.unwrap_or_default());
            options.authentication(Authentication::ScramSha256(scram))
        }
        "version" => options.version(match text().as_str() {
            "3.1.1" => ProtocolVersion::V311,
            "auto" => ProtocolVersion::Auto,
            _ => ProtocolVersion::V5,
        }),
        "client_id" if value.is_null() => options,
        "client_id" => options.client_id(text()),
        "username" => options.username(text()),
        "password" => options.password(text()),
        "clean_start" => options.clean_start(is_set),
        "session_expiry" => options.session_expiry(duration()),
        "on_session_lost" => options.on_session_lost(match text().as_str() {
            "fail" => OnSessionLost::Fail,
            _ => OnSessionLost::Resend,
        }),
        "keep_alive" => options.keep_alive(duration()),
        "connect_timeout" => options.connect_timeout(duration()),
        "keep_trying" => options.keep_trying(is_set),
        "subscribe_timeout" => options.subscribe_timeout(duration()),
        "unclaimed_timeout" => options.unclaimed_timeout(duration()),
        "will" => options.will(will(&object())?),
        "receive_maximum" => options.receive_maximum(number(fields, name).unwrap_or_default()),
        "maximum_packet_size" => options.maximum_packet_size(number(fields, name).unwrap_or_default()),
        "verify_payload_format" => options.verify_payload_format(is_set),
        "topic_alias_maximum" => options.topic_alias_maximum(number(fields, name).unwrap_or_default()),
        "outgoing_topic_aliases" => options.outgoing_topic_aliases(number(fields, name).unwrap_or_default()),
        "user_properties" => user_properties(fields)
            .into_iter()
            .fold(options, |options, (name, value)| options.user_property(name, value)),
        "queue" => options.queue(queue(&object())),
        "reconnect" => options.reconnect(value.as_object().map(reconnect)),
        "redirect" => options.redirect(redirect(&object())),
        "response_topic_prefix" => options.response_topic_prefix(text()),
        "ask_response_information" => options.ask_response_information(is_set),
        other => return Err(Error::new(ErrorKind::InvalidOption, format!("there is no option {other:?}"))),
    })
}

fn will(fields: &Fields) -> Result<Will, Error> {
    let will = Will::new(
        text(fields, "topic").unwrap_or_default(),
        text(fields, "payload").unwrap_or_default().into_bytes(),
    )?;
    let properties = WillProperties {
        payload_format_indicator: flag(fields, "payload_is_utf8"),
        message_expiry_interval: seconds(fields, "message_expiry")
            .map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX)),
        content_type: text(fields, "content_type").and_then(|text| text.try_into().ok()),
        response_topic: text(fields, "response_topic").and_then(|text| text.try_into().ok()),
        correlation_data: text(fields, "correlation_data").map(Into::into),
        user_properties: checked_user_properties(fields)?,
        ..WillProperties::default()
    };
    Ok(will
        .qos(qos(fields))
        .retain(flag(fields, "retain").unwrap_or(false))
        .delay(seconds(fields, "delay").unwrap_or_default())
        .properties(properties))
}

fn queue(fields: &Fields) -> QueueOptions {
    let default = QueueOptions::default();
    QueueOptions {
        max_messages: number(fields, "max_messages").unwrap_or(default.max_messages),
        max_bytes: number(fields, "max_bytes").unwrap_or(default.max_bytes),
        when_full: match text(fields, "when_full").as_deref() {
            Some("fail") => WhenFull::Fail,
            Some("drop_oldest") => WhenFull::DropOldest,
            Some("drop_newest") => WhenFull::DropNewest,
            Some("latest_per_topic") => WhenFull::LatestPerTopic,
            _ => WhenFull::Wait,
        },
    }
}

fn reconnect(fields: &Fields) -> ReconnectOptions {
    let default = ReconnectOptions::default();
    ReconnectOptions {
        shortest: seconds(fields, "shortest").unwrap_or(default.shortest),
        longest: seconds(fields, "longest").unwrap_or(default.longest),
        stable_after: seconds(fields, "stable_after").unwrap_or(default.stable_after),
    }
}

fn redirect(fields: &Fields) -> RedirectOptions {
    let default = RedirectOptions::default();
    RedirectOptions {
        most_hops: number(fields, "most_hops").unwrap_or(default.most_hops),
        trust_other_hosts: flag(fields, "trust_other_hosts").unwrap_or(default.trust_other_hosts),
    }
}
