//! Values of arguments: how each is written and what is allowed. The rules of MQTT are the engine's own.

use std::time::Duration;

use polymqtt::{QoS, TopicFilter, TopicName, Version};

/// `name=value`, as the options for user properties take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameValue {
    pub(crate) name: String,
    pub(crate) value: String,
}

pub(crate) fn name_value(text: &str) -> Result<NameValue, String> {
    let (name, value) = text.split_once('=').ok_or("the form is NAME=VALUE")?;
    Ok(NameValue { name: name.to_owned(), value: value.to_owned() })
}

pub(crate) fn qos(text: &str) -> Result<QoS, String> {
    let number: u8 = text.parse().map_err(|_error| "it must be 0, 1 or 2".to_owned())?;
    QoS::try_from(number).map_err(|error| error.to_string())
}

pub(crate) fn topic_name(text: &str) -> Result<TopicName, String> {
    TopicName::try_from(text).map_err(|error| error.to_string())
}

pub(crate) fn topic_filter(text: &str) -> Result<TopicFilter, String> {
    TopicFilter::try_from(text).map_err(|error| error.to_string())
}

/// The versions, in the spellings that other MQTT tools take.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    match text {
        "5" | "5.0" | "v5" | "mqttv5" => Ok(Version::V5),
        "3.1.1" | "311" | "4" | "v3.1.1" | "mqttv311" => Ok(Version::V311),
        _ => Err("it must be 5 or 3.1.1".to_owned()),
    }
}

/// Whole seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: u32 = text.parse().map_err(|_error| "it must be a number of whole seconds".to_owned())?;
    Ok(Duration::from_secs(seconds.into()))
}

/// Whole seconds, or `never` (which MQTT writes as the largest number).
pub(crate) fn session_expiry(text: &str) -> Result<Duration, String> {
    if text == "never" {
        return Ok(Duration::MAX);
    }
    seconds(text).map_err(|error| format!("{error}, or never"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_the_sign_that_ends_the_name() {
        let pair = name_value("a=b=c").unwrap();
        assert_eq!((pair.name.as_str(), pair.value.as_str()), ("a", "b=c"));
        assert!(name_value("a").is_err());
    }

    #[test]
    fn versions_in_every_spelling() {
        for text in ["5", "mqttv5"] {
            assert_eq!(version(text), Ok(Version::V5));
        }
        for text in ["3.1.1", "311", "mqttv311"] {
            assert_eq!(version(text), Ok(Version::V311));
        }
        assert!(version("3.1").is_err());
    }

    #[test]
    fn a_refusal_tells_the_rule() {
        assert!(qos("3").unwrap_err().contains("only 0, 1 and 2"));
        assert!(topic_name("a/#").unwrap_err().contains("wildcards"));
        assert!(topic_filter("a/#/b").unwrap_err().contains("last level"));
        assert!(seconds("1.5").unwrap_err().contains("whole seconds"));
    }

    #[test]
    fn a_session_may_last_for_ever() {
        assert_eq!(session_expiry("never"), Ok(Duration::MAX));
        assert_eq!(session_expiry("300"), Ok(Duration::from_secs(300)));
    }
}
