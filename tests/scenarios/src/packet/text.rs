//! Bytes and codes as scenarios write them.

use polymqtt_proto::reason::ReasonCode;
use serde_json::Value;

/// Bytes as text, or where they are none as `hex:` and digits.
pub(crate) fn text_of(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Value::from(format!("hex:{digits}"))
        }
    }
}

/// The bytes that a value stands for.
pub(crate) fn bytes_of(value: &Value) -> Result<Vec<u8>, String> {
    let Some(text) = value.as_str() else {
        return Ok(value.to_string().into_bytes());
    };
    let Some(digits) = text.strip_prefix("hex:") else {
        return Ok(text.as_bytes().to_vec());
    };
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16);
    pairs.map(byte).collect::<Result<_, _>>().map_err(|error| format!("{text:?}: {error}"))
}

/// The reason code of a number.
pub(crate) fn code_of(value: &Value) -> Result<ReasonCode, String> {
    let code = value.as_u64().and_then(|number| u8::try_from(number).ok());
    let code = code.ok_or_else(|| format!("{value} is no reason code"))?;
    ReasonCode::try_from(code).map_err(|error| error.to_string())
}
