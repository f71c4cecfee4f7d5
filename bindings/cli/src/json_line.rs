//! The JSON form of a message, one object a line: what `sub --json` writes and `pub --json` reads.
//!
//! | member | value | when reading |
//! |---|---|---|
//! | `topic` | string | may be left out when `--topic` is given |
//! | `payload` | string: the payload, when it is UTF-8 | any other JSON value is published as its text |
//! | `payload_base64` | string: the payload in base64 (RFC 4648), when it is not UTF-8 | either this or `payload` |
//! | `qos` | 0, 1 or 2 | `--qos` when left out |
//! | `retain` | true or false | `--retain` when left out |
//! | `properties` | object, left out when empty (MQTT 5) | those of the arguments when left out |
//!
//! `properties` has these members, each left out when the message has no such property: `payload_format_utf8` (true or
//! false), `message_expiry` (seconds), `content_type`, `response_topic`, `correlation_data` (string, when UTF-8) or
//! `correlation_data_base64`, `user_properties` (list of `[name, value]`, in order). An unknown member is an error when
//! reading, so that a misspelt one is not lost in silence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use polymqtt::{Message, PublishProperties, QoS, TopicName, Utf8String};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The form, for `--help`.
pub(crate) const HELP: &str = "\
JSON lines (sub --json writes them, pub --json reads them), an object a line:
  topic           string
  payload         string, when the payload is UTF-8; else
  payload_base64  string, the payload in base64
  qos             0, 1 or 2
  retain          true or false
  properties      object, when there are any (MQTT 5), with any of
                  payload_format_utf8, message_expiry (seconds), content_type,
                  response_topic, correlation_data, correlation_data_base64,
                  user_properties (list of [name, value])
pub takes what a line leaves out from its arguments, publishes a payload that
is no string as its JSON text, and refuses unknown members. This is a bridge:
  polymqtt sub --json -t '#' | polymqtt pub --json -L mqtt://other";

/// One line, as it stands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qos: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retain: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_format_utf8: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_expiry: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data_base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user_properties: Vec<(String, String)>,
}

/// Appends the message as a line, line feed included.
///
/// # Errors
/// None that a message can cause: the type is that of the JSON writer.
pub(crate) fn write(message: &Message, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let (payload, payload_base64) = match message.text() {
        Ok(text) => (Some(serde_json::value::to_raw_value(text)?), None),
        Err(_) => (None, Some(STANDARD.encode(message.payload()))),
    };
    let line = Line {
        topic: Some(message.topic().to_owned()),
        payload,
        payload_base64,
        qos: Some(message.qos() as u8),
        retain: Some(message.retain()),
        properties: message
            .properties()
            .map(written)
            .filter(|properties| *properties != Properties::default()),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.push(b'\n');
    Ok(())
}

/// The message in a line. What the line does not say is taken from `default`; the topic must stand in one of the two.
///
/// # Errors
/// One line for people: what is wrong and what is allowed.
pub(crate) fn read(line: &str, default: &Defaults) -> Result<Message, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let topic = match line.topic {
        Some(topic) => TopicName::try_from(topic).map_err(|error| format!("topic: {error}"))?,
        None => default.topic.clone().ok_or("it has no `topic`, and there is no --topic")?,
    };
    let payload = match (line.payload, line.payload_base64) {
        (Some(payload), None) => bytes_of(&payload)?,
        (None, Some(payload)) => base64("payload_base64", &payload)?,
        (Some(_), Some(_)) => return Err("it has both `payload` and `payload_base64`".to_owned()),
        (None, None) => return Err("it has neither `payload` nor `payload_base64`".to_owned()),
    };
    let qos = match line.qos {
        Some(qos) => QoS::try_from(qos).map_err(|error| error.to_string())?,
        None => default.qos,
    };
    let properties = match line.properties {
        Some(properties) => Some(properties.read()?),
        None => default.properties.clone(),
    };
    let message =
        Message::to(topic, payload).with_qos(qos).with_retain(line.retain.unwrap_or(default.retain));
    Ok(match properties {
        Some(properties) => message.with_properties(properties),
        None => message,
    })
}

/// What holds where a line is silent.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) topic: Option<TopicName>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) properties: Option<PublishProperties>,
}

impl Properties {
    fn read(self) -> Result<PublishProperties, String> {
        let correlation_data = match (self.correlation_data, self.correlation_data_base64) {
            (Some(_), Some(_)) => {
                return Err("it has both `correlation_data` and `correlation_data_base64`".to_owned());
            }
            (Some(data), None) => Some(data.into_bytes()),
            (None, Some(data)) => Some(base64("correlation_data_base64", &data)?),
            (None, None) => None,
        };
        Ok(PublishProperties {
            payload_format_indicator: self.payload_format_utf8,
            message_expiry_interval: self.message_expiry,
            content_type: self.content_type.map(|value| text("content_type", value)).transpose()?,
            response_topic: match self.response_topic {
                Some(topic) => Some(
                    TopicName::try_from(topic)
                        .map_err(|error| format!("response_topic: {error}"))?
                        .into_text(),
                ),
                None => None,
            },
            correlation_data: correlation_data.map(Into::into),
            user_properties: self
                .user_properties
                .into_iter()
                .map(|(name, value)| Ok((text("user_properties", name)?, text("user_properties", value)?)))
                .collect::<Result<_, String>>()?,
        })
    }
}

