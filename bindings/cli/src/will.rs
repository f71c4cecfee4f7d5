//! Arguments about the will.

use std::time::Duration;

use clap::Args;
use polymqtt::{QoS, TopicName, Will};

use crate::exit::Failure;
use crate::values;

#[derive(Debug, Args)]
#[command(next_help_heading = "Will: what the server publishes when this client is gone without a goodbye")]
pub(crate) struct WillArgs {
    /// The will's topic
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

    /// Seconds that the server waits for the client to come back (MQTT 5)
    #[arg(long, value_name = "SECONDS", requires = "will_topic", value_parser = values::seconds)]
    will_delay: Option<Duration>,
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
            .delay(self.will_delay.unwrap_or_default());
        Ok(Some(will))
    }
}
