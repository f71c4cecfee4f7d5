//! Arguments about a message's properties (MQTT 5, section 3.3.2.3).

use std::time::Duration;

use clap::Args;
use polymqtt::{PublishProperties, TopicName, Utf8String};

use crate::exit::Failure;
use crate::values::{self, NameValue};

#[derive(Debug, Args)]
#[command(next_help_heading = "Properties (MQTT 5)")]
pub(crate) struct PropertyArgs {
    /// What the payload is, such as application/json
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,

    /// The topic to send the answer to
    #[arg(long, value_name = "TOPIC", value_parser = values::topic_name)]
    response_topic: Option<TopicName>,

    /// What the answer is told apart by
    #[arg(long, value_name = "TEXT")]
    correlation_data: Option<String>,

    /// Time after which the message is of no use; its wait here counts too
    #[arg(long, value_name = "TIME", alias = "message-expiry-interval", value_parser = values::seconds)]
    message_expiry: Option<Duration>,

    /// Say that the payload is UTF-8 text
    #[arg(long)]
    payload_format_utf8: bool,

    /// A user property, repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::name_value)]
    user_property: Vec<NameValue>,
}

impl PropertyArgs {
    /// The properties; `None` when there are none, so that 3.1.1 can send the message.
    pub(crate) fn properties(&self) -> Result<Option<PublishProperties>, Failure> {
        let properties = PublishProperties {
            payload_format_indicator: self.payload_format_utf8.then_some(true),
            message_expiry_interval: self
                .message_expiry
                .map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX)),
            response_topic: self.response_topic.clone().map(TopicName::into_text),
            correlation_data: self.correlation_data.clone().map(|text| text.into_bytes().into()),
            content_type: self
                .content_type
                .as_deref()
                .map(|value| text("--content-type", value))
                .transpose()?,
            user_properties: self
                .user_property
                .iter()
                .map(|NameValue { name, value }| {
                    Ok((text("--user-property", name)?, text("--user-property", value)?))
                })
                .collect::<Result<_, Failure>>()?,
        };
        Ok(Some(properties).filter(|properties| *properties != PublishProperties::default()))
    }
}

fn text(argument: &str, value: &str) -> Result<Utf8String, Failure> {
    Utf8String::try_from(value).map_err(|error| Failure::usage(format!("{argument}: {error}")))
}
