//! Topic names and topic filters (section 4.7), shared subscriptions (section 4.8).

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;

use crate::text::{TextError, Utf8String};

/// What a shared subscription's filter starts with [MQTT-4.8.2-1].
const SHARE_PREFIX: &str = "$share/";

/// A topic name: at least one character [MQTT-4.7.3-1], no wildcard [MQTT-3.3.2-2].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Utf8String);

impl TopicName {
    /// The topic of a decoded PUBLISH, which is not empty: its decoder has found no wildcard in it.
    #[inline]
    pub(crate) fn of_publish(topic: Utf8String) -> Self {
        debug_assert!(Self::try_from(topic.clone()).is_ok(), "not decoded: {topic:?}");
        Self(topic)
    }

    /// A copy that shares no buffer with its source, to be kept for long.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(self.0.detach())
    }
}

impl TryFrom<Utf8String> for TopicName {
    type Error = TopicError;

    #[inline]
    fn try_from(text: Utf8String) -> Result<Self, TopicError> {
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        if has_wildcard_character(text.as_bytes()) {
            return Err(TopicError::WildcardInName);
        }
        Ok(Self(text))
    }
}

/// A topic filter: which topics a subscription is for. Either an ordinary one (section 4.7.1) or a shared
/// subscription's `$share/name/filter` (section 4.8.2). Version 3.1.1 does not know the latter, but servers that offer
/// them there use the same form: the rules are those of version 5 in both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter(Utf8String);

impl TopicFilter {
    /// Whether a message published to `topic` is one for this filter. For a shared subscription, the part behind the
    /// share name decides. A filter that starts with a wildcard matches no topic that starts with `$` [MQTT-4.7.2-1].
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        let filter = self.filter();
        if topic.is_empty() || (topic.starts_with('$') && filter.starts_with(['+', '#'])) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in filter.split('/') {
            // `#` matches its parent too (section 4.7.1.2), so it may meet the end of the topic.
            if wanted == "#" {
                return true;
            }
            match levels.next() {
                Some(level) if wanted == "+" || wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// The share name of a shared subscription.
    #[must_use]
    pub fn share_name(&self) -> Option<&str> {
        self.shared().map(|(name, _)| name)
    }

    /// The filter without `$share/name/`.
    #[must_use]
    pub fn filter(&self) -> &str {
        self.shared().map_or(self.as_str(), |(_, filter)| filter)
    }

    /// Whether it is a shared subscription's filter.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.as_str().starts_with(SHARE_PREFIX)
    }

    /// Whether it holds `+` or `#`, and so is for more than one topic.
    #[must_use]
    pub fn has_wildcards(&self) -> bool {
        has_wildcard_character(self.as_bytes())
    }

    /// A copy that shares no buffer with its source, to be kept for long.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(self.0.detach())
    }

    fn shared(&self) -> Option<(&str, &str)> {
        self.as_str().strip_prefix(SHARE_PREFIX)?.split_once('/')
    }
}

impl TryFrom<Utf8String> for TopicFilter {
    type Error = TopicError;

    fn try_from(text: Utf8String) -> Result<Self, TopicError> {
        match text.strip_prefix(SHARE_PREFIX) {
            Some(shared) => check_shared(shared)?,
            None => check_filter(&text)?,
        }
        Ok(Self(text))
    }
}

fn check_shared(shared: &str) -> Result<(), TopicError> {
    let (name, filter) = shared.split_once('/').ok_or(TopicError::ShareWithoutFilter)?;
    if name.is_empty() {
        return Err(TopicError::ShareNameEmpty);
    }
    if has_wildcard_character(name.as_bytes()) {
        return Err(TopicError::WildcardInShareName);
    }
    if filter.is_empty() {
        return Err(TopicError::ShareWithoutFilter);
    }
    check_filter(filter)
}

fn check_filter(filter: &str) -> Result<(), TopicError> {
    if filter.is_empty() {
        return Err(TopicError::Empty);
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "+" => {}
            "#" if levels.peek().is_some() => return Err(TopicError::MultiLevelWildcardNotLast),
            "#" => {}
            _ if level.contains('#') => return Err(TopicError::MultiLevelWildcardInLevel),
            _ if level.contains('+') => return Err(TopicError::SingleLevelWildcardInLevel),
            _ => {}
        }
    }
    Ok(())
}

// No early exit from these: the compiler makes a vector loop of them, which is faster at the length that topics have.

#[inline]
fn has_wildcard_character(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | (*byte == b'+') | (*byte == b'#'))
}

/// What a received topic name can't hold, in one pass.
#[inline]
pub(crate) fn has_null_or_wildcard(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | (*byte == 0) | (*byte == b'+') | (*byte == b'#'))
}

/// Why a text is no topic name or no topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// It is empty [MQTT-4.7.3-1].
    #[error("a topic is at least one character long")]
    Empty,
    /// It is no UTF-8 Encoded String [MQTT-4.7.3-2], [MQTT-4.7.3-3].
    #[error("a topic can't be used: {0}")]
    Text(
        /// The rule that it breaks.
        #[from]
        TextError,
    ),
    /// A topic name holds `+` or `#` [MQTT-4.7.0-1].
    #[error("a topic name can't hold the wildcards + and #")]
    WildcardInName,
    /// `#` is not the last level of the filter [MQTT-4.7.1-1].
    #[error("# can only be the last level of a topic filter")]
    MultiLevelWildcardNotLast,
    /// `#` is not a level of its own [MQTT-4.7.1-1].
    #[error("# must be a whole level of a topic filter")]
    MultiLevelWildcardInLevel,
    /// `+` is not a level of its own [MQTT-4.7.1-2].
    #[error("+ must be a whole level of a topic filter")]
    SingleLevelWildcardInLevel,
    /// A shared subscription's share name is empty [MQTT-4.8.2-1].
    #[error("a share name is at least one character long")]
    ShareNameEmpty,
    /// A shared subscription's share name holds `+` or `#` [MQTT-4.8.2-2].
    #[error("a share name can't hold the wildcards + and #")]
    WildcardInShareName,
    /// No topic filter follows a shared subscription's share name [MQTT-4.8.2-2].
    #[error("a shared subscription is written $share/name/filter")]
    ShareWithoutFilter,
}

