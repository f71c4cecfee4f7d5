//! Keeps secrets out of logs.

use std::fmt;

/// Shows that there is a secret, not which.
pub(super) struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
