use std::borrow::Cow;
use std::fmt;

use crate::encode::json::{self, StringError};

/// The most UTF-16 code units of a text (API guide; the unit is the one of its single-SMS API, where a
/// character outside the BMP counts as two).
pub const MAX_TEXT_UNITS: usize = 1_000;

/// A message text that the API takes, and somebody can read: neither empty nor blank, that is nothing but white space, and
/// at most [`MAX_TEXT_UNITS`] UTF-16 code units.
///
/// It is either plain text, which is escaped as it is written, or the content of a JSON string, which
/// was checked and is copied as it stands. Texts that read the same are equal, however they are held. `Debug` shows
/// its length only.
#[derive(Clone)]
pub struct Text<'a> {
    content: Cow<'a, str>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
}

impl<'a> Text<'a> {
    /// A plain text.
    ///
    /// ```
    /// use batchcast::{Text, TextError};
    ///
    /// assert!(Text::new("Hello \"Bob\" 👋").is_ok());
    /// assert_eq!(Text::new("👋".repeat(501)), Err(TextError::TooLong { units: 1_002 }));
    /// ```
    ///
    /// # Errors
    /// If it is blank or too long.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, TextError> {
        let content = text.into();
        if is_blank(&content) {
            return Err(TextError::Empty);
        }
        // A code unit takes at least one byte in UTF-8: most texts need no counting.
        if content.len() > MAX_TEXT_UNITS {
            limit(json::utf16_len(&content))?;
        }
        Ok(Self {
            content,
            form: Form::Plain,
        })
    }

    /// The content of a JSON string: what stands between its quotes, escapes and all.
    ///
    /// ```
    /// use batchcast::Text;
    ///
    /// assert!(Text::from_json(r#"Hello \"Bob\" \ud83d\udc4b"#).is_ok());
    /// assert!(Text::from_json(r#"Hello "Bob""#).is_err());
    /// ```
    ///
    /// # Errors
    /// If it is not the content of a JSON string by RFC 8259, has half a surrogate pair, is blank or too long.
    pub fn from_json(content: impl Into<Cow<'a, str>>) -> Result<Self, TextError> {
        let content = content.into();
        json::check_string(&content)?;
        Self::from_checked_json(content)
    }

    /// The same for a content that [`json::check_string`] or the like has seen.
    #[inline]
    pub(crate) fn from_checked_json(content: impl Into<Cow<'a, str>>) -> Result<Self, TextError> {
        let content = content.into();
        if is_blank_json(&content) {
            return Err(TextError::Empty);
        }
        if content.len() > MAX_TEXT_UNITS {
            limit(json::utf16_len_of_escaped(&content))?;
        }
        Ok(Self {
            content,
            form: Form::Json,
        })
    }

    /// A plain text that [`new`](Self::new) has taken before.
    #[inline]
    pub(crate) const fn known(text: &'a str) -> Self {
        Self {
            content: Cow::Borrowed(text),
            form: Form::Plain,
        }
    }

    /// A content that [`from_checked_json`](Self::from_checked_json) has taken before.
    #[inline]
    pub(crate) const fn known_json(content: &'a str) -> Self {
        Self {
            content: Cow::Borrowed(content),
            form: Form::Json,
        }
    }

    /// A record's own text, in a content that was checked: in a blank one there is none.
    #[inline]
    pub(crate) fn own_of_checked_json(content: &'a str) -> Result<Option<Self>, TextError> {
        match Self::from_checked_json(content) {
            Err(TextError::Empty) => Ok(None),
            text => text.map(Some),
        }
    }

    /// The text itself, decoded if it is held as JSON.
    #[must_use]
    pub fn to_plain(&self) -> Cow<'_, str> {
        match self.form {
            Form::Plain => Cow::Borrowed(&self.content),
            Form::Json => json::unescape(&self.content),
        }
    }

    /// What the encoder writes.
    #[inline]
    pub(crate) fn content(&self) -> Content<'_> {
        Content {
            text: &self.content,
            form: self.form,
        }
    }

    /// The same text, owning its content.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text {
            content: Cow::Owned(self.content.into_owned()),
            form: self.form,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        // Without a backslash the content of a JSON string is what it says.
        let may_differ = |text: &Self| text.form == Form::Json && text.content.contains('\\');
        if may_differ(self) || may_differ(other) {
            (self.form == other.form && self.content == other.content)
                || self.to_plain() == other.to_plain()
        } else {
            self.content == other.content
        }
    }
}

impl Eq for Text<'_> {}

/// The content of a text, lent: two words and a bit that stay in registers, where a reference to the text
/// would have it put into memory first.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    text: &'a str,
    form: Form,
}

impl<'a> Content<'a> {
    /// A plain text, which need not be one that the API takes.
    pub(crate) const fn plain(text: &'a str) -> Self {
        let form = Form::Plain;
        Self { text, form }
    }

    /// The text as it is held.
    pub(crate) const fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether it is held as the content of a JSON string.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self.form, Form::Json)
    }

    /// Writes it as the content of a JSON string.
    #[inline]
    pub(crate) fn write_json(self, out: &mut Vec<u8>) {
        match self.form {
            Form::Plain => json::escape(out, self.text),
            Form::Json => out.extend_from_slice(self.text.as_bytes()),
        }
    }

    /// Whether it is the text that is `plain`, or `json` as the content of a JSON string. One that is escaped
    /// otherwise is another.
    pub(crate) fn is(self, plain: &str, json: &str) -> bool {
        match self.form {
            Form::Plain => self.text == plain,
            Form::Json => self.text == json,
        }
    }
}

