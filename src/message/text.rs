use std::borrow::Cow;
use std::fmt;

use crate::encode::json::{self, StringError};

/// The most UTF-16 code units of a text (API guide; the unit is the one of its single-SMS API, where a
/// character outside the BMP counts as two).
pub const MAX_TEXT_UNITS: usize = 1_000;

/// A message text that the API takes: not empty, at most [`MAX_TEXT_UNITS`] UTF-16 code units.
///
/// It is either plain text, which is escaped as it is written, or the content of a JSON string, which
/// was checked and is copied as it stands. `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
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
    /// If it is empty or too long.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, TextError> {
        let content = text.into();
        // A code unit takes at least one byte in UTF-8: most texts need no counting.
        if content.len() > MAX_TEXT_UNITS {
            limit(json::utf16_len(&content))?;
        }
        if content.is_empty() {
            return Err(TextError::Empty);
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
    /// If it is not the content of a JSON string by RFC 8259, has half a surrogate pair, is empty or too long.
    pub fn from_json(content: impl Into<Cow<'a, str>>) -> Result<Self, TextError> {
        let content = content.into();
        json::check_string(&content)?;
        Self::from_checked_json(content)
    }

    /// The same for a content that [`json::check_string`] or the like has seen.
    #[inline]
    pub(crate) fn from_checked_json(content: impl Into<Cow<'a, str>>) -> Result<Self, TextError> {
        let content = content.into();
        if content.len() > MAX_TEXT_UNITS {
            limit(json::utf16_len_of_escaped(&content))?;
        }
        if content.is_empty() {
            return Err(TextError::Empty);
        }
        Ok(Self {
            content,
            form: Form::Json,
        })
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

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({:?}, {} bytes)", self.form, self.content.len())
    }
}

/// Why something is not a text that the API takes. It never holds the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is nothing.
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
        for unit in ["a", r"\n", r"\u0041", r"\ud83d", "é", "€"] {
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
    fn debug_shows_no_text() {
        let text = Text::new("secret").unwrap();
        assert_eq!(format!("{text:?}"), "Text(Plain, 6 bytes)");
    }
}
