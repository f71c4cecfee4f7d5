//! Connections that are closed soon after they were accepted, again and again: mostly two clients with one identifier,
//! each of which ends the other's connection [MQTT-3.1.4-3]. Version 5 says so (0x8E); 3.1.1 does not.

/// So many in a row are told of first; then each time their number has doubled.
const FIRST_TOLD: u32 = 3;

#[derive(Debug)]
pub(super) struct Flapping {
    /// Whether the connection has lasted.
    lasted: bool,
    /// Connections in a row that did not.
    closed_soon: u32,
    tell_at: u32,
}

impl Default for Flapping {
    fn default() -> Self {
        Self { lasted: false, closed_soon: 0, tell_at: FIRST_TOLD }
    }
}

impl Flapping {
    pub(super) fn connected(&mut self) {
        self.lasted = false;
    }

    /// The connection has lasted.
    pub(super) fn settled(&mut self) {
        *self = Self { lasted: true, ..Self::default() };
    }

    /// The connection was lost; how many in a row did not last, if that is to be told.
    pub(super) fn lost(&mut self) -> Option<u32> {
        if self.lasted {
            return None;
        }
        self.closed_soon = self.closed_soon.saturating_add(1);
        if self.closed_soon < self.tell_at {
            return None;
        }
        self.tell_at = self.tell_at.saturating_mul(2);
        Some(self.closed_soon)
    }
}
