//! Whether what came is what a scenario says.

use serde_json::{Map, Value};

/// What is said of each field must hold; fields that are not spoken of may be anything.
///
/// # Errors
/// The first field that is otherwise.
pub(crate) fn compare(said: &Map<String, Value>, came: &Map<String, Value>) -> Result<(), String> {
    for (name, said) in said {
        let came = came.get(name).unwrap_or(&Value::Null);
        if let (Value::Object(said), Value::Object(came)) = (said, came) {
            compare(said, came).map_err(|error| format!("{name}.{error}"))?;
        } else if !holds(said, came) {
            return Err(format!("{name} is {}, not {}", short(came), short(said)));
        }
    }
    Ok(())
}

fn holds(said: &Value, came: &Value) -> bool {
    match (said, came) {
        (Value::String(said), came) if said == "any" => !came.is_null(),
        (Value::Null, came) => is_nothing(came),
        (Value::Array(said), Value::Array(came)) => {
            said.len() == came.len() && said.iter().zip(came).all(|(said, came)| holds(said, came))
        }
        (Value::Array(said), came) => matches!(said.as_slice(), [said] if holds(said, came)),
        (said, Value::Array(came)) => matches!(came.as_slice(), [came] if holds(said, came)),
        (Value::String(said), Value::Number(came)) if said.contains("..") => {
            let bounds =
                said.split_once("..").and_then(|(least, most)| Some((number(least)?, number(most)?)));
            let came = came.as_f64();
            bounds.zip(came).is_some_and(|((least, most), came)| (least..=most).contains(&came))
        }
        (Value::Number(said), Value::Number(came)) => said.as_f64() == came.as_f64(),
        (said, came) => text(said) == text(came),
    }
}

fn number(text: &str) -> Option<f64> {
    crate::words::seconds(text).or_else(|| text.parse().ok())
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// As it is shown in a failure: a payload of a megabyte is not.
fn short(value: &Value) -> String {
    let shown = value.to_string();
    match shown.char_indices().nth(200) {
        Some((at, _)) => format!("{}... ({} bytes)", shown.get(..at).unwrap_or_default(), shown.len()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds() {
        for (said, came) in [
            (json!(1), json!(1)),
            (json!("5"), json!(5)),
            (json!(null), json!([])),
            (json!("a"), json!(["a"])),
            (json!("any"), json!("x")),
            (json!("2..4"), json!(3)),
            (json!("0..100ms"), json!(0.05)),
            (json!(["a", 1]), json!(["a", "1"])),
        ] {
            assert!(holds(&said, &came), "{said} {came}");
        }
        for (said, came) in [
            (json!(1), json!(2)),
            (json!(null), json!(0)),
            (json!("any"), json!(null)),
            (json!("2..4"), json!(5)),
            (json!("a"), json!(["a", "b"])),
            (json!(["a"]), json!([])),
        ] {
            assert!(!holds(&said, &came), "{said} {came}");
        }
    }
}
