//! Texts made of a template: a second look at a line whose recipient is good.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Fault, Keys, Parts, general, optimistic};
use crate::encode::json;
use crate::error::{JsonError, RecordError};
use crate::input::template::{Rendering, Template};
use crate::message::{self, Text};

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
                let own = own.filter(|own| !self.takes_text && own.get() != "\"\"");
                (to, general::own_text(line, own)?)
            }
        };
        if own.is_none() {
            self.render(line)?;
        }
        Ok((to, own))
    }

    fn quick_parts<'a>(&self, line: &'a str, keys: &Keys) -> Option<Parts<'a>> {
        let object = optimistic::line(line.as_bytes(), 0, keys, |_| {})?;
        let to = message::read(line.get(object.number)?, keys.region).ok()?;
        let own = match object.text {
            Some(text) => Some(line.get(text)?),
            None => None,
        };
        let own = own.filter(|own| !self.takes_text && !own.is_empty());
        Some((to, own.map(Text::from_checked_json).transpose().ok()?))
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
        match rendering.text() {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault {
                fault: error.into(),
                at: 0,
            }),
        }
    }

    /// The text that was made last.
    pub(super) fn text(&self) -> Option<Text<'_>> {
        self.rendering.text().ok()
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
        let is_unique = seed.deserialize(&mut deserializer).unwrap_or(true);
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