impl From<Infallible> for TopicError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

macro_rules! text_type {
    ($type:ident) => {
        impl $type {
            /// The text.
            #[must_use]
            #[inline]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The text as a string of its own type, without a copy.
            #[must_use]
            pub fn into_text(self) -> Utf8String {
                self.0
            }
        }

        impl TryFrom<&str> for $type {
            type Error = TopicError;

            fn try_from(text: &str) -> Result<Self, TopicError> {
                Self::try_from(Utf8String::try_from(text)?)
            }
        }

        impl TryFrom<String> for $type {
            type Error = TopicError;

            fn try_from(text: String) -> Result<Self, TopicError> {
                Self::try_from(Utf8String::try_from(text)?)
            }
        }

        impl TryFrom<&String> for $type {
            type Error = TopicError;

            fn try_from(text: &String) -> Result<Self, TopicError> {
                Self::try_from(text.as_str())
            }
        }

        impl From<&$type> for $type {
            fn from(other: &$type) -> Self {
                other.clone()
            }
        }

        impl Deref for $type {
            type Target = str;

            #[inline]
            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.as_str(), f)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

text_type!(TopicName);
text_type!(TopicFilter);

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::try_from(text).unwrap()
    }

    #[test]
    fn topic_names() {
        assert_eq!(TopicName::try_from("a/b c/ü").unwrap(), "a/b c/ü");
        assert!(TopicName::try_from("/").is_ok());
        assert_eq!(TopicName::try_from(""), Err(TopicError::Empty));
        assert_eq!(TopicName::try_from("a/+"), Err(TopicError::WildcardInName));
        assert_eq!(TopicName::try_from("a#"), Err(TopicError::WildcardInName));
        assert_eq!(TopicName::try_from("a\0"), Err(TopicError::Text(TextError::Null)));
        let long = "x".repeat(70_000);
        assert_eq!(TopicName::try_from(&long), Err(TopicError::Text(TextError::TooLong { len: 70_000 })));
    }

    #[test]
    fn topic_filters() {
        for good in [
            "#",
            "+",
            "/",
            "a/#",
            "+/+",
            "/+",
            "+/a/#",
            "a//b",
            "$SYS/#",
            "$share/g/#",
            "$share/g//",
            "$shared",
        ] {
            assert!(TopicFilter::try_from(good).is_ok(), "{good}");
        }
        for (bad, error) in [
            ("", TopicError::Empty),
            ("#/a", TopicError::MultiLevelWildcardNotLast),
            ("a/#/b", TopicError::MultiLevelWildcardNotLast),
            ("a#", TopicError::MultiLevelWildcardInLevel),
            ("a/#b", TopicError::MultiLevelWildcardInLevel),
            ("a+", TopicError::SingleLevelWildcardInLevel),
            ("a/+b/c", TopicError::SingleLevelWildcardInLevel),
            ("$share/", TopicError::ShareWithoutFilter),
            ("$share/g", TopicError::ShareWithoutFilter),
            ("$share/g/", TopicError::ShareWithoutFilter),
            ("$share//a", TopicError::ShareNameEmpty),
            ("$share/+/a", TopicError::WildcardInShareName),
            ("$share/g#/a", TopicError::WildcardInShareName),
            ("$share/g/a+", TopicError::SingleLevelWildcardInLevel),
        ] {
            assert_eq!(TopicFilter::try_from(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn parts_of_a_filter() {
        let shared = filter("$share/group/a/+");
        assert_eq!((shared.share_name(), shared.filter()), (Some("group"), "a/+"));
        assert!(shared.is_shared() && shared.has_wildcards());
        let plain = filter("a/b");
        assert_eq!((plain.share_name(), plain.filter()), (None, "a/b"));
        assert!(!plain.is_shared() && !plain.has_wildcards());
    }

    #[test]
    fn matching() {
        for (pattern, topic) in [
            ("a/b", "a/b"),
            ("#", "a/b"),
            ("a/#", "a"),
            ("a/#", "a/"),
            ("a/#", "a/b/c"),
            ("+", "a"),
            ("+/+", "/a"),
            ("/+", "/a"),
            ("a/+/c", "a//c"),
            ("a/+", "a/"),
            ("+/b/#", "a/b"),
            ("$SYS/#", "$SYS/x"),
            ("$SYS/+", "$SYS/x"),
            ("$share/g/a/#", "a/b"),
        ] {
            assert!(filter(pattern).matches(topic), "{pattern} {topic}");
        }
        for (pattern, topic) in [
            ("a/b", "a/B"),
            ("a/b", "a/b/"),
            ("a", "a/b"),
            ("a/b", "a"),
            ("+", "/a"),
            ("+", "a/b"),
            ("a/+", "a"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
            ("$share/g/#", "$SYS/x"),
            ("$share/g/a", "$share/g/a"),
            ("#", ""),
        ] {
            assert!(!filter(pattern).matches(topic), "{pattern} {topic}");
        }
    }
}
