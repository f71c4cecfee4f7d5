//! Arguments about what is told on standard error.

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct NoteArgs {
    /// Write every packet and what happens on the connection to standard error, with the seconds since the start;
    /// of passwords and payloads only the lengths
    #[arg(short = 'd', long, conflicts_with = "quiet")]
    pub(crate) debug: bool,

    /// Write nothing to standard error but why the command fails [default: lost connections and dropped messages too]
    #[arg(long)]
    pub(crate) quiet: bool,
}
