//! Arguments about the session: what outlives a connection.

use std::time::Duration;

use clap::Args;
use polymqtt::{OnSessionLost, Options};

use crate::values;

#[derive(Debug, Args)]
#[command(next_help_heading = "Session")]
pub(crate) struct SessionArgs {
    /// The client identifier [default: chosen by the server]
    #[arg(short = 'i', long, value_name = "ID", alias = "id")]
    client_id: Option<String>,

    /// Go on with the session that the server keeps for this client identifier
    #[arg(short = 'c', long, alias = "disable-clean-session", alias = "no-clean")]
    no_clean_start: bool,

    /// How long the server keeps the session after the end, or `never` to let it last (MQTT 5) [default: at once]
    #[arg(short = 'x', long, value_name = "TIME", alias = "session-expiry-interval", value_parser = values::session_expiry)]
    session_expiry: Option<Duration>,

    /// What becomes of messages in flight when the server has lost the session: resend or fail
    #[arg(long, value_name = "CHOICE", default_value = "resend", value_parser = values::on_session_lost)]
    on_session_lost: OnSessionLost,

    /// How long a message of the session waits for its subscription
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration)]
    unclaimed_timeout: Duration,
}

impl SessionArgs {
    pub(crate) fn apply(&self, mut options: Options) -> Options {
        if let Some(client_id) = &self.client_id {
            options = options.client_id(client_id);
        }
        if let Some(expiry) = self.session_expiry {
            options = options.session_expiry(expiry);
        }
        options
            .clean_start(!self.no_clean_start)
            .on_session_lost(self.on_session_lost)
            .unclaimed_timeout(self.unclaimed_timeout)
    }
}
