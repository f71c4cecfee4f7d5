//! What happens on the connection, told on standard error to those who did not ask for all of it.

use polymqtt::{Client, Event};

use crate::notes::NoteArgs;
use crate::output::note;

/// Writes from now on that a connection was lost, that it is there again, and what was dropped; nothing where that is
/// not wanted, or [`debug_log`](crate::debug_log) writes it.
pub(crate) fn report(client: &Client, command: &'static str, notes: &NoteArgs) {
    if notes.debug || notes.quiet {
        return;
    }
    let mut events = client.events();
    tokio::spawn(async move {
        let mut lost = false;
        while let Some(event) = events.recv().await {
            let matters = match &event {
                Event::Disconnected { error: Some(_), .. } => !std::mem::replace(&mut lost, true),
                Event::Connected { .. } => std::mem::take(&mut lost),
                Event::Dropped { .. } | Event::Flapping { .. } | Event::ReauthenticationFailed { .. } => true,
                _ => false,
            };
            if matters {
                note(format_args!("polymqtt {command}: {event}"));
            }
        }
    });
}
