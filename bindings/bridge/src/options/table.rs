//! Tables of options: the one line that describes an option also sets it.

use std::time::Duration;

use bytes::Bytes;
use polymqtt::{Error, ErrorKind, Pem, QoS, UserProperties, Utf8String};

use super::description::{Description, Kind};
use super::error::OptionError;
use super::value::Value;

/// An option of what is described by `T`.
pub(super) struct Entry<T: 'static> {
    name: &'static str,
    set: Set<T>,
    meaning: &'static str,
}

/// How a value is set, which says what it may be.
pub(super) enum Set<T: 'static> {
    Flag(fn(T, bool) -> T),
    U16(fn(T, u16) -> T),
    U32(fn(T, u32) -> T),
    Size(fn(T, usize) -> T),
    QoS(fn(T, QoS) -> T),
    Duration(fn(T, Duration) -> T),
    /// [`Duration::MAX`] is endless.
    Endless(fn(T, Duration) -> T),
    Text(fn(T, String) -> T),
    /// Text that goes into a packet as it is.
    Utf8(fn(T, Utf8String) -> T),
    Bytes(fn(T, Bytes) -> T),
    Choice(&'static [Choice<T>]),
    Texts(fn(T, Vec<String>) -> T),
    Pairs(fn(T, Vec<(String, String)>) -> T),
    UserProperties(fn(T, UserProperties) -> T),
    Pem(fn(T, Pem) -> T),
    Off(fn(T) -> T),
}

