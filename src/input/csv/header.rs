//! Which columns are wanted.

use super::decode::Decoded;
use crate::error::HeaderError;
use crate::input::Fields;
use crate::message::PhoneNumber;

/// The most of a header that an error shows, in characters.
const MAX_SHOWN: usize = 200;

/// The columns that count, counted from 0. A template's columns would be added here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    /// How many there are.
    pub(super) count: usize,
    to: usize,
    text: Option<usize>,
}

impl Columns {
    /// Finds them by their names.
    pub(super) fn find(header: &Decoded<'_>, fields: &Fields) -> Result<Self, HeaderError> {
        let names: Vec<_> = header.fields().map(str::trim).collect();
        let wanted = fields.to_names();
        let to = first_of(&names, &wanted)?.ok_or_else(|| missing(&names, &wanted))?;
        let text_name = [fields.text_name()];
        let text = first_of(&names, &text_name)?;
        if text.is_none() && fields.text_is_named() {
            return Err(missing(&names, &text_name));
        }
        Ok(Self {
            count: names.len(),
            to,
            text,
        })
    }

    /// The recipient's, and the text's.
    #[inline]
    pub(super) const fn wanted(&self) -> (usize, Option<usize>) {
        (self.to, self.text)
    }
}

/// The column with the first wanted name that there is.
fn first_of(names: &[&str], wanted: &[&str]) -> Result<Option<usize>, HeaderError> {
    for wanted in wanted {
        let exactly = |name: &str| name == wanted.trim();
        let nearly = |name: &str| name.eq_ignore_ascii_case(wanted.trim());
        let column = match only(names, exactly)? {
            None => only(names, nearly)?,
            found => found,
        };
        if column.is_some() {
            return Ok(column);
        }
    }
    Ok(None)
}

/// The column with such a name.
fn only(names: &[&str], is: impl Fn(&str) -> bool) -> Result<Option<usize>, HeaderError> {
    let mut found = (0..names.len()).filter(|&column| is(names[column]));
    match (found.next(), found.next()) {
        (Some(column), Some(_)) => Err(HeaderError::TwoColumns(shown(names[column]))),
        (column, _) => Ok(column),
    }
}

fn missing(names: &[&str], wanted: &[&str]) -> HeaderError {
    // The first record of a list without a header is personal, and no names of columns.
    if names.iter().copied().any(is_like_a_number) {
        return HeaderError::Missing;
    }
    HeaderError::NoColumn {
        wanted: wanted.join(", "),
        found: shown(&names.join(", ")),
    }
}

/// Whether it is likely meant as a phone number.
fn is_like_a_number(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    digits >= PhoneNumber::MIN_DIGITS && !name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn shown(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
