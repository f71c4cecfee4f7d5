//! Where the answers to this client's requests arrive.

use super::Options;
use super::settings::invalid;
use crate::error::Error;
use crate::text::Utf8String;
use crate::topic::TopicName;

/// How response topics are made, as the user said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Responses {
    pub(crate) topic_prefix: String,
    pub(crate) ask_server: bool,
}

impl Default for Responses {
    fn default() -> Self {
        Self { topic_prefix: "polymqtt/responses".to_owned(), ask_server: true }
    }
}

/// How response topics are made, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResponseSettings {
    pub(crate) topic_prefix: Utf8String,
    pub(crate) ask_server: bool,
}

impl Options {
    /// What the topic for answers to requests begins with (v5, section 4.10), where the server does not say so itself;
    /// the default is `polymqtt/responses`.
    ///
    /// The whole topic is `<prefix>/<client identifier>/<16 hexadecimal digits>`. The digits differ from client to
    /// client and from run to run, so that nobody gets another's answers. In the identifier, `/`, `+`, `#` and `%` are
    /// written as `%2F`, `%2B`, `%23` and `%25`. Where the server has access control, this client must be allowed to
    /// subscribe to the topic, and the responders to publish to it; with mosquitto, for instance, by
    /// `pattern read polymqtt/responses/%c/+`.
    #[must_use]
    pub fn response_topic_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.responses.topic_prefix = prefix.into();
        self
    }

    /// Whether CONNECT asks the server for response information (v5, section 3.1.2.11.6); it does by default.
    ///
    /// A server that gives some says with it which part of the topic tree is this client's own (section 3.2.2.3.15):
    /// answers then arrive at `<response information>/<16 hexadecimal digits>`, and the prefix is of no interest.
    #[must_use]
    pub fn ask_response_information(mut self, ask: bool) -> Self {
        self.responses.ask_server = ask;
        self
    }
}

impl Responses {
    pub(super) fn check(&self) -> Result<ResponseSettings, Error> {
        let prefix = TopicName::try_from(self.topic_prefix.as_str())
            .map_err(|error| invalid(format!("response_topic_prefix: {error}")))?;
        if prefix.starts_with('$') || prefix.ends_with('/') {
            return Err(invalid("response_topic_prefix must not begin with $ nor end with /"));
        }
        Ok(ResponseSettings { topic_prefix: prefix.into_text(), ask_server: self.ask_server })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Version;
    use crate::error::ErrorKind;

    #[test]
    fn a_prefix_that_makes_no_topic_is_refused() {
        for prefix in ["", "a/+", "#", "$SYS", "a/", "a\0"] {
            let options = Options::new("mqtt://localhost").unwrap().response_topic_prefix(prefix);
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
            assert!(error.to_string().contains("response_topic_prefix"), "{error}");
        }
    }

    #[test]
    fn version_3_1_1_has_no_response_topics() {
        let options = Options::new("mqtt://localhost").unwrap().version(Version::V311);
        assert!(options.check().is_ok());
        let error = options.response_topic_prefix("a").check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
