//! A list with a JSON object a line, parsed in three ways that agree.
//!
//! A line written like one before it is found by its [`shape`]. What exporters write otherwise is matched by
//! [`optimistic`]. Both go straight over the bytes of the block, without looking for the line's end first, and
//! know nothing of errors: whatever they do not know at once, right or wrong, is left to [`general`], which
//! goes through `serde_json` and decides.

mod general;
mod optimistic;
mod render;
mod shape;

use fearless_simd::{Level, Simd, dispatch};

use self::render::Renderer;
use self::shape::{Places, Shape};
use super::cursor::{Cursor, Line, is_blank, whole_lines};
use super::fault::{Fault, alone};
use super::visit::{Piece, Run};
use super::{Answer, Fields, Parse, Record, Records, Template, Visited, Visitor, sealed, visit};
use crate::encode::json;
use crate::error::{Error, RecordError};
use crate::message::{Message, PhoneNumber, Region, Text};
use crate::position::Position;

/// A list with a JSON object a line (NDJSON, JSON Lines).
///
/// The recipient is a string or an array of one string, the text a string (`null` is none, as is one with
/// nothing but white space). Which keys
/// they are is up to [`Fields`]; of several that may hold the recipient, the one that comes first in
/// [`RECIPIENT_NAMES`](super::RECIPIENT_NAMES) counts, whatever its value. Other keys do not count, but
/// must be JSON. Blank lines are passed over.
///
/// ```
/// use batchcast::input::{Fields, Ndjson, Parse, Record, Records};
///
/// let mut parser = Ndjson::new(&Fields::default());
/// let lines = br#"{"name":"Bob","phone":"+14155550100"}
/// {"to":["+14155550101"],"text":"Hello \"Bob\""}
/// "#;
/// let mut records = parser.block(lines, true);
/// while let Some(record) = records.next()? {
///     assert!(matches!(record, Record::Message(_)));
/// }
/// assert_eq!(records.consumed(), lines.len());
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ndjson {
    cursor: Cursor,
    keys: Keys,
    shape: Option<Shape>,
    /// The record that last had another shape.
    unlike: u64,
    /// The record that a shape was last learned from.
    learned: u64,
    renderer: Option<Box<Renderer>>,
}

impl Ndjson {
    /// A parser at the beginning of its input.
    #[must_use]
    pub fn new(fields: &Fields) -> Self {
        Self {
            cursor: Cursor::default(),
            keys: Keys::new(fields),
            shape: None,
            unlike: 0,
            learned: 0,
            renderer: None,
        }
    }

    /// The same with a text for all records that have none of their own, made of what
    /// stands under their keys: strings, and numbers, `true` and `false` as JSON spells them. `null` and
    /// a key that is not there are empty. A record that lacks a field without a default is invalid.
    #[must_use]
    pub fn with_template(mut self, template: Template) -> Self {
        let renderer = Renderer::new(template, &self.keys.text.name);
        self.renderer = Some(Box::new(renderer));
        // The renderer learns one of its own.
        self.shape = None;
        self
    }

    /// Learns the shape of a line, if it is the second in a row that has another: a line now and then is
    /// no reason to forget what the others are like. Learning costs more than a line, so it happens only after
    /// as many records again as there were until the last time: a list of which no two lines are alike is given up.
    fn learn(&mut self, line: &[u8], record: u64) {
        let Self {
            keys,
            shape,
            unlike,
            learned,
            renderer,
            ..
        } = self;
        let before = std::mem::replace(unlike, record);
        let has_shape = match &*renderer {
            Some(renderer) => renderer.has_shape(),
            None => shape.is_some(),
        };
        if (has_shape && before + 1 != record) || record < *learned * 2 {
            return;
        }
        *learned = record;
        if !line.ends_with(b"\n") {
            return;
        }
        let mut others = Vec::new();
        if let Some(object) = optimistic::line(line, 0, keys, |other| others.push(other)) {
            let places = Places {
                number: object.number,
                text: object.text,
                others,
            };
            match renderer {
                Some(renderer) => renderer.learn(line, &places),
                None => *shape = Shape::learn(line, &places, |_| None),
            }
        }
    }
}

impl Parse for Ndjson {
    type Records<'a> = NdjsonRecords<'a>;

