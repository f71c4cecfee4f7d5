//! Arguments about connecting again, and elsewhere.

use std::time::Duration;

use clap::Args;
use polymqtt::{Options, ReconnectOptions, RedirectOptions};

use crate::exit::Failure;
use crate::values;

#[derive(Debug, Args)]
#[command(next_help_heading = "Reconnecting")]
pub(crate) struct ReconnectArgs {
    /// Go on trying when the first attempt to connect fails
    #[arg(long, conflicts_with = "no_reconnect")]
    keep_trying: bool,

    /// End when the connection is lost instead of connecting again
    #[arg(long, conflicts_with_all = ["reconnect_shortest", "reconnect_longest", "reconnect_stable"])]
    no_reconnect: bool,

    /// The bound of the first wait before connecting again; each wait is random below its bound, which doubles
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = values::duration)]
    reconnect_shortest: Duration,

    /// The bound of every wait
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::duration)]
    reconnect_longest: Duration,

    /// How long a connection must last before the waits are short again
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration)]
    reconnect_stable: Duration,

    /// How many times in a row to follow a server that sends the client elsewhere (MQTT 5); 0 for never
    #[arg(long, value_name = "COUNT", default_value = "5")]
    redirect_hops: u32,

    /// Give credentials and will to hosts too that a server sends the client to
    #[arg(long)]
    redirect_trust: bool,
}

impl ReconnectArgs {
    pub(crate) fn apply(&self, options: Options) -> Result<Options, Failure> {
        let (shortest, longest) = (self.reconnect_shortest, self.reconnect_longest);
        if longest < shortest {
            return Err(Failure::usage(format!(
                "--reconnect-longest is {longest:?}: it must not be below --reconnect-shortest, {shortest:?}"
            )));
        }
        let reconnect = ReconnectOptions { shortest, longest, stable_after: self.reconnect_stable };
        let redirect =
            RedirectOptions { most_hops: self.redirect_hops, trust_other_hosts: self.redirect_trust };
        Ok(options
            .keep_trying(self.keep_trying)
            .reconnect((!self.no_reconnect).then_some(reconnect))
            .redirect(redirect))
    }
}
