//! Arguments about what this client takes.

use clap::Args;
use polymqtt::Options;

use crate::values;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// QoS 1 and 2 messages that the server may send before the first is acknowledged (MQTT 5)
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = clap::value_parser!(u16).range(1..))]
    receive_maximum: u16,

    /// The largest packet to take, from 128 bytes
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = values::packet_size)]
    maximum_packet_size: u32,

    /// Topic aliases that the server may assign (MQTT 5)
    #[arg(long, value_name = "COUNT", default_value = "32")]
    topic_alias_maximum: u16,

    /// Topic aliases that this client assigns (MQTT 5)
    #[arg(long, value_name = "COUNT", default_value = "16")]
    outgoing_topic_aliases: u16,

    /// Refuse messages that promise UTF-8 and are not (MQTT 5)
    #[arg(long)]
    verify_payload_format: bool,
}

impl LimitArgs {
    pub(crate) fn apply(&self, options: Options) -> Options {
        options
            .receive_maximum(self.receive_maximum)
            .maximum_packet_size(self.maximum_packet_size)
            .topic_alias_maximum(self.topic_alias_maximum)
            .outgoing_topic_aliases(self.outgoing_topic_aliases)
            .verify_payload_format(self.verify_payload_format)
    }
}
