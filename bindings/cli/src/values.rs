//! Values of arguments: how each is written and what is allowed. The rules of MQTT are the engine's own.

use std::time::Duration;

use polymqtt::{
    OnSessionLost, ProtocolVersion, QoS, RetainHandling, TopicFilter, TopicName, Utf8String, WhenFull,
};

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

pub(crate) fn text(text: &str) -> Result<Utf8String, String> {
    Utf8String::try_from(text).map_err(|error| error.to_string())
}

/// `name=value` of texts that MQTT takes.
pub(crate) fn text_pair(pair: &str) -> Result<(Utf8String, Utf8String), String> {
    let NameValue { name, value } = name_value(pair)?;
    Ok((text(&name)?, text(&value)?))
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
pub(crate) fn version(text: &str) -> Result<ProtocolVersion, String> {
    match text {
        "5" | "5.0" | "v5" | "mqttv5" => Ok(ProtocolVersion::V5),
        "3.1.1" | "311" | "4" | "v3.1.1" | "mqttv311" => Ok(ProtocolVersion::V311),
        "auto" => Ok(ProtocolVersion::Auto),
        _ => Err("it must be 5 or 3.1.1, or auto".to_owned()),
    }
}

pub(crate) fn when_full(text: &str) -> Result<WhenFull, String> {
    match text {
        "wait" => Ok(WhenFull::Wait),
        "fail" => Ok(WhenFull::Fail),
        "drop-oldest" => Ok(WhenFull::DropOldest),
        "drop-newest" => Ok(WhenFull::DropNewest),
        "latest-per-topic" => Ok(WhenFull::LatestPerTopic),
        _ => Err("it must be wait, fail, drop-oldest, drop-newest or latest-per-topic".to_owned()),
    }
}

pub(crate) fn on_session_lost(text: &str) -> Result<OnSessionLost, String> {
    match text {
        "resend" => Ok(OnSessionLost::Resend),
        "fail" => Ok(OnSessionLost::Fail),
        _ => Err("it must be resend or fail".to_owned()),
    }
}

pub(crate) fn retain_handling(text: &str) -> Result<RetainHandling, String> {
    match text {
        "always" => Ok(RetainHandling::SendAtSubscribe),
        "if-new" => Ok(RetainHandling::SendIfNew),
        "never" => Ok(RetainHandling::DoNotSend),
        _ => Err("it must be always, if-new or never".to_owned()),
    }
}

/// A number from 1.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("it must be a number from 1".to_owned()),
    }
}

/// A number with a unit of bytes: 500, 64KiB, 16MiB, 1GiB; from 1.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let refusal = || "it must be a size such as 500 (bytes), 64KiB, 16MiB or 1GiB".to_owned();
    let (number, unit) = split_unit(text);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(refusal()),
    };
    let number: usize = number.parse().map_err(|_error| refusal())?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or_else(refusal)
}

/// The size of a packet, as far as MQTT goes.
pub(crate) fn packet_size(text: &str) -> Result<u32, String> {
    match u32::try_from(size(text)?) {
        Ok(size) if size >= 128 => Ok(size),
        _ => Err("it must be between 128 bytes and 4GiB".to_owned()),
    }
}

/// A number with a unit of time: 500ms, 30s (or just 30), 5m, 2h, 1d.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refusal = || "it must be a time such as 500ms, 30s, 5m, 2h or 1d; without a unit, seconds".to_owned();
    let (number, unit) = split_unit(text);
    let number: u32 = number.parse().map_err(|_error| refusal())?;
    let number = u64::from(number);
    Ok(match unit {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        "h" => Duration::from_secs(number * 3_600),
        "d" => Duration::from_secs(number * 86_400),
        _ => return Err(refusal()),
    })
}

/// A time that is longer than nothing.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        timeout => Ok(timeout),
    }
}

/// A time in whole seconds, as MQTT writes them.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let whole =
        duration(text).ok().filter(|time| time.subsec_nanos() == 0 && time.as_secs() <= u32::MAX.into());
    whole.ok_or_else(|| "it must be a time in whole seconds, such as 30, 30s, 5m, 2h or 1d".to_owned())
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// A time in whole seconds, or `never` (which MQTT writes as the largest number).
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
            assert_eq!(version(text), Ok(ProtocolVersion::V5));
        }
        for text in ["3.1.1", "311", "mqttv311"] {
            assert_eq!(version(text), Ok(ProtocolVersion::V311));
        }
        assert_eq!(version("auto"), Ok(ProtocolVersion::Auto));
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
    fn times_and_sizes_have_units() {
        for (text, millis) in [("30", 30_000), ("30s", 30_000), ("500ms", 500), ("5m", 300_000), ("0", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for (text, bytes) in
            [("500", 500), ("1B", 1), ("64KiB", 65_536), ("16MiB", 16 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "5 m", "1w", "99999999999", "1\u{663}"] {
            assert!(duration(text).unwrap_err().contains("500ms"), "{text}");
        }
        for text in ["", "0", "1MB", "1k", "99999999999GiB", "MiB"] {
            assert!(size(text).unwrap_err().contains("16MiB"), "{text}");
        }
        assert!(seconds("500ms").is_err() && timeout("0s").is_err());
        assert_eq!(packet_size("1KiB"), Ok(1024));
        assert!(packet_size("127").is_err() && packet_size("4GiB").is_err());
    }

    #[test]
    fn choices_name_what_is_allowed() {
        for (text, policy) in [
            ("wait", WhenFull::Wait),
            ("fail", WhenFull::Fail),
            ("drop-oldest", WhenFull::DropOldest),
            ("drop-newest", WhenFull::DropNewest),
            ("latest-per-topic", WhenFull::LatestPerTopic),
        ] {
            assert_eq!(when_full(text), Ok(policy));
        }
        assert!(when_full("drop").unwrap_err().contains("latest-per-topic"));
        assert_eq!(on_session_lost("fail"), Ok(OnSessionLost::Fail));
        assert!(on_session_lost("x").unwrap_err().contains("resend"));
        assert_eq!(retain_handling("if-new"), Ok(RetainHandling::SendIfNew));
        assert!(retain_handling("x").unwrap_err().contains("never"));
    }

    #[test]
    fn a_session_may_last_for_ever() {
        assert_eq!(session_expiry("never"), Ok(Duration::MAX));
        assert_eq!(session_expiry("300"), Ok(Duration::from_secs(300)));
    }
}
