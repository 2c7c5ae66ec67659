//! Which columns are wanted.

use super::decode;
use super::scan::{self, Row};
use crate::error::HeaderError;
use crate::input::format::is_like_a_number;
use crate::input::{Fields, Template};
use crate::message::PhoneNumber;

/// The most of a header that an error shows, in characters.
const MAX_SHOWN: usize = 200;

/// The most characters of what looks like the name of a column.
const MAX_NAME: usize = 40;

/// The names in a header: `read` with its line end, `header` without.
pub(super) fn names(header: &str, read: &[u8]) -> Vec<String> {
    let mut row = Row::default();
    // Holds, twice: the header was scanned before, and is whole.
    let _ = scan::record(read, true, &mut row);
    row = Row::with_room_for(row.count());
    let _ = scan::record(read, true, &mut row);
    let name = |place| {
        let mut name = String::new();
        decode::read(&mut name, header, row.cell(place));
        name.trim().to_owned()
    };
    (0..row.count()).map(name).collect()
}

/// The columns that count, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// How many there are.
    pub(super) count: usize,
    pub(super) to: usize,
    pub(super) text: Option<usize>,
    /// The template's fields, one by one.
    pub(super) fields: Box<[usize]>,
}

impl Columns {
    /// Finds them by their names.
    pub(super) fn find(
        names: &[String],
        fields: &Fields,
        template: Option<&Template>,
    ) -> Result<Self, HeaderError> {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let wanted = fields.to_names();
        let text_name = [fields.text_name()];
        let text = first_of(&names, &text_name, None);
        // Whatever its name is, unless it was asked for.
        let no_recipient = match text {
            Ok(text) if !fields.to_is_named() => text,
            _ => None,
        };
        let to = first_of(&names, &wanted, no_recipient)?;
        if fields.wants_one_place() {
            only_one(&names, &wanted, no_recipient)?;
        }
        let to = to.ok_or_else(|| missing(&names, &wanted))?;
        let text = text?;
        if text.is_none() && fields.text_is_named() {
            return Err(missing(&names, &text_name));
        }
        let names_of_fields = template.into_iter().flat_map(Template::fields);
        let fields: Result<Box<[_]>, _> = names_of_fields
            .map(|field| first_of(&names, &[field], None)?.ok_or_else(|| no_field(&names, field)))
            .collect();
        let fields = fields?;
        Ok(Self {
            count: names.len(),
            to,
            // Neither the recipient's number nor what the template makes its text of is a text of its own.
            text: text.filter(|text| *text != to && !fields.contains(text)),
            fields,
        })
    }
}

/// The column with the first wanted name that there is, other than one.
fn first_of(
    names: &[&str],
    wanted: &[&str],
    other: Option<usize>,
) -> Result<Option<usize>, HeaderError> {
    for wanted in wanted {
        let exactly = |name: &str| name == wanted.trim();
        let nearly = |name: &str| name.eq_ignore_ascii_case(wanted.trim());
        let column = match only(names, other, exactly)? {
            None => only(names, other, nearly)?,
            found => found,
        };
        if column.is_some() {
            return Ok(column);
        }
    }
    Ok(None)
}

/// The column with such a name, other than one.
fn only(
    names: &[&str],
    other: Option<usize>,
    is: impl Fn(&str) -> bool,
) -> Result<Option<usize>, HeaderError> {
    let columns = (0..names.len()).filter(|&column| Some(column) != other);
    let mut found = columns.filter(|&column| is(names[column]));
    match (found.next(), found.next()) {
        (Some(column), Some(_)) => Err(HeaderError::TwoColumns(shown(names[column]))),
        (column, _) => Ok(column),
    }
}

/// Refuses two columns with any of the wanted names, other than one.
fn only_one(names: &[&str], wanted: &[&str], other: Option<usize>) -> Result<(), HeaderError> {
    let is_wanted = |&column: &usize| {
        let mut wanted = wanted.iter();
        Some(column) != other && wanted.any(|wanted| names[column].eq_ignore_ascii_case(wanted))
    };
    let mut found = (0..names.len()).filter(is_wanted);
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(HeaderError::TwoRecipientColumns {
            first: shown(names[first]),
            second: shown(names[second]),
        }),
        _ => Ok(()),
    }
}

fn missing(names: &[&str], wanted: &[&str]) -> HeaderError {
    if names.iter().any(|name| is_like_a_number(name.as_bytes())) {
        return HeaderError::Missing;
    }
    if let &[name] = names
        && let Some(by) = separator(name)
    {
        return HeaderError::Separated { by, is_said: false };
    }
    HeaderError::NoColumn {
        wanted: wanted.join(", "),
        found: found(names),
    }
}

/// What separates the columns of a header that has one only, if that is likely.
fn separator(name: &str) -> Option<char> {
    let separates = |by: &char| {
        let mut names = name.split(*by);
        name.contains(*by) && names.all(|name| is_like_a_name(name.trim()))
    };
    [';', '\t', '|'].into_iter().find(separates)
}

/// What separates the columns, if that is what stands in place of a header: spreadsheets write, and read, `sep=;`.
pub(super) fn said_separator(header: &str) -> Option<char> {
    let (key, said) = header.trim_ascii_start().split_once('=')?;
    let mut said = said.chars();
    let by = said
        .next()
        .filter(|_| said.as_str().trim_ascii().is_empty());
    by.filter(|_| key.eq_ignore_ascii_case("sep"))
}

fn no_field(names: &[&str], field: &str) -> HeaderError {
    HeaderError::NoField {
        field: field.to_owned(),
        found: found(names),
    }
}

/// What the header has, as an error may say it: the first record of a list without a header is personal.
fn found(names: &[&str]) -> String {
    if names.iter().copied().all(is_like_a_name) {
        return shown(&names.join(", "));
    }
    let count = names.len();
    format!(
        "{count} columns, not all of which look like names: the first line must name the columns"
    )
}

/// Whether it is likely the name of a column, and nobody's number, mail address or text.
fn is_like_a_name(name: &str) -> bool {
    let digits = name.chars().filter(|char| char.is_numeric()).count();
    name.chars().count() <= MAX_NAME && !name.contains('@') && digits < PhoneNumber::MIN_DIGITS
}

fn shown(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
