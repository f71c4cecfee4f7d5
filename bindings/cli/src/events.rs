//! What happens on the connection, told on standard error.

use polymqtt::{Client, Event};

use crate::output::note;

/// Writes the client's events from now on: all of them when debugging, else only that a connection was lost and that
/// it is there again, and what was dropped.
pub(crate) fn report(client: &Client, command: &'static str, debug: bool) {
    let mut events = client.events();
    tokio::spawn(async move {
        let mut lost = false;
        while let Some(event) = events.recv().await {
            let matters = match &event {
                Event::Disconnected { error: Some(_), .. } => !std::mem::replace(&mut lost, true),
                Event::Connected { .. } => std::mem::take(&mut lost),
                Event::Dropped { .. } => true,
                _ => false,
            };
            if debug || matters {
                note(format_args!("polymqtt {command}: {event}"));
            }
        }
    });
}