/// What is said, and how it is set.
type Choice<T> = (&'static str, fn(T) -> T);

pub(super) const fn entry<T>(name: &'static str, set: Set<T>, meaning: &'static str) -> Entry<T> {
    Entry { name, set, meaning }
}

pub(super) fn find<T>(table: &'static [Entry<T>], name: &str) -> Option<&'static Entry<T>> {
    table.iter().find(|entry| entry.name == name)
}

pub(super) fn describe<T>(table: &'static [Entry<T>]) -> impl Iterator<Item = Description> {
    table.iter().map(|entry| Description { name: entry.name, kind: entry.set.kind(), meaning: entry.meaning })
}

/// That there is no option of this name, and which one may be meant.
pub(super) fn unknown(name: &str, known: impl Iterator<Item = Description>) -> OptionError {
    let name = shortened(name).escape_debug().to_string();
    let near = known
        .map(|option| (strsim::osa_distance(&name, option.name), option.name))
        .filter(|(distance, option)| *distance <= option.len() / 3)
        .min();
    OptionError::invalid(match near {
        Some((_, option)) => format!("there is no option `{name}`; did you mean `{option}`?"),
        None => format!("there is no option `{name}`"),
    })
}

/// Text that a caller gave, no longer than a line and a look at all names take: longer than any that is right.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// What is wrong with the value of an option, of whatever name.
enum Wrong {
    Type,
    /// What it is.
    Value(String),
    Error(Error),
}

impl<T> Entry<T> {
    pub(super) fn set(&self, target: T, value: Value) -> Result<T, OptionError> {
        let given = value.kind();
        self.set.set(target, value).map_err(|wrong| match wrong {
            Wrong::Type => {
                OptionError::WrongType(format!("{} must be {}, not {given}", self.name, self.set.kind()))
            }
            Wrong::Value(value) => {
                OptionError::invalid(format!("{} is {value}: it must be {}", self.name, self.set.kind()))
            }
            Wrong::Error(error) => Error::new(error.kind(), format!("{}: {error}", self.name)).into(),
        })
    }
}

impl<T> Set<T> {
    fn kind(&self) -> Kind {
        match self {
            Self::Flag(_) => Kind::Flag,
            Self::U16(_) => Kind::Integer { most: u16::MAX.into() },
            Self::U32(_) => Kind::Integer { most: u32::MAX.into() },
            Self::Size(_) => Kind::Integer { most: u64::MAX },
            Self::QoS(_) => Kind::Integer { most: 2 },
            Self::Duration(_) => Kind::Duration { endless: false },
            Self::Endless(_) => Kind::Duration { endless: true },
            Self::Text(_) | Self::Utf8(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::Choice(choices) => Kind::Choice(choices.iter().map(|(name, _)| *name).collect()),
            Self::Texts(_) => Kind::Texts,
            Self::Pairs(_) | Self::UserProperties(_) => Kind::Pairs,
            Self::Pem(_) => Kind::Pem,
            Self::Off(_) => Kind::Off,
        }
    }

    fn set(&self, target: T, value: Value) -> Result<T, Wrong> {
        Ok(match (self, value) {
            (Self::Flag(set), Value::Bool(flag)) => set(target, flag),
            (Self::U16(set), value) => set(target, integer(&value)?),
            (Self::U32(set), value) => set(target, integer(&value)?),
            (Self::Size(set), value) => set(target, integer(&value)?),
            (Self::QoS(set), value) => set(target, quality(&value)?),
            (Self::Duration(set), value) => match duration(&value)? {
                Duration::MAX => return Err(Wrong::Value("endless".to_owned())),
                duration => set(target, duration),
            },
            (Self::Endless(set), value) => set(target, duration(&value)?),
            (Self::Text(set), Value::Text(text)) => set(target, text),
            (Self::Utf8(set), Value::Text(text)) => set(target, utf8(text)?),
            (Self::Bytes(set), Value::Bytes(bytes)) => set(target, bytes),
            (Self::Bytes(set), Value::Text(text)) => set(target, text.into()),
            (Self::Choice(choices), Value::Text(text)) => choose(choices, &text)?(target),
            (Self::Texts(set), Value::Texts(texts)) => set(target, texts),
            (Self::Pairs(set), Value::Pairs(pairs)) => set(target, pairs),
            (Self::UserProperties(set), Value::Pairs(pairs)) => set(target, user_properties(pairs)?),
            // An empty list does not tell what of.
            (Self::Texts(set), Value::Pairs(none)) if none.is_empty() => set(target, Vec::new()),
            (Self::Pairs(set), Value::Texts(none)) if none.is_empty() => set(target, Vec::new()),
            (Self::UserProperties(set), Value::Texts(none)) if none.is_empty() => set(target, Vec::new()),
            (Self::Pem(set), Value::Bytes(pem)) => set(target, Pem::Bytes(pem.into())),
            (Self::Pem(set), Value::Text(text)) => set(target, pem(text)),
            (Self::Off(set), Value::Null) => set(target),
            _ => return Err(Wrong::Type),
        })
    }
}

fn integer<N: TryFrom<i64>>(value: &Value) -> Result<N, Wrong> {
    match value {
        Value::Integer(number) => N::try_from(*number).map_err(|_unfit| Wrong::Value(number.to_string())),
        _ => Err(Wrong::Type),
    }
}

fn quality(value: &Value) -> Result<QoS, Wrong> {
    let number: u8 = integer(value)?;
    QoS::try_from(number).map_err(|_unfit| Wrong::Value(number.to_string()))
}

/// Infinity, which [`Duration::MAX`] stands for, is allowed by whoever asks.
fn duration(value: &Value) -> Result<Duration, Wrong> {
    match value {
        Value::Duration(duration) => Ok(*duration),
        Value::Integer(seconds) => u64::try_from(*seconds)
            .map(Duration::from_secs)
            .map_err(|_unfit| Wrong::Value(format!("{seconds} seconds"))),
        Value::Number(f64::INFINITY) => Ok(Duration::MAX),
        Value::Number(seconds) => {
            Duration::try_from_secs_f64(*seconds).map_err(|_unfit| Wrong::Value(format!("{seconds} seconds")))
        }
        _ => Err(Wrong::Type),
    }
}

fn choose<T>(choices: &[Choice<T>], text: &str) -> Result<fn(T) -> T, Wrong> {
    let chosen = choices.iter().find(|(name, _)| *name == text);
    chosen.map(|(_, set)| *set).ok_or_else(|| Wrong::Value(format!("{:?}", shortened(text))))
}

fn utf8(text: String) -> Result<Utf8String, Wrong> {
    Utf8String::try_from(text)
        .map_err(|error| Wrong::Error(Error::new(ErrorKind::InvalidOption, error.to_string())))
}

fn user_properties(pairs: Vec<(String, String)>) -> Result<UserProperties, Wrong> {
    pairs.into_iter().map(|(name, value)| Ok((utf8(name)?, utf8(value)?))).collect()
}

fn pem(text: String) -> Pem {
    if text.trim_start().starts_with("-----BEGIN") {
        return Pem::Bytes(text.into_bytes());
    }
    Pem::File(text.into())
}
