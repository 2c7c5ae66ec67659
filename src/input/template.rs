use std::borrow::Cow;
use std::fmt;

use super::escape::escape;
use crate::encode::json;
use crate::error::RecordError;
use crate::message::{MAX_TEXT_UNITS, Text, TextError, is_blank_json};

/// The most fields of a template. A text has no more characters, and what is to be done for each field is then soon done.
const MAX_FIELDS: usize = MAX_TEXT_UNITS;

const OPENING: &str = "{{";
const CLOSING: &str = "}}";

/// A text with places for what stands in a record: `Hi {{first_name}}, your order is on its way.`
///
/// - `{{name}}` is the CSV column or the NDJSON key of that name. If it is empty in a record, or holds
///   nothing but white space, that record is an error: nobody is greeted with "Hi ,".
/// - `{{name|there}}` gives a default for that case; `{{name|}}` allows an empty field.
/// - `{{{{` is a literal `{{`. A single `{`, and `}}` outside of a field, stand for themselves.
///
/// White space around a name or a default does not count; neither can hold a brace, and a name no `|`.
///
/// It is compiled once: what stands between the fields is escaped for JSON when the template is parsed,
/// and only copied for each record.
///
/// A record that has a text of its own keeps that, as it does with an envelope's default text — unless
/// the template takes the text's column or key for one of its fields.
///
/// ```
/// use batchcast::input::{Csv, Fields, Parse, Record, Records, Template};
///
/// let template = Template::parse("Hi {{ name | there }}, your {{item}} is on its way.")?;
/// assert_eq!(template.fields().collect::<Vec<_>>(), ["name", "item"]);
///
/// let mut parser = Csv::new(&Fields::default()).with_template(template);
/// let mut records = parser.block(b"to,name,item\n+14155550100,,\"12\"\" pan\"\n", true);
/// let Some(Record::Message(message)) = records.next()? else { unreachable!() };
/// assert_eq!(message.text.unwrap().to_plain(), "Hi there, your 12\" pan is on its way.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    /// What stands before the first field, as the content of a JSON string.
    opening: Box<str>,
    fields: Box<[Field]>,
}

/// A field, and what stands between it and the next. `default` and `behind` are contents of JSON strings.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Field {
    name: Box<str>,
    /// The place of its opening braces, in characters from 1.
    at: usize,
    default: Option<Box<str>>,
    behind: Box<str>,
}

impl Template {
    /// Compiles a template.
    ///
    /// ```
    /// use batchcast::input::{Template, TemplateFault};
    ///
    /// let error = Template::parse("Hi {{name}, welcome").unwrap_err();
    /// assert_eq!((error.at, error.fault), (4, TemplateFault::Unclosed));
    /// ```
    ///
    /// # Errors
    /// If a field is not closed, has no name or has a brace in it, if there are more than a thousand, and if the text
    /// between the fields is alone longer than [`MAX_TEXT_UNITS`].
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut fields: Vec<Field> = Vec::new();
        let mut opening = String::new();
        let mut behind = String::new();
        let mut room = Room(MAX_TEXT_UNITS);
        let mut at = 0;
        // The place of the byte up to which characters are counted.
        let (mut place, mut counted) = (1, 0);
        loop {
            let rest = &source[at..];
            let literal = rest.find(OPENING).map_or(rest, |len| &rest[..len]);
            escape(&mut behind, room.take(source, at, literal)?);
            at += literal.len();
            let Some(inside) = source[at..].strip_prefix(OPENING) else {
                break;
            };
            if inside.starts_with(OPENING) {
                escape(&mut behind, room.take(source, at, OPENING)?);
                at += 2 * OPENING.len();
                continue;
            }
            let written = std::mem::take(&mut behind);
            match fields.last_mut() {
                Some(field) => field.behind = written.into(),
                None => opening = written,
            }
            if fields.len() == MAX_FIELDS {
                return Err(TemplateFault::TooManyFields.at(source, at));
            }
            let (field, len) = Field::parse(inside).map_err(|fault| fault.at(source, at))?;
            place += source[counted..at].chars().count();
            counted = at;
            fields.push(Field { at: place, ..field });
            at += OPENING.len() + len;
        }
        match fields.last_mut() {
            Some(field) => field.behind = behind.into(),
            None => opening = behind,
        }
        Ok(Self {
            opening: opening.into(),
            fields: fields.into(),
        })
    }

    /// The names of its fields, in order; a name that is used twice is there twice.
    #[must_use]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name)
    }

    /// Whether it has no fields. Then it is the same for all messages, and best the default text of their
    /// [`Envelope`](crate::Envelope): a batch holds that once.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.fields.is_empty()
    }

    /// The text that it stands for, if it has no fields.
    #[must_use]
    pub fn as_plain(&self) -> Option<Cow<'_, str>> {
        self.is_plain().then(|| json::unescape(&self.opening))
    }

    /// The same fault for all records: an input without fields has this one for each.
    pub(super) fn fault(&self, fault: TemplateFault) -> TemplateError {
        let at = self.fields.first().map_or(1, |field| field.at);
        TemplateError { at, fault }
    }
}

/// A template, and the text that was made of it last.
#[derive(Clone)]
pub(super) struct Rendering {
    template: Template,
    /// As the content of a JSON string. It always begins with what the template begins with.
    text: String,
}