    #[inline]
    fn block<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> NdjsonRecords<'a> {
        let done = self.cursor.open(bytes);
        NdjsonRecords {
            start: self.cursor.here().byte - done as u64,
            parser: self,
            bytes,
            text: whole_lines(bytes, last),
            last,
        }
    }
}

impl sealed::Sealed for Ndjson {
    #[inline]
    fn visit_piece<V: Visitor>(
        &mut self,
        piece: Piece<'_>,
        visitor: &mut V,
    ) -> Result<Visited, V::Error> {
        // Two loops: what a template takes is no business of those who have none.
        let has_template = self.renderer.is_some();
        let vectors = self.vectors();
        let records = self.block(piece.bytes(), piece.is_last());
        if has_template {
            visit::each(vectors, Rendered(records), piece, visitor)
        } else {
            visit::each(vectors, records, piece, visitor)
        }
    }
}

/// The records of a block of [`Ndjson`].
#[derive(Debug)]
pub struct NdjsonRecords<'a> {
    parser: &'a mut Ndjson,
    bytes: &'a [u8],
    /// The whole lines of the block, if all of them are UTF-8.
    text: &'a str,
    /// The offset of the block in the input. Where in the block the parser stands is not kept twice.
    start: u64,
    last: bool,
}

impl<'a> NdjsonRecords<'a> {
    #[inline]
    fn at(&self) -> usize {
        self.parser.cursor.within(self.start)
    }

    /// The records from here on that have the shape that was learned.
    #[inline(always)]
    fn in_shape(&self) -> Option<InShape<'a, '_>> {
        Some(InShape {
            shape: self.parser.shape.as_ref()?,
            cursor: self.parser.cursor.clone(),
            text: self.text,
            start: self.start,
        })
    }

    #[inline(never)]
    fn next_of_any_shape(&mut self) -> Option<Record<'_>> {
        if self.parser.renderer.is_some() {
            let rendered = dispatch!(Level::baseline(), simd => self.next_rendered(simd));
            let Some((to, own, position)) = rendered else {
                return self.next_of_no_shape();
            };
            let text = own.or_else(|| Some(self.parser.renderer.as_deref()?.text()));
            return Some(Record::Message(Message { to, text, position }));
        }
        if let Some(message) = self.next_optimistic() {
            return Some(Record::Message(message));
        }
        self.next_of_no_shape()
    }

    #[inline(never)]
    fn next_of_no_shape(&mut self) -> Option<Record<'_>> {
        let line = self.seek()?;
        let start = self.at();
        Some(take(self.parser, self.bytes, self.text, start, line))
    }

    /// What the next record is made of, and its position, if it has the shape that was learned for a template. Without
    /// a text of its own, it has the one that was made.
    #[inline(always)]
    fn next_rendered<S: Simd>(
        &mut self,
        simd: S,
    ) -> Option<(PhoneNumber, Option<Text<'a>>, Position)> {
        let start = self.at();
        let renderer = self.parser.renderer.as_deref_mut()?;
        let (to, own, next) = renderer.find_and_render(simd, self.text, start)?;
        let position = self.parser.cursor.record(next - start, 1);
        Some((to, own, position))
    }

    fn next_optimistic(&mut self) -> Option<Message<'a>> {
        let start = self.at();
        let Ndjson { cursor, keys, .. } = &mut *self.parser;
        if keys.wants_one_place {
            return None;
        }
        let object = optimistic::line(self.text.as_bytes(), start, keys, |_| {})?;
        let number = &self.bytes[object.number];
        let (to, is_regional) = match PhoneNumber::from_bytes(number) {
            Ok(to) => (to, false),
            Err(_) => (regional(number, keys.region)?, true),
        };
        let text = match object.text {
            Some(text) => Text::own_of_checked_json(self.text.get(text)?).ok()?,
            None => None,
        };
        let position = cursor.record(object.next - start, 1);
        // A shape is one of numbers in E.164 form.
        if !is_regional {
            let line = &self.bytes[start..object.next];
            self.parser.learn(line, position.record);
        }
        Some(Message { to, text, position })
    }

    /// Passes over what is no record; returns where the next one ends.
    pub(super) fn seek(&mut self) -> Option<Line> {
        loop {
            let at = self.at();
            let line = Line::find(self.bytes, at, self.last)?;
            if line.too_long || !is_blank(&self.bytes[at..line.end]) {
                return Some(line);
            }
            self.parser.cursor.pass(line.next - at, 1);
        }
    }

    /// The record that [`seek`](Self::seek) has found.
    pub(super) fn into_record(self, line: Line) -> Record<'a> {
        let start = self.at();
        take(self.parser, self.bytes, self.text, start, line)
    }
}

