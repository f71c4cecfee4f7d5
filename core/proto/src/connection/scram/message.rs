//! The server's messages of SCRAM, read strictly by the grammar of RFC 5802, section 7.

use base64::Engine as _;
use bytes::Bytes;

use super::{BASE64, REFUSED, malformed};
use crate::error::{Error, ErrorKind};

/// `r=nonce,s=salt,i=iterations`, then extensions.
#[derive(Debug)]
pub(super) struct ServerFirst<'a> {
    /// The whole.
    pub(super) text: &'a str,
    /// The client's and the server's.
    pub(super) nonce: &'a str,
    pub(super) salt: Bytes,
    pub(super) iterations: u32,
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Error> {
        let mut attributes = Attributes::of(message)?;
        let text = attributes.0;
        if text.starts_with("m=") {
            let what = "SCRAM: the server needs an extension that this client does not know";
            return Err(Error::new(ErrorKind::Unsupported, what).with_reason_code(REFUSED));
        }
        let nonce = attributes.expect("r=", "a nonce")?;
        if !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed("the server's nonce has characters that are not printable"));
        }
        let salt = base64(attributes.expect("s=", "a salt")?, "salt")?;
        let iterations = count(attributes.expect("i=", "a count of iterations")?)?;
        attributes.rest_are_extensions()?;
        Ok(Self { text, nonce, salt: salt.into(), iterations })
    }
}

/// `e=error` or `v=signature`, then extensions.
#[derive(Debug)]
pub(super) enum ServerFinal<'a> {
    Error(&'a str),
    Verifier(Vec<u8>),
}

impl<'a> ServerFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Error> {
        let mut attributes = Attributes::of(message)?;
        let it = if attributes.0.starts_with("e=") {
            Self::Error(attributes.expect("e=", "an error")?)
        } else {
            Self::Verifier(base64(attributes.expect("v=", "a signature")?, "signature")?)
        };
        attributes.rest_are_extensions()?;
        Ok(it)
    }
}

/// What is left of a message: attributes between commas.
struct Attributes<'a>(&'a str);

impl<'a> Attributes<'a> {
    fn of(message: &'a [u8]) -> Result<Self, Error> {
        match std::str::from_utf8(message) {
            Ok(text) if !text.contains('\0') => Ok(Self(text)),
            Ok(_) | Err(_) => Err(malformed("the server's message is not UTF-8, or has a null character")),
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let (attribute, rest) = match self.0.split_once(',') {
            // A comma at the end has an attribute behind it, which is empty: no attribute is.
            Some((attribute, "")) => (attribute, ","),
            Some(parts) => parts,
            None => (self.0, ""),
        };
        self.0 = rest;
        Some(attribute)
    }

    /// The value of the next attribute, which must have this name.
    fn expect(&mut self, name: &str, what: &str) -> Result<&'a str, Error> {
        let value = self.next().and_then(|attribute| attribute.strip_prefix(name));
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| malformed(&format!("the server's message lacks {what} where it must be")))
    }

    /// What else there is may be ignored, but must be well-formed.
    fn rest_are_extensions(&mut self) -> Result<(), Error> {
        while let Some(attribute) = self.next() {
            match attribute.as_bytes() {
                [name, b'=', _value, ..] if name.is_ascii_alphabetic() && *name != b'm' => {}
                _ => return Err(malformed("the server's message has an extension that can't be read")),
            }
        }
        Ok(())
    }
}

fn base64(text: &str, what: &str) -> Result<Vec<u8>, Error> {
    BASE64.decode(text).map_err(|error| malformed(&format!("the server's {what} is not base64: {error}")))
}

/// Digits without a sign or a zero in front. What does not fit is beyond every bound anyway.
fn count(text: &str) -> Result<u32, Error> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if !is_number {
        return Err(malformed("the server's count of iterations is not a positive number"));
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}