fn limit(units: usize) -> Result<(), TextError> {
    if units > MAX_TEXT_UNITS {
        return Err(TextError::TooLong { units });
    }
    Ok(())
}

/// Whether a text is empty, or nothing but white space.
#[inline]
fn is_blank(text: &str) -> bool {
    match text.as_bytes().first() {
        None => true,
        // Nearly all texts need no closer look.
        Some(b'!'..=b'~') => false,
        Some(_) => is_white_space(text),
    }
}

/// Whether the content of a JSON string is empty, or nothing but white space.
#[inline]
pub(crate) fn is_blank_json(content: &str) -> bool {
    match content.as_bytes().first() {
        None => true,
        Some(b'!'..=b'[' | b']'..=b'~') => false,
        Some(_) => is_escaped_white_space(content),
    }
}

// A call, so that those who ask stay small.
#[inline(never)]
fn is_white_space(text: &str) -> bool {
    begins_white_space(text.as_bytes()) && text.trim_start().is_empty()
}

/// The same of the content of a JSON string.
#[inline(never)]
fn is_escaped_white_space(content: &str) -> bool {
    let bytes = content.as_bytes();
    (bytes.first() == Some(&b'\\') || begins_white_space(bytes)) && is_all_white_space(content)
}

/// Whether white space may begin with these bytes of UTF-8.
#[inline]
const fn begins_white_space(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b'\t'..=b'\r' | b' ', ..]
            | [0xc2, 0x85 | 0xa0, ..]
            | [0xe1, 0x9a, ..]
            | [0xe2, 0x80 | 0x81, ..]
            | [0xe3, 0x80, ..]
    )
}

/// Character by character, with escapes.
#[cold]
fn is_all_white_space(content: &str) -> bool {
    let mut rest = content;
    loop {
        rest = rest.trim_start();
        let Some(escape) = rest.strip_prefix('\\') else {
            return rest.is_empty();
        };
        rest = match escape.as_bytes() {
            [b't' | b'n' | b'f' | b'r', ..] => &escape[1..],
            [b'u', ..] => {
                let digits = escape.get(1..5).unwrap_or_default();
                let char = u32::from_str_radix(digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                if !char.is_some_and(char::is_whitespace) {
                    return false;
                }
                &escape[5..]
            }
            _ => return false,
        };
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({:?}, {} bytes)", self.form, self.content.len())
    }
}

/// Why something is not a text that the API takes. It never holds the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is nothing, or nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// More than [`MAX_TEXT_UNITS`] UTF-16 code units.
    #[error("the text has {units} UTF-16 code units, over the API's limit of {MAX_TEXT_UNITS}")]
    TooLong {
        /// Its length in UTF-16 code units.
        units: usize,
    },
    /// It is not the content of a JSON string.
    #[error("the text is not a JSON string: {0}")]
    Json(#[from] StringError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_1000_code_units() {
        assert_eq!(MAX_TEXT_UNITS, 1_000);
        for unit in ["a", "é", "€", "\u{7}"] {
            assert!(Text::new(unit.repeat(1_000)).is_ok(), "{unit:?}");
            assert_eq!(
                Text::new(unit.repeat(1_001)),
                Err(TextError::TooLong { units: 1_001 })
            );
        }
        assert!(Text::new("👋".repeat(500)).is_ok());
        assert!(Text::new(format!("{}a", "👋".repeat(500))).is_err());
        assert_eq!(Text::new(""), Err(TextError::Empty));
    }

    #[test]
    fn escapes_count_as_what_they_stand_for() {
        for unit in ["a", r"\b", r"\u0041", r"\ud83d", "é", "€"] {
            let content = match unit {
                r"\ud83d" => r"\ud83d\udc4b".repeat(500),
                _ => unit.repeat(1_000),
            };
            assert!(Text::from_json(content.as_str()).is_ok(), "{unit}");
            let longer = format!("{content}x");
            assert_eq!(
                Text::from_json(longer),
                Err(TextError::TooLong { units: 1_001 })
            );
        }
    }

    #[test]
    fn texts_that_read_the_same_are_equal() {
        let same = [
            Text::new("A \"B\" \\n 👋"),
            Text::from_json(r#"A \"B\" \\n 👋"#),
            Text::from_json(r"\u0041 \u0022B\u0022 \u005cn \ud83d\udc4b"),
        ];
        for text in &same {
            assert_eq!(vec![text; 3], same.iter().collect::<Vec<_>>());
        }
        let plain = |text| Text::new(text).unwrap();
        let json = |text| Text::from_json(text).unwrap();
        assert_eq!(plain("Hi"), json("Hi"));
        assert_ne!(plain("Hi"), json("Ho"));
        assert_ne!(plain(r"x\n"), json(r"x\n"));
        assert_ne!(json(r"x\n"), json(r"x\t"));
        assert_ne!(plain(r"x\n"), plain(r"x\t"));
        assert_ne!(plain("Hi"), plain("Ho"));
    }

    #[test]
    fn white_space_begins_as_it_may() {
        for char in '\0'..=char::MAX {
            let text = char.to_string();
            assert_eq!(is_blank(&text), char.is_whitespace(), "{char:?}");
            if !matches!(char, '"' | '\\') {
                assert_eq!(is_blank_json(&text), char.is_whitespace(), "{char:?}");
            }
        }
    }

    #[test]
    fn debug_shows_no_text() {
        let text = Text::new("secret").unwrap();
        assert_eq!(format!("{text:?}"), "Text(Plain, 6 bytes)");
    }
}