impl Rendering {
    pub(super) fn new(template: Template) -> Self {
        Self {
            text: (*template.opening).to_owned(),
            template,
        }
    }

    /// Makes a text: `value` appends the value of each field, as the content of a JSON string, and
    /// [finishes](Field::finish) it.
    #[inline]
    pub(super) fn render<E>(
        &mut self,
        mut value: impl FnMut(usize, &Field, &mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { template, text } = self;
        text.truncate(template.opening.len());
        for (place, field) in template.fields.iter().enumerate() {
            value(place, field, text)?;
        }
        Ok(())
    }

    /// Checks the text that was made last.
    #[inline]
    pub(super) fn check(&self) -> Result<(), TextError> {
        Text::from_checked_json(&*self.text).map(|_| ())
    }

    /// The text that was made last, and [checked](Self::check).
    #[inline]
    pub(super) fn text(&self) -> Text<'_> {
        Text::known_json(&self.text)
    }
}

impl fmt::Debug for Rendering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.template.fmt(f)
    }
}

impl Field {
    /// The field whose inside `inside` begins with, and where its closing braces end.
    fn parse(inside: &str) -> Result<(Self, usize), TemplateFault> {
        let len = inside.find(CLOSING).ok_or(TemplateFault::Unclosed)?;
        let content = &inside[..len];
        if let Some(brace) = content.find(['{', '}']) {
            // Another field begins before this one ends: it is this one that is not closed.
            let is_next = content[brace..].contains(OPENING);
            return Err(if is_next {
                TemplateFault::Unclosed
            } else {
                TemplateFault::Brace
            });
        }
        let (name, default) = match content.split_once('|') {
            Some((name, default)) => (name.trim(), Some(default.trim())),
            None => (content.trim(), None),
        };
        if name.is_empty() {
            return Err(TemplateFault::NoName);
        }
        let field = Self {
            name: name.into(),
            at: 0,
            default: default.map(|default| {
                let mut json = String::new();
                escape(&mut json, default);
                json.into()
            }),
            behind: Box::default(),
        };
        Ok((field, len + CLOSING.len()))
    }

    pub(super) const fn name(&self) -> &str {
        &self.name
    }

    /// Goes on behind the field's value, which was written from `start` on: puts the default in the
    /// place of an empty one, and appends what stands behind the field.
    ///
    /// # Errors
    /// [`RecordError::EmptyField`] if the value is empty and there is no default.
    #[inline(always)]
    pub(super) fn finish(&self, out: &mut String, start: usize) -> Result<(), RecordError> {
        if is_blank_json(&out[start..]) {
            self.fill_in(out, start)?;
        }
        out.push_str(&self.behind);
        Ok(())
    }

    #[cold]
    fn fill_in(&self, out: &mut String, start: usize) -> Result<(), RecordError> {
        let Some(default) = &self.default else {
            let name = self.name.clone();
            return Err(RecordError::EmptyField { name });
        };
        out.truncate(start);
        out.push_str(default);
        Ok(())
    }
}

/// Appends `source[from..to]`. Most values are short: a copy of a size that the compiler knows, of which the end is
/// dropped again, takes less than a call to copy memory.
#[inline]
pub(super) fn append(out: &mut String, source: &str, from: usize, to: usize) {
    const LANE: usize = 16;
    match source.get(from..from + LANE) {
        Some(lane) if to - from <= LANE => {
            let len = out.len() + (to - from);
            out.push_str(lane);
            out.truncate(len);
        }
        _ => out.push_str(&source[from..to]),
    }
}

/// What of the most UTF-16 code units is left.
struct Room(usize);

impl Room {
    /// Lets `literal`, which stands in `source` at a byte, through if there is room for it.
    fn take<'s>(
        &mut self,
        source: &str,
        at: usize,
        literal: &'s str,
    ) -> Result<&'s str, TemplateError> {
        for (byte, char) in literal.char_indices() {
            let left = self.0.checked_sub(char.len_utf16());
            self.0 = left.ok_or_else(|| TemplateFault::TooLong.at(source, at + byte))?;
        }
        Ok(literal)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.fields().collect();
        f.debug_struct("Template")
            .field("fields", &fields)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.name)
    }
}

/// Why something is not a template, or cannot be one for an input. It never holds the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault}, at character {at} of the text")]
pub struct TemplateError {
    /// The place in the template, in characters from 1.
    pub at: usize,
    /// What is wrong there.
    pub fault: TemplateFault,
}

/// What can be wrong in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateFault {
    /// `{{` without `}}`.
    #[error("a field is not closed: {{{{ without }}}} (a literal {{{{ is written {{{{{{{{)")]
    Unclosed,
    /// `{{}}`, or a default without a name.
    #[error("a field has no name")]
    NoName,
    /// A brace in a field's name or default.
    #[error("a field has a brace in its name or default")]
    Brace,
    /// What stands between the fields leaves no room for them.
    #[error(
        "the text is longer than {MAX_TEXT_UNITS} UTF-16 code units even with all fields empty"
    )]
    TooLong,
    /// More fields than a text has characters.
    #[error("more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// A list of bare numbers has no fields.
    #[error("a list of bare numbers has no fields to put into a text")]
    NoFields,
}

impl TemplateFault {
    /// The fault at a byte of `source`.
    fn at(self, source: &str, byte: usize) -> TemplateError {
        TemplateError {
            at: 1 + source[..byte].chars().count(),
            fault: self,
        }
    }
}
