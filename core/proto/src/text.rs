//! The specification's UTF-8 Encoded String (section 1.5.4).

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// The greatest length of a UTF-8 Encoded String, in bytes.
const MAX_LEN: usize = u16::MAX as usize;

/// A UTF-8 Encoded String (section 1.5.4): well-formed UTF-8 [MQTT-1.5.4-1] without U+0000 [MQTT-1.5.4-2],
/// at most 65,535 bytes long. A byte order mark is a character like any other [MQTT-1.5.4-3].
///
/// Cloning is cheap. A string that was received shares the buffer it came in; see [`Utf8String::detach`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utf8String(ByteString);

impl Utf8String {
    /// A literal. Debug builds refuse one that breaks the type's rules; so does the compiler in a `const`.
    /// In release builds a text that is too long is refused when it is encoded.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        debug_assert!(text.len() <= MAX_LEN, "longer than 65,535 bytes");
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            debug_assert!(*first != 0, "holds U+0000");
            rest = tail;
        }
        Self(ByteString::from_static(text))
    }

    /// The text of received bytes whose length came from two bytes, and in which no U+0000 was found.
    #[inline]
    pub(crate) fn without_null(bytes: Bytes) -> Result<Self, TextError> {
        ByteString::try_from(bytes).map(Self).map_err(|_invalid| TextError::NotUtf8)
    }

    /// The text.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's bytes.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text's bytes as a shared buffer, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// A copy that shares no buffer with its source, to be kept for long.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(ByteString::from(self.as_str()))
    }
}

#[inline]
fn check(bytes: &[u8]) -> Result<(), TextError> {
    if bytes.len() > MAX_LEN {
        return Err(TextError::TooLong { len: bytes.len() });
    }
    if bytes.contains(&0) {
        return Err(TextError::Null);
    }
    Ok(())
}

impl TryFrom<&str> for Utf8String {
    type Error = TextError;

    fn try_from(text: &str) -> Result<Self, TextError> {
        check(text.as_bytes())?;
        Ok(Self(ByteString::from(text)))
    }
}

impl TryFrom<String> for Utf8String {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        check(text.as_bytes())?;
        Ok(Self(ByteString::from(text)))
    }
}

impl TryFrom<Bytes> for Utf8String {
    type Error = TextError;

    #[inline]
    fn try_from(bytes: Bytes) -> Result<Self, TextError> {
        check(&bytes)?;
        Self::without_null(bytes)
    }
}

impl Deref for Utf8String {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8String {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

// `Hash`, `Eq` and `Ord` are those of the text, as this asks for.
impl Borrow<str> for Utf8String {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Utf8String {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Utf8String {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Utf8String {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Utf8String {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text or bytes are no [`Utf8String`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is too long for its two length bytes.
    #[error("{len} bytes long, at most 65,535 are possible")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It holds U+0000 [MQTT-1.5.4-2].
    #[error("holds the character U+0000")]
    Null,
    /// It is not well-formed UTF-8 [MQTT-1.5.4-1].
    #[error("not well-formed UTF-8")]
    NotUtf8,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_rules_of_section_1_5_4() {
        assert_eq!(Utf8String::try_from("a\0b"), Err(TextError::Null));
        assert_eq!(Utf8String::try_from("x".repeat(65_536)), Err(TextError::TooLong { len: 65_536 }));
        assert_eq!(Utf8String::try_from("x".repeat(65_535)).unwrap().len(), 65_535);
        // A surrogate, an overlong form, a cut sequence [MQTT-1.5.4-1].
        for bad in [&b"\xed\xa0\x80"[..], b"\xc0\x80", b"\xe2\x82"] {
            assert_eq!(Utf8String::try_from(Bytes::copy_from_slice(bad)), Err(TextError::NotUtf8));
        }
    }

    #[test]
    fn a_byte_order_mark_stays() {
        let text = Utf8String::try_from(Bytes::from_static(b"\xef\xbb\xbfa")).unwrap();
        assert_eq!(text, "\u{feff}a");
    }

    #[test]
    fn is_found_by_text_in_a_set() {
        let set = HashSet::from([Utf8String::from_static("key")]);
        assert!(set.contains("key"));
    }

    #[test]
    fn detach_shares_nothing() {
        let buffer = Bytes::from(b"shared".to_vec());
        let text = Utf8String::try_from(buffer.clone()).unwrap();
        let copy = text.detach();
        assert_eq!(copy, text);
        drop(text);
        assert!(buffer.try_into_mut().is_ok());
        assert_eq!(copy, "shared");
    }
}
