//! What `--debug` writes to standard error: the client's packets and events, a line each, as they happen.

use std::fmt::{Debug, Write};
use std::io::{self, IsTerminal};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::output::note;

/// Of the events that are packets.
const PACKETS: &str = "polymqtt::packet";

/// Of the other events.
const CLIENT: &str = "polymqtt";

/// Writes from now on.
pub(crate) fn start() {
    let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = DebugLog { start: Instant::now(), coloured };
    // Refused only where there is one already, which writes the same.
    let _first = tracing::subscriber::set_global_default(log);
}

struct DebugLog {
    start: Instant,
    coloured: bool,
}

impl Subscriber for DebugLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Of the client only: the broker's crate tells of itself too.
        !metadata.is_span() && matches!(metadata.target(), CLIENT | PACKETS)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let text = if event.metadata().target() == PACKETS {
            line.message
        } else {
            format!("-- {}{}", line.message, line.fields)
        };
        let seconds = self.start.elapsed().as_secs_f64();
        if self.coloured {
            note(format_args!("\x1b[2m{seconds:9.3}\x1b[0m {}{text}\x1b[0m", colour(&text)));
        } else {
            note(format_args!("{seconds:9.3} {text}"));
        }
    }

    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// Green out, cyan in, the rest as it is.
fn colour(text: &str) -> &'static str {
    match text.get(..2) {
        Some("->") => "\x1b[32m",
        Some("<-") => "\x1b[36m",
        _ => "",
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String does not fail.
        let _written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