fn written(properties: &PublishProperties) -> Properties {
    let data = properties.correlation_data.as_deref();
    let utf8 = data.and_then(|data| std::str::from_utf8(data).ok());
    Properties {
        payload_format_utf8: properties.payload_format_indicator,
        message_expiry: properties.message_expiry_interval,
        content_type: properties.content_type.as_deref().map(str::to_owned),
        response_topic: properties.response_topic.as_deref().map(str::to_owned),
        correlation_data: utf8.map(str::to_owned),
        correlation_data_base64: data.filter(|_| utf8.is_none()).map(|data| STANDARD.encode(data)),
        user_properties: properties
            .user_properties
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()))
            .collect(),
    }
}

/// A string's characters; of any other value the text, as it stands.
fn bytes_of(payload: &RawValue) -> Result<Vec<u8>, String> {
    if payload.get().starts_with('"') {
        let text: String =
            serde_json::from_str(payload.get()).map_err(|error| format!("payload: {error}"))?;
        return Ok(text.into_bytes());
    }
    Ok(payload.get().as_bytes().to_vec())
}

fn base64(member: &str, value: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(value).map_err(|error| format!("{member} is not base64: {error}"))
}

fn text(member: &str, value: String) -> Result<Utf8String, String> {
    Utf8String::try_from(value).map_err(|error| format!("{member}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Defaults {
        Defaults { topic: None, qos: QoS::AtMostOnce, retain: false, properties: None }
    }

    fn line_of(message: &Message) -> String {
        let mut out = Vec::new();
        write(message, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_as_documented() {
        let message =
            Message::new("a/b", "grüß \"dich\"\n").unwrap().with_qos(QoS::AtLeastOnce).with_retain(true);
        assert_eq!(
            line_of(&message),
            "{\"topic\":\"a/b\",\"payload\":\"grüß \\\"dich\\\"\\n\",\"qos\":1,\"retain\":true}\n"
        );
    }

    #[test]
    fn any_message_comes_back_as_it_was() {
        let properties = PublishProperties {
            payload_format_indicator: Some(false),
            message_expiry_interval: Some(60),
            content_type: Some(Utf8String::from_static("text/plain")),
            response_topic: Some(Utf8String::from_static("answers")),
            correlation_data: Some(vec![0, 255].into()),
            user_properties: vec![
                (Utf8String::from_static("k"), Utf8String::from_static("1")),
                (Utf8String::from_static("k"), Utf8String::from_static("2")),
            ],
        };
        for payload in [&b""[..], b"text", b"{\"a\": 1}", &[0xff, 0x00, 0x80]] {
            let message = Message::new("a", payload.to_vec())
                .unwrap()
                .with_qos(QoS::ExactlyOnce)
                .with_properties(properties.clone());
            let line = line_of(&message);
            assert_eq!(read(line.trim_end(), &nothing()).unwrap(), message, "{line}");
        }
    }

    #[test]
    fn a_payload_that_is_no_string_is_published_as_its_text() {
        for (line, payload) in [
            (r#"{"topic":"a","payload":{"b": [1, 2.50]}}"#, r#"{"b": [1, 2.50]}"#),
            (r#"{"topic":"a","payload":12.0}"#, "12.0"),
            (r#"{"topic":"a","payload":true}"#, "true"),
            (r#"{"topic":"a","payload":""}"#, ""),
        ] {
            assert_eq!(read(line, &nothing()).unwrap().payload(), payload.as_bytes());
        }
    }

    #[test]
    fn the_arguments_hold_where_the_line_is_silent() {
        let default = Defaults {
            topic: Some(TopicName::try_from("d").unwrap()),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: None,
        };
        let message = read(r#"{"payload":"x"}"#, &default).unwrap();
        assert_eq!((message.topic(), message.qos(), message.retain()), ("d", QoS::AtLeastOnce, true));
        let message = read(r#"{"topic":"e","payload":"x","qos":0,"retain":false}"#, &default).unwrap();
        assert_eq!((message.topic(), message.qos(), message.retain()), ("e", QoS::AtMostOnce, false));
    }

    #[test]
    fn a_refusal_tells_the_rule() {
        for (line, words) in [
            ("nonsense", "expected"),
            (r#"{"payload":"x"}"#, "--topic"),
            (r#"{"topic":"a"}"#, "neither"),
            (r#"{"topic":"a","payload":"x","payload_base64":"eA=="}"#, "both"),
            (r#"{"topic":"a","pyload":"x"}"#, "unknown field `pyload`"),
            (r#"{"topic":"a/#","payload":"x"}"#, "wildcards"),
            (r#"{"topic":"a","payload":"x","qos":3}"#, "only 0, 1 and 2"),
            (r#"{"topic":"a","payload_base64":"%"}"#, "not base64"),
            (r#"{"topic":"a","payload":"x","properties":{"response_topic":"+"}}"#, "response_topic"),
        ] {
            let error = read(line, &nothing()).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
