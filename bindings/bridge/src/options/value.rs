//! What a program can give for an option, in any language.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// A value as a language has it. Its `Debug` tells what it is, not what it holds: it may be a secret.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing: `None`, `null`, `nil`. A binding leaves out what was not given; this was.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number. A language with one kind of number gives those without a fraction so.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
    /// A list of texts.
    Texts(Vec<String>),
    /// Pairs of texts, in order.
    Pairs(Vec<(String, String)>),
    /// A duration, where the language has a type for it; [`Duration::MAX`] is endless.
    Duration(Duration),
}

impl Value {
    /// What it is, for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Texts(_) => "a list of texts",
            Self::Pairs(_) => "pairs of texts",
            Self::Duration(_) => "a duration",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.kind())
    }
}
