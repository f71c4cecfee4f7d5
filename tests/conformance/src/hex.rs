//! Packets written down: `30 _ 0001'a' 00 'x'` is a PUBLISH of `x` to the topic `a`.

use std::fmt::Write as _;

/// The bytes that a text stands for: two hexadecimal digits a byte, `'...'` for ASCII, and `_` for the remaining length
/// of what follows. Spaces are for the reader.
///
/// # Panics
/// When the text is none of that, as a test should.
#[must_use]
#[track_caller]
pub fn bytes(text: &str) -> Vec<u8> {
    if let Some((header, body)) = text.split_once('_') {
        let body = bytes(body);
        return [bytes(header), variable_byte_integer(body.len()), body].concat();
    }
    let mut out = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            out.extend(part.as_bytes());
            continue;
        }
        let digits: Vec<_> = part.chars().filter(|digit| !digit.is_whitespace()).collect();
        out.extend(digits.chunks(2).map(|pair| byte(pair, text)));
    }
    out
}

/// Bytes as text, for failures: each as two digits.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 3), |mut text, byte| {
        let space = if text.is_empty() { "" } else { " " };
        let _infallible = write!(text, "{space}{byte:02x}");
        text
    })
}

#[track_caller]
fn byte(pair: &[char], text: &str) -> u8 {
    let pair: String = pair.iter().collect();
    let byte = u8::from_str_radix(&pair, 16).ok().filter(|_| pair.len() == 2);
    assert!(byte.is_some(), "{pair:?} of {text:?} is no byte");
    byte.unwrap_or_default()
}

/// Section 1.5.5.
fn variable_byte_integer(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = u8::try_from(value % 128).unwrap_or_default();
        value /= 128;
        if value == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_digits_letters_and_a_length() {
        assert_eq!(bytes("30 _ 0001'a' 00 'x'"), [0x30, 5, 0, 1, b'a', 0, b'x']);
        assert_eq!(bytes(&format!("30 _ '{}'", "x".repeat(200)))[..3], [0x30, 0xc8, 0x01]);
        assert_eq!(text(&bytes("20 03 00 00 00")), "20 03 00 00 00");
    }
}
