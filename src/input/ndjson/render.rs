//! Texts made of a template: a second look at a line whose recipient is good.

use std::fmt;

use fearless_simd::Simd;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::shape::{Places, Shape};
use super::{Keys, Parts, general, optimistic, regional};
use crate::encode::json;
use crate::error::{JsonError, RecordError};
use crate::input::fault::Fault;
use crate::input::template::{Rendering, Template, append};
use crate::message::{PhoneNumber, Text};

/// A template, and memory to fill it in.
#[derive(Debug, Clone)]
pub(super) struct Renderer {
    rendering: Rendering,
    /// The keys that are wanted, each once.
    names: Box<[Box<str>]>,
    /// One of them is the text's. Then a record has no text of its own.
    takes_text: bool,
    /// For each field of the template, the place of its name in `names`.
    places: Box<[usize]>,
    /// For each name, where in the line its value is, if it is there.
    values: Box<[Option<Span>]>,
    /// How lines are written, if that has been learned.
    shape: Option<Shape>,
    /// For each name, where in a line of this shape its value is; an empty span for those that have none.
    spans: Box<[Span]>,
}

/// Where something begins and ends.
type Span = (usize, usize);

impl Renderer {
    pub(super) fn new(template: Template, text: &str) -> Self {
        let mut names: Vec<Box<str>> = Vec::new();
        let mut place_of = |name: &str| {
            let place = names.iter().position(|known| **known == *name);
            place.unwrap_or_else(|| {
                names.push(name.into());
                names.len() - 1
            })
        };
        let places = template.fields().map(&mut place_of).collect();
        Self {
            places,
            values: vec![None; names.len()].into(),
            shape: None,
            spans: vec![(0, 0); names.len()].into(),
            takes_text: names.iter().any(|name| **name == *text),
            names: names.into(),
            rendering: Rendering::new(template),
        }
    }

