//! Arguments about the queue of messages that wait to be sent.

use clap::Args;
use polymqtt::{Options, QueueOptions, WhenFull};

use crate::values;

#[derive(Debug, Args)]
#[command(next_help_heading = "Queue")]
pub(crate) struct QueueArgs {
    /// What becomes of a message that finds the queue full: wait, fail, drop-oldest, drop-newest or latest-per-topic
    #[arg(long, value_name = "POLICY", default_value = "wait", value_parser = values::when_full)]
    queue_policy: WhenFull,

    /// Most messages that wait
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = values::count)]
    queue_messages: usize,

    /// Most bytes that wait or are in flight
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = values::size)]
    queue_bytes: usize,
}

impl QueueArgs {
    pub(crate) fn apply(&self, options: Options) -> Options {
        options.queue(QueueOptions {
            max_messages: self.queue_messages,
            max_bytes: self.queue_bytes,
            when_full: self.queue_policy,
        })
    }
}
