//! Topics and filters from what a language's caller gave.

use polymqtt::{Error, ErrorKind, TopicFilter, TopicName};

/// A topic name, checked.
///
/// # Errors
/// [`ErrorKind::InvalidTopic`] with the rule that it breaks.
#[inline]
pub fn name(topic: &str) -> Result<TopicName, Error> {
    TopicName::try_from(topic).map_err(|error| Error::new(ErrorKind::InvalidTopic, format!("topic: {error}")))
}

/// A topic filter, checked.
///
/// # Errors
/// [`ErrorKind::InvalidTopic`] with the rule that it breaks.
pub fn filter(filter: &str) -> Result<TopicFilter, Error> {
    TopicFilter::try_from(filter)
        .map_err(|error| Error::new(ErrorKind::InvalidTopic, format!("filter {filter:?}: {error}")))
}

/// Whether a message published to this topic is one for this filter; see [`TopicFilter::matches`].
///
/// # Errors
/// [`ErrorKind::InvalidTopic`] with the rule that one of them breaks.
pub fn matches(filter: &str, topic: &str) -> Result<bool, Error> {
    Ok(self::filter(filter)?.matches(&name(topic)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_matches_topics() {
        assert_eq!(matches("a/+", "a/b"), Ok(true));
        assert_eq!(matches("a/+", "a"), Ok(false));
        assert_eq!(matches("$share/group/a/#", "a"), Ok(true));
    }

    #[test]
    fn what_is_no_filter_or_topic_is_named() {
        for (filter, topic, expected) in [
            ("a#", "a", "filter \"a#\": # must be a whole level of a topic filter"),
            ("a/#", "a/+", "topic: a topic name can't hold the wildcards + and #"),
            ("#", "", "topic: a topic is at least one character long"),
        ] {
            let error = matches(filter, topic).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidTopic, expected));
        }
    }
}