/// Takes the record at `start`, whatever it is.
fn take<'r>(
    parser: &'r mut Ndjson,
    bytes: &'r [u8],
    lines: &'r str,
    start: usize,
    line: Line,
) -> Record<'r> {
    let Ndjson {
        cursor,
        keys,
        renderer,
        ..
    } = parser;
    if line.too_long {
        return Record::Invalid(cursor.too_long(bytes, start, line));
    }
    let position = cursor.record(line.next - start, 1);
    let (input, read) = (&bytes[start..line.end], &bytes[start..line.next]);
    // Not all of the block may be UTF-8, and this line all the same.
    let line = lines.get(start..line.end).map_or_else(|| alone(input), Ok);
    let parsed = line.and_then(|line| match renderer {
        None => general::parse(line, keys),
        Some(renderer) => renderer.parse(line, keys),
    });
    match parsed {
        Ok((to, own)) => {
            if parser.renderer.is_some() {
                parser.learn(read, position.record);
            }
            let text = own.or_else(|| Some(parser.renderer.as_deref()?.text()));
            Record::Message(Message { to, text, position })
        }
        Err(fault) => Record::Invalid(told_if_missing(fault).into_invalid(input, position)),
    }
}

/// A field without a value is not there. No value stands where the record begins.
#[cold]
fn told_if_missing(fault: Fault) -> Fault {
    match fault {
        Fault {
            fault: RecordError::EmptyField { name },
            at: 0,
        } => RecordError::MissingField { name }.into(),
        fault => fault,
    }
}

impl Records for NdjsonRecords<'_> {
    #[inline]
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        if let Some(mut run) = self.in_shape()
            && let Some(message) = dispatch!(Level::baseline(), simd => run.next(simd))
        {
            self.parser.cursor = run.cursor;
            return Ok(Some(Record::Message(message)));
        }
        Ok(self.next_of_any_shape())
    }

    #[inline]
    fn consumed(&self) -> usize {
        self.at()
    }
}

impl sealed::Common for NdjsonRecords<'_> {
    #[inline(always)]
    fn visit_common<S: Simd, V: Visitor>(
        &mut self,
        simd: S,
        piece: Piece<'_>,
        visitor: &mut V,
    ) -> Result<Answer, V::Error> {
        let Some(mut run) = self.in_shape() else {
            return Ok(Answer::Taken);
        };
        let answer = run.show(simd, piece, visitor);
        self.parser.cursor = run.cursor;
        answer
    }
}

/// Lines that have a shape, in the block that begins at `start`.
struct InShape<'a, 's> {
    shape: &'s Shape,
    cursor: Cursor,
    text: &'a str,
    start: u64,
}

impl<'a> InShape<'a, '_> {
    #[inline(always)]
    fn next<S: Simd>(&mut self, simd: S) -> Option<Message<'a>> {
        let at = self.cursor.within(self.start);
        let found = self.shape.find(simd, self.text, at, |_, _| {})?;
        let text = match found.text {
            Some(text) => Text::own_of_checked_json(text).ok()?,
            None => None,
        };
        let position = self.cursor.record(found.next - at, 1);
        Some(Message {
            to: found.to,
            text,
            position,
        })
    }
}

impl Run for InShape<'_, '_> {
    #[inline(always)]
    fn next_common<S: Simd>(&mut self, simd: S) -> Option<Message<'_>> {
        self.next(simd)
    }
}

/// The records of a block that is parsed with a template.
struct Rendered<'a>(NdjsonRecords<'a>);

impl Records for Rendered<'_> {
    #[inline]
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        Ok(self.0.next_of_no_shape())
    }

    #[inline]
    fn consumed(&self) -> usize {
        self.0.consumed()
    }
}

impl sealed::Common for Rendered<'_> {
    #[inline(always)]
    fn visit_common<S: Simd, V: Visitor>(
        &mut self,
        simd: S,
        piece: Piece<'_>,
        visitor: &mut V,
    ) -> Result<Answer, V::Error> {
        self.show(simd, piece, visitor)
    }
}

