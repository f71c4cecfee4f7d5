//! What a program's `tracing` subscriber would see of the client.

use std::fmt::{Debug, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// While there is one subscriber only, `tracing` asks that of the thread that meets an event first whether anybody
/// wants it, for all threads and for good; threads of other tests have none. With more it asks each.
static BYSTANDERS: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Dispatch::new(NoSubscriber::new())));

/// Collects everything that is told on this thread, up to a level, as text.
#[derive(Debug, Clone)]
pub struct Collector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    level: Level,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Each with what it was made with and what was recorded later.
    spans: Vec<String>,
    events: Vec<Told>,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its level.
    pub level: Level,
    /// Its target.
    pub target: String,
    /// What it says.
    pub message: String,
    /// Its other fields.
    pub fields: String,
    /// The span that it is told in.
    pub span: String,
}

impl Collector {
    /// Collects until the guard is dropped.
    #[must_use]
    pub fn start(level: Level) -> (Self, DefaultGuard) {
        LazyLock::force(&BYSTANDERS);
        let collector = Self(Arc::new(Inner { level, seen: Mutex::default() }));
        let guard = tracing::subscriber::set_default(collector.clone());
        (collector, guard)
    }

    /// The events with this target so far.
    #[must_use]
    pub fn events(&self, target: &str) -> Vec<Told> {
        let mut events = self.seen(|seen| seen.events.clone());
        events.retain(|event| event.target == target);
        events
    }

    /// All of it as one text.
    #[must_use]
    pub fn everything(&self) -> String {
        self.seen(|seen| format!("{seen:?}"))
    }

    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("polymqtt") && *metadata.level() <= self.0.level
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        self.seen(|seen| {
            seen.spans.push(format!("{}{}", attributes.metadata().name(), fields.others));
            Id::from_u64(seen.spans.len() as u64)
        })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.seen(|seen| {
            if let Some(span) = seen.spans.get_mut(place(span)) {
                span.push_str(&fields.others);
            }
        });
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.seen(|seen| {
            let span = event.parent().and_then(|span| seen.spans.get(place(span)).cloned());
            seen.events.push(Told {
                level: *event.metadata().level(),
                target: event.metadata().target().to_owned(),
                message: fields.message,
                fields: fields.others,
                span: span.unwrap_or_default(),
            });
        });
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

fn place(span: &Id) -> usize {
    usize::try_from(span.into_u64() - 1).unwrap_or(usize::MAX)
}

#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String does not fail.
        let _written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_thread_met_first_is_collected() {
        let (collector, _guard) = Collector::start(Level::TRACE);
        let tell = || tracing::info!(target: "polymqtt", "told");
        std::thread::spawn(tell).join().expect("no panic");
        tell();
        assert_eq!(collector.events("polymqtt").len(), 1);
    }
}
