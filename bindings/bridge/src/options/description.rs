//! What an option is, for those who list them.

use std::fmt;

/// An option: a binding's signatures, stubs and documents are checked against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name; one that belongs to a group is `group.name`.
    pub name: &'static str,
    /// What may be given for it.
    pub kind: Kind,
    /// What it does, in one sentence with its unit and its default.
    pub meaning: &'static str,
}

/// What may be given for an option. Shown, it says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A truth value.
    Flag,
    /// A whole number from 0 to this one. The engine may allow fewer.
    Integer {
        /// The greatest that fits.
        most: u64,
    },
    /// Seconds, or a duration.
    Duration {
        /// Whether it may be endless: infinity, or the longest duration there is.
        endless: bool,
    },
    /// Text.
    Text,
    /// Bytes, or text as UTF-8.
    Bytes,
    /// One of these texts.
    Choice(Vec<&'static str>),
    /// A list of texts.
    Texts,
    /// Pairs of texts.
    Pairs,
    /// PEM: bytes, text that begins with `-----BEGIN`, or else the path of a file.
    Pem,
    /// Nothing but nothing, which switches something off.
    Off,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            // No language counts as far.
            Self::Integer { most } if *most > i64::MAX.unsigned_abs() => f.write_str("a whole number from 0"),
            Self::Integer { most } => write!(f, "a whole number from 0 to {most}"),
            Self::Duration { endless: false } => f.write_str("a duration: 0 or more seconds"),
            Self::Duration { endless: true } => f.write_str("a duration: 0 or more seconds, or infinity"),
            Self::Text => f.write_str("text"),
            Self::Bytes => f.write_str("bytes or text"),
            Self::Choice(names) => {
                for (index, name) in names.iter().enumerate() {
                    let separator = match index {
                        0 => "",
                        _ if index + 1 == names.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{separator}{name:?}")?;
                }
                Ok(())
            }
            Self::Texts => f.write_str("a list of texts"),
            Self::Pairs => f.write_str("pairs of texts"),
            Self::Pem => f.write_str("PEM bytes or text, or the path of a file"),
            Self::Off => f.write_str("nothing at all, which switches it off"),
        }
    }
}
