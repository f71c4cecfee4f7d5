//! Arguments about the will.

use std::time::Duration;

use clap::Args;
use polymqtt::{QoS, TopicName, Utf8String, Will, WillProperties};

use crate::exit::Failure;
use crate::values;

#[derive(Debug, Args)]
#[command(next_help_heading = "Will")]
pub(crate) struct WillArgs {
    /// The topic of what the server publishes when this client is gone without a goodbye
    #[arg(long, value_name = "TOPIC", value_parser = values::topic_name)]
    will_topic: Option<TopicName>,

    /// The will's payload [default: empty]
    #[arg(long, value_name = "TEXT", requires = "will_topic")]
    will_payload: Option<String>,

    /// The will's quality of service: 0, 1 or 2 [default: 0]
    #[arg(long, value_name = "QOS", requires = "will_topic", value_parser = values::qos)]
    will_qos: Option<QoS>,

    /// Let the server keep the will for later subscribers
    #[arg(long, requires = "will_topic")]
    will_retain: bool,

    /// Time that the server waits for the client to come back (MQTT 5)
    #[arg(long, value_name = "TIME", requires = "will_topic", value_parser = values::seconds)]
    will_delay: Option<Duration>,

    /// Time after which the will is of no use (MQTT 5)
    #[arg(long, value_name = "TIME", requires = "will_topic", value_parser = values::seconds)]
    will_expiry: Option<Duration>,

    /// What the will's payload is, such as application/json (MQTT 5)
    #[arg(long, value_name = "TYPE", requires = "will_topic", value_parser = values::text)]
    will_content_type: Option<Utf8String>,

    /// Say that the will's payload is UTF-8 text (MQTT 5)
    #[arg(long, requires = "will_topic")]
    will_payload_format_utf8: bool,

    /// The topic to answer the will to (MQTT 5)
    #[arg(long, value_name = "TOPIC", requires = "will_topic", value_parser = values::topic_name)]
    will_response_topic: Option<TopicName>,

    /// What the answer to the will is told apart by (MQTT 5)
    #[arg(long, value_name = "TEXT", requires = "will_topic")]
    will_correlation_data: Option<String>,

    /// A user property of the will (MQTT 5), repeatable
    #[arg(long, value_name = "NAME=VALUE", requires = "will_topic", value_parser = values::text_pair)]
    will_user_property: Vec<(Utf8String, Utf8String)>,
}

impl WillArgs {
    pub(crate) fn will(&self) -> Result<Option<Will>, Failure> {
        let Some(topic) = &self.will_topic else {
            return Ok(None);
        };
        let payload = self.will_payload.clone().unwrap_or_default();
        let will = Will::new(topic.clone(), payload.into_bytes())
            .map_err(|error| Failure::usage(format!("--will-topic: {error}")))?
            .qos(self.will_qos.unwrap_or_default())
            .retain(self.will_retain)
            .properties(self.properties())
            .delay(self.will_delay.unwrap_or_default());
        Ok(Some(will))
    }

    fn properties(&self) -> WillProperties {
        let expiry = self.will_expiry.map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX));
        WillProperties {
            delay_interval: None,
            payload_format_indicator: self.will_payload_format_utf8.then_some(true),
            message_expiry_interval: expiry,
            content_type: self.will_content_type.clone(),
            response_topic: self.will_response_topic.clone().map(TopicName::into_text),
            correlation_data: self.will_correlation_data.clone().map(|text| text.into_bytes().into()),
            user_properties: self.will_user_property.clone(),
        }
    }
}
