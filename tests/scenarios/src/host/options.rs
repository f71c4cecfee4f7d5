//! Options from the fields of a command, by the names that every language has: the bridge knows them.

use polymqtt::{DisconnectOptions, Error, Options, StreamOptions};
use polymqtt_bridge::Value as Given;
use polymqtt_bridge::options::{self, Description, Kind};
use polymqtt_proto::engine::SubscribeRequest;
use serde_json::Value;

use super::Fields;
use super::reading::list;

/// The options of `connect` or `prepare`; credentials that the program is asked for, and authenticators, are the host's
/// own.
pub(crate) fn options(fields: &Fields) -> Result<Options, Error> {
    let servers = texts(fields, "servers");
    let own = ["servers", "credentials_from_host"];
    Ok(options::options(&servers, named(fields, &own, options::descriptions()))?)
}

/// What `subscribe`, `declare` and `respond` ask for.
pub(crate) fn subscribe_request(fields: &Fields) -> Result<SubscribeRequest, Error> {
    let filters = texts(fields, "filters");
    let named = named(&with_stream(fields), &["filters"], options::subscribe_descriptions());
    Ok(options::subscribe(&filters, named)?)
}

/// The bounds of the stream of `unclaimed`.
pub(crate) fn stream_options(fields: &Fields) -> Result<StreamOptions, Error> {
    Ok(options::stream(named(&with_stream(fields), &[], options::stream_descriptions()))?)
}

pub(crate) fn disconnect_options(fields: &Fields) -> Result<DisconnectOptions, Error> {
    Ok(options::disconnect(named(fields, &[], options::disconnect_descriptions()))?)
}

/// What names the command.
const OF_EVERY_COMMAND: [&str; 3] = ["id", "do", "name"];

/// The fields that are options, all but those of the command's `own`: `{"will": {"topic": "a"}}` is `will.topic`, and
/// `null` leaves the default where it does not switch off.
fn named(
    fields: &Fields,
    own: &[&str],
    descriptions: impl Iterator<Item = Description>,
) -> Vec<(String, Given)> {
    let descriptions: Vec<Description> = descriptions.collect();
    let kind = |name: &str| descriptions.iter().find(|option| option.name == name).map(|option| &option.kind);
    flat("", fields)
        .into_iter()
        .filter(|(name, _)| !OF_EVERY_COMMAND.contains(&name.as_str()) && !own.contains(&name.as_str()))
        .filter(|(name, value)| !value.is_null() || kind(name) == Some(&Kind::Off))
        .map(|(name, value)| {
            let given = given(value, kind(&name));
            (name, given)
        })
        .collect()
}

/// The fields of objects as fields of their own, by dotted names. Lists of options are no objects.
fn flat<'a>(prefix: &str, fields: &'a Fields) -> Vec<(String, &'a Value)> {
    let mut all = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(group) => all.extend(flat(&format!("{prefix}{name}."), group)),
            value => all.push((format!("{prefix}{name}"), value)),
        }
    }
    all
}

/// A value for an option of this kind. Pairs are written `name:value`.
fn given(value: &Value, kind: Option<&Kind>) -> Given {
    match value {
        Value::Bool(flag) => Given::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Given::Integer(number),
            None => Given::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Given::Text(text.clone()),
        Value::Array(list) => {
            let texts = list.iter().filter_map(Value::as_str).map(ToOwned::to_owned);
            match kind {
                Some(Kind::Pairs) => Given::Pairs(texts.map(pair).collect()),
                _ => Given::Texts(texts.collect()),
            }
        }
        Value::Null | Value::Object(_) => Given::Null,
    }
}

fn pair(text: String) -> (String, String) {
    match text.split_once(':') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (text, String::new()),
    }
}

/// The fields with those of the object `stream` among them.
fn with_stream(fields: &Fields) -> Fields {
    let mut fields = fields.clone();
    if let Some(Value::Object(stream)) = fields.remove("stream") {
        fields.extend(stream);
    }
    fields
}

fn texts(fields: &Fields, name: &str) -> Vec<String> {
    list(fields, name).into_iter().map(ToOwned::to_owned).collect()
}