    /// The message in a line that is UTF-8. Without a text of its own it has the [text](Self::text) that
    /// was made.
    pub(super) fn parse<'a>(&mut self, line: &'a str, keys: &mut Keys) -> Result<Parts<'a>, Fault> {
        let (to, own) = match self.quick_parts(line, keys) {
            Some(parts) => parts,
            None => {
                let (to, own) = general::members(line, keys)?;
                let own = own.filter(|_| !self.takes_text);
                (to, general::own_text(line, own)?)
            }
        };
        if own.is_none() {
            self.render(line)?;
        }
        Ok((to, own))
    }

    /// Whether a shape has been learned.
    pub(super) const fn has_shape(&self) -> bool {
        self.shape.is_some()
    }

    /// Learns the shape of a line, with its line end, in which the places are.
    pub(super) fn learn(&mut self, line: &[u8], places: &Places) {
        self.shape = None;
        let content = str::from_utf8(line.trim_ascii_end());
        let number = PhoneNumber::from_bytes(&line[places.number.clone()]);
        let (Ok(content), Ok(_)) = (content, number) else {
            return;
        };
        if self.find(content).is_err() {
            return;
        }
        let is_text = |from| matches!(&places.text, Some(text) if text.start == from + 1);
        let may_differ = |from| is_text(from) || places.others.iter().any(|it| it.start == from);
        let is_known = |&(from, _): &Span| may_differ(from) || content[from..].starts_with("null");
        // What is left is the number, which is not looked for in a shape.
        if !self.values.iter().flatten().all(is_known) {
            return;
        }
        self.spans.fill((0, 0));
        let values = &self.values;
        let name = |from| {
            let mut values = values.iter();
            values.position(|value| value.is_some_and(|(start, _)| start == from))
        };
        self.shape = Shape::learn(line, places, name);
    }

    /// Makes the text of the line that begins at `start`, if it has the shape that was learned and no text of its own.
    /// Returns the line's number, its own text, and where the next line begins.
    #[inline(always)]
    pub(super) fn find_and_render<'a, S: Simd>(
        &mut self,
        simd: S,
        lines: &'a str,
        start: usize,
    ) -> Option<(PhoneNumber, Option<Text<'a>>, usize)> {
        let Self {
            shape,
            spans,
            places,
            rendering,
            takes_text,
            ..
        } = self;
        // Of a line that turns out to have another shape some are written. They are not looked at: the next line that has it
        // writes all of them.
        let found = shape.as_ref()?.find(simd, lines, start, |name, value| {
            spans[name] = (value.start, value.end);
        })?;
        if let Some(own) = found.text.filter(|_| !*takes_text)
            && let Some(own) = Text::own_of_checked_json(own).ok()?
        {
            return Some((found.to, Some(own), found.next));
        }
        // What is wrong with a line is found out again, with its place.
        let made = rendering.render(|place, field, text| {
            let start = text.len();
            let (from, to) = spans[places[place]];
            match lines.as_bytes()[from..to].first() {
                Some(b'"') => append(text, lines, from + 1, to - 1),
                None | Some(b'n') => {}
                Some(_) => append(text, lines, from, to),
            }
            field.finish(text, start).map_err(|_| ())
        });
        made.ok()?;
        rendering.check().ok()?;
        Some((found.to, None, found.next))
    }

    fn quick_parts<'a>(&self, line: &'a str, keys: &Keys) -> Option<Parts<'a>> {
        if keys.wants_one_place {
            return None;
        }
        let object = optimistic::line(line.as_bytes(), 0, keys, |_| {})?;
        let number = &line.as_bytes()[object.number];
        let to = match PhoneNumber::from_bytes(number) {
            Ok(to) => to,
            Err(_) => regional(number, keys.region)?,
        };
        let own = match object.text {
            Some(text) if !self.takes_text => Text::own_of_checked_json(line.get(text)?).ok()?,
            _ => None,
        };
        Some((to, own))
    }

    /// Makes the text of a line that is a JSON object.
    fn render(&mut self, line: &str) -> Result<(), Fault> {
        self.find(line)?;
        let Self {
            rendering,
            places,
            values,
            ..
        } = self;
        rendering.render(|place, field, text| {
            let start = text.len();
            let (from, to) = values[places[place]].unwrap_or_default();
            let value = &line[from..to];
            let fault = |fault| Fault { fault, at: from };
            match value.as_bytes().first() {
                Some(b'"') => {
                    let content = &value[1..value.len() - 1];
                    json::check_string(content).map_err(|error| Fault {
                        fault: RecordError::Json(JsonError::String(error)),
                        at: from + 1 + error.at,
                    })?;
                    text.push_str(content);
                }
                Some(b'[' | b'{') => {
                    let name = field.name().into();
                    return Err(fault(RecordError::FieldType { name }));
                }
                // Missing, or null.
                None | Some(b'n') => {}
                Some(_) => text.push_str(value),
            }
            field.finish(text, start).map_err(fault)
        })?;
        rendering.check().map_err(|error| Fault {
            fault: error.into(),
            at: 0,
        })
    }

    /// The text that was made last, which was good.
    #[inline]
    pub(super) fn text(&self) -> Text<'_> {
        self.rendering.text()
    }

    /// Finds the values that are wanted in a line that is a JSON object.
    fn find(&mut self, line: &str) -> Result<(), Fault> {
        self.values.fill(None);
        if self.find_quickly(line.as_bytes()).is_some() {
            return Ok(());
        }
        self.values.fill(None);
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let seed = Values {
            line,
            renderer: self,
        };
        let is_unique = seed
            .deserialize(&mut deserializer)
            .map_err(|error| general::json_fault(line, &error, JsonError::Syntax))?;
        if !is_unique {
            return Err(Fault {
                fault: RecordError::DuplicateKey,
                at: 0,
            });
        }
        Ok(())
    }

    /// The same for simple values, at most one space between tokens, and no key twice. `None` means: look
    /// closer. What is looked at is known to be JSON.
    fn find_quickly(&mut self, line: &[u8]) -> Option<()> {
        let mut at = 1;
        loop {
            let key = string(line, at)?;
            let name = &line[at + 1..key - 1];
            // A key with an escape may be any.
            if line.get(key) != Some(&b':') || name.contains(&b'\\') {
                return None;
            }
            let place = self.place_of(name);
            let from = space(line, key + 1);
            let to = match line.get(from)? {
                b'"' => string(line, from)?,
                b'[' | b'{' => return None,
                _ => {
                    from + line[from..]
                        .iter()
                        .position(|byte| b",} \t\r".contains(byte))?
                }
            };
            if let Some(place) = place
                && self.values[place].replace((from, to)).is_some()
            {
                return None;
            }
            match line.get(to)? {
                b',' => at = space(line, to + 1),
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn place_of(&self, name: &[u8]) -> Option<usize> {
        let mut names = self.names.iter();
        names.position(|wanted| wanted.as_bytes() == name)
    }
}

/// Where the string at `at` ends, quotes and all.
fn string(line: &[u8], at: usize) -> Option<usize> {
    if line.get(at) != Some(&b'"') {
        return None;
    }
    Some(json::scan_string(line, at + 1).ok()?? + 1)
}

/// Passes over a space, if there is one.
fn space(line: &[u8], at: usize) -> usize {
    at + usize::from(line.get(at) == Some(&b' '))
}

/// Finds the values in a line; says whether there is but one for each name.
struct Values<'l, 'r> {
    line: &'l str,
    renderer: &'r mut Renderer,
}

impl<'de> DeserializeSeed<'de> for Values<'de, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Values<'de, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_unique = true;
        while let Some(place) = map.next_key_seed(Name(self.renderer))? {
            let Some(place) = place else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: &RawValue = map.next_value()?;
            let from = value.get().as_ptr().addr() - self.line.as_ptr().addr();
            let span = (from, from + value.get().len());
            is_unique &= self.renderer.values[place].replace(span).is_none();
        }
        Ok(is_unique)
    }
}

/// A key: its place among the wanted ones.
struct Name<'r>(&'r Renderer);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.place_of(name.as_bytes()))
    }
}
