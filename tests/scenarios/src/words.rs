//! A line of a scenario as words: positional ones and named ones, with their values.

use serde_json::{Map, Number, Value};

/// A word: `a`, `"two words"`, `[a b]`, or the same behind a name and `=`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) name: Option<String>,
    pub(crate) value: Value,
}

/// The words of a line that follow its keywords: those without a name, in order, and those with one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Without a name.
    pub positional: Vec<Value>,
    /// By their names; `will.topic=a` is `{"will": {"topic": "a"}}`.
    pub named: Map<String, Value>,
}

/// Splits a line.
pub(crate) fn split(line: &str) -> Result<Vec<Word>, String> {
    let mut rest = line.trim_start();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let name_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
        let name = match name_end.map(|end| rest.split_at(end)) {
            Some((name, behind)) if behind.starts_with('=') && !name.is_empty() => {
                rest = behind.get(1..).unwrap_or_default();
                Some(name.to_owned())
            }
            _ => None,
        };
        let (value, behind) = value(rest)?;
        words.push(Word { name, value });
        rest = behind.trim_start();
    }
    Ok(words)
}

/// The value at the front, and what is behind it.
fn value(text: &str) -> Result<(Value, &str), String> {
    if let Some(list) = text.strip_prefix('[') {
        let mut values = Vec::new();
        let mut rest = list.trim_start();
        loop {
            if let Some(behind) = rest.strip_prefix(']') {
                return Ok((Value::Array(values), behind));
            }
            if rest.is_empty() {
                return Err("a list without its ]".to_owned());
            }
            let (value, behind) = value(rest)?;
            values.push(value);
            rest = behind.trim_start();
        }
    }
    if let Some(quoted) = text.strip_prefix('"') {
        return self::quoted(quoted);
    }
    let end = text.find(|c: char| c.is_whitespace() || c == ']').unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    Ok((bare(word), behind))
}

/// Text in quotes; `"x"*1000` is a thousand of it.
fn quoted(text: &str) -> Result<(Value, &str), String> {
    let mut content = String::new();
    let mut characters = text.char_indices();
    let end = loop {
        match characters.next() {
            None => return Err("a text without its closing quote".to_owned()),
            Some((index, '"')) => break index + 1,
            Some((_, '\\')) => match characters.next() {
                Some((_, 'n')) => content.push('\n'),
                Some((_, '0')) => content.push('\0'),
                Some((_, other)) => content.push(other),
                None => return Err("nothing behind a backslash".to_owned()),
            },
            Some((_, other)) => content.push(other),
        }
    };
    let behind = text.get(end..).unwrap_or_default();
    let Some(times) = behind.strip_prefix('*') else {
        return Ok((Value::String(content), behind));
    };
    let digits = times.find(|c: char| !c.is_ascii_digit()).unwrap_or(times.len());
    let (times, behind) = times.split_at(digits);
    let times: usize = times.parse().map_err(|error| format!("\"...\"*{times}: {error}"))?;
    Ok((Value::String(content.repeat(times)), behind))
}

/// A word without quotes: a number, a duration in seconds, a truth value, nothing at all, or text.
fn bare(word: &str) -> Value {
    match word {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        "none" => return Value::Null,
        _ => {}
    }
    if let Some(number) = word.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
        return Value::from(number);
    }
    if let Ok(number) = word.parse::<u64>() {
        return Value::from(number);
    }
    match seconds(word) {
        Some(seconds) => Number::from_f64(seconds).map_or(Value::Null, Value::Number),
        None => Value::String(word.to_owned()),
    }
}

/// `100ms`, `2s`, `5min`, in seconds.
pub(crate) fn seconds(word: &str) -> Option<f64> {
    let units = [("ms", 0.001), ("min", 60.0), ("s", 1.0)];
    let (number, unit) =
        units.iter().find_map(|(name, unit)| word.strip_suffix(name).map(|number| (number, unit)))?;
    number.parse::<u32>().ok().map(|number| f64::from(number) * unit)
}

impl Words {
    /// Sorts words by whether they have a name.
    pub(crate) fn new(words: impl IntoIterator<Item = Word>) -> Result<Self, String> {
        let mut sorted = Self::default();
        for Word { name, value } in words {
            match name {
                None => sorted.positional.push(value),
                Some(name) => insert(&mut sorted.named, &name, value)?,
            }
        }
        Ok(sorted)
    }
}

fn insert(map: &mut Map<String, Value>, name: &str, value: Value) -> Result<(), String> {
    let twice = || format!("{name} is given twice");
    if let Some((outer, inner)) = name.split_once('.') {
        let entry = map.entry(outer).or_insert_with(|| Value::Object(Map::new()));
        return insert(entry.as_object_mut().ok_or_else(twice)?, inner, value);
    }
    match map.insert(name.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(twice()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(line: &str) -> Words {
        Words::new(split(line).unwrap()).unwrap()
    }

    #[test]
    fn values() {
        let read = words(r#"a "b c" [d "e f" 0x10] 7 "x"*3 a=b"#);
        assert_eq!(
            read.positional,
            [json!("a"), json!("b c"), json!(["d", "e f", 16]), json!(7), json!("xxx")]
        );
        let read =
            words(r#"qos=1 timeout=100ms keep=true gone=none will.topic=a/b will.qos=2 empty="" t="a\"b\n""#);
        let expected = json!({
            "qos": 1, "timeout": 0.1, "keep": true, "gone": null, "will": {"topic": "a/b", "qos": 2}, "empty": "",
            "t": "a\"b\n"
        });
        assert_eq!(Value::Object(read.named), expected);
        assert_eq!(words("mqtt://{a}?b=c sensors/+/1 $share/g/#").positional.len(), 3);
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for line in ["\"a", "[a", "\"a\\", "a=1 a=2", "a=1 a.b=2"] {
            assert!(split(line).and_then(Words::new).is_err(), "{line}");
        }
    }
}
