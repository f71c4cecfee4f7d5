//! Arguments about how the client authenticates.

use clap::{Args, ValueEnum};
use polymqtt::Options;

use crate::exit::Failure;

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct AuthenticationArgs {
    /// Prove user name and password by this method instead of sending them (MQTT 5)
    #[arg(long = "auth", value_name = "METHOD", value_enum)]
    method: Option<Method>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    /// The server, too, has to prove that it knows the password
    #[value(name = "scram-sha-256")]
    ScramSha256,
}

impl AuthenticationArgs {
    /// The options, whose user name and password are complete, with the method.
    pub(crate) fn apply(&self, options: Options) -> Result<Options, Failure> {
        match self.method {
            None => Ok(options),
            Some(Method::ScramSha256) => {
                options.scram_sha256().map_err(|error| Failure::usage(format!("--auth: {error}")))
            }
        }
    }
}
