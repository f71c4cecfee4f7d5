//! How reconnecting waits, by name.

use polymqtt::ReconnectOptions;

use super::error::OptionError;
use super::table::{Entry, Set, entry};

pub(super) const TABLE: &[Entry<ReconnectParts>] = &[
    entry(
        "reconnect",
        Set::Off(|parts| ReconnectParts { off: true, ..parts }),
        "Nothing means that a lost connection is not opened again; by default it is.",
    ),
    entry(
        "reconnect.shortest",
        Set::Duration(|parts, shortest| parts.with(|waits| waits.shortest = shortest)),
        "The upper bound of the first wait, in seconds; by default 0.5. Each wait is random, and the bound doubles.",
    ),
    entry(
        "reconnect.longest",
        Set::Duration(|parts, longest| parts.with(|waits| waits.longest = longest)),
        "The upper bound of every wait, in seconds; by default 60.",
    ),
    entry(
        "reconnect.stable_after",
        Set::Duration(|parts, stable_after| parts.with(|waits| waits.stable_after = stable_after)),
        "How many seconds a connection must last before the waits start small again; by default 30.",
    ),
];

/// As given.
#[derive(Default)]
pub(super) struct ReconnectParts {
    off: bool,
    waits: Option<ReconnectOptions>,
}

impl ReconnectParts {
    fn with(mut self, set: impl FnOnce(&mut ReconnectOptions)) -> Self {
        set(self.waits.get_or_insert_default());
        self
    }

    pub(super) fn together(self) -> Result<Option<ReconnectOptions>, OptionError> {
        match (self.off, self.waits) {
            (true, None) => Ok(None),
            (true, Some(_)) => Err(OptionError::invalid("reconnect is off: it has no waits to be told")),
            (false, waits) => Ok(Some(waits.unwrap_or_default())),
        }
    }
}