impl Run for Rendered<'_> {
    #[inline(always)]
    fn next_common<S: Simd>(&mut self, simd: S) -> Option<Message<'_>> {
        let (to, own, position) = self.0.next_rendered(simd)?;
        let text = own.or_else(|| Some(self.0.parser.renderer.as_deref()?.text()));
        Some(Message { to, text, position })
    }
}

/// The number in a string as it is written in a region, if that is looked at. What has escapes is none here.
#[inline(never)]
fn regional(number: &[u8], region: Option<Region>) -> Option<PhoneNumber> {
    let region = region?;
    // To a region some of them are white space. As they are they stand in no string of JSON, and one may end the line.
    if number.iter().any(u8::is_ascii_control) {
        return None;
    }
    region.parse(std::str::from_utf8(number).ok()?).ok()
}

/// What a message is made of.
type Parts<'a> = (PhoneNumber, Option<Text<'a>>);

/// The keys that count. All others are passed over.
#[derive(Debug, Clone)]
struct Keys {
    /// Those of the recipient, the best first.
    to: Vec<Key>,
    text: Key,
    /// The place in `to` of the key that was seen last: the one to expect again.
    seen: usize,
    /// A bit for each length that a key in `to` has.
    lengths: u64,
    /// A bit for each byte that one begins with, modulo 64.
    firsts: u64,
    /// How recipients are written, beside E.164.
    region: Option<Region>,
    /// A second key that may hold the recipient is a fault. Only [`general`] looks for one; a shape has the keys of the
    /// line that it was learned from.
    wants_one_place: bool,
}

impl Keys {
    fn new(fields: &Fields) -> Self {
        let to: Vec<_> = fields.to_names().into_iter().map(Key::new).collect();
        Self {
            lengths: to
                .iter()
                .fold(0, |all, key| all | length_bit(key.name.as_bytes())),
            firsts: to
                .iter()
                .fold(0, |all, key| all | first_bit(key.name.as_bytes())),
            text: Key::new(fields.text_name()),
            seen: 0,
            region: fields.region_of_numbers(),
            wants_one_place: fields.wants_one_place(),
            to,
        }
    }

    /// Whether this is nearly one of the recipient's keys.
    fn is_nearly_one(&self, name: &str) -> bool {
        let mut keys = self.to.iter();
        keys.any(|key| key.name.eq_ignore_ascii_case(name))
    }

    /// The place among the recipient's keys of one that is written without escapes.
    #[inline]
    fn place_of(&self, name: &[u8]) -> Option<usize> {
        // Most other keys need no comparison.
        if self.lengths & length_bit(name) == 0 || self.firsts & first_bit(name) == 0 {
            return None;
        }
        let mut keys = self.to.iter();
        keys.position(|key| key.name.as_bytes() == name)
    }
}

#[inline]
fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

#[inline]
fn first_bit(name: &[u8]) -> u64 {
    // An empty name begins with nothing, and has a bit all the same.
    1 << (name.first().unwrap_or(&0) % 64)
}

/// The name of a key, and how it is written.
#[derive(Debug, Clone)]
struct Key {
    name: Box<str>,
    /// With its quotes.
    written: Box<[u8]>,
    /// `written` in one word, and the mask of its length; both 0 if it is longer than a word.
    word: u128,
    mask: u128,
}

impl Key {
    fn new(name: &str) -> Self {
        let mut written = vec![b'"'];
        json::escape(&mut written, name);
        written.push(b'"');
        let (mut word, mut mask) = ([0; 16], [0; 16]);
        if let Some(start) = word.get_mut(..written.len()) {
            start.copy_from_slice(&written);
            mask[..written.len()].fill(0xff);
        }
        Self {
            name: name.into(),
            written: written.into(),
            word: u128::from_le_bytes(word),
            mask: u128::from_le_bytes(mask),
        }
    }

    /// Whether `rest` begins with it, quotes and all.
    #[inline]
    fn begins(&self, rest: &[u8]) -> bool {
        // One comparison of a fixed size instead of a call to compare memory.
        match rest.first_chunk() {
            Some(word) if self.mask != 0 => u128::from_le_bytes(*word) & self.mask == self.word,
            _ => rest.starts_with(&self.written),
        }
    }
}

#[cfg(test)]
mod tests;
