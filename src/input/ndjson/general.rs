//! Any JSON object, and every error: through `serde_json`.
//!
//! Nothing that `serde_json` says is passed on but the kind of its error and the place: its words may
//! hold what stands in the record.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Keys, Parts};
use crate::encode::json;
use crate::error::{JsonError, RecordError};
use crate::input::fault::Fault;
use crate::message::{self, PhoneNumber, PhoneNumberError, Region, Text, TextError};

/// The message in a line that is UTF-8.
pub(super) fn parse<'a>(line: &'a str, keys: &mut Keys) -> Result<Parts<'a>, Fault> {
    let (to, text) = members(line, keys)?;
    Ok((to, own_text(line, text)?))
}

/// The recipient, and what stands under the text's key.
pub(super) fn members<'a>(
    line: &'a str,
    keys: &mut Keys,
) -> Result<(PhoneNumber, Option<&'a RawValue>), Fault> {
    if !line.trim_ascii_start().starts_with('{') {
        whole::<IgnoredAny>(line, IgnoredSeed)?;
        return Err(Fault {
            fault: RecordError::NotAnObject,
            at: 0,
        });
    }
    let members = whole::<Members<'a>>(line, MembersSeed(keys))?;
    if let (Some((place, _)), Some(second)) = (members.to, members.second) {
        let first = keys.to[place].name.clone();
        return Err(Fault {
            fault: RecordError::TwoRecipientKeys { first, second },
            at: 0,
        });
    }
    if members.to_again || members.text_again {
        return Err(Fault {
            fault: RecordError::DuplicateKey,
            at: 0,
        });
    }
    let Some((place, to)) = members.to else {
        return Err(Fault {
            fault: RecordError::NoRecipient,
            at: 0,
        });
    };
    keys.seen = place;
    let to = recipient(to.get(), keys.region).map_err(|fault| fault.within(line, to))?;
    Ok((to, members.text))
}

/// The text in a value of a line.
pub(super) fn own_text<'a>(
    line: &str,
    value: Option<&'a RawValue>,
) -> Result<Option<Text<'a>>, Fault> {
    value.map_or(Ok(None), |raw| {
        text(raw.get()).map_err(|fault| fault.within(line, raw))
    })
}

/// The whole of a line, and nothing behind it.
fn whole<'a, T>(line: &'a str, seed: impl DeserializeSeed<'a, Value = T>) -> Result<T, Fault> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let value = seed
        .deserialize(&mut deserializer)
        .map_err(|error| json_fault(line, &error, JsonError::Syntax))?;
    deserializer
        .end()
        .map_err(|error| json_fault(line, &error, JsonError::Trailing))?;
    Ok(value)
}

#[cold]
pub(super) fn json_fault(line: &str, error: &serde_json::Error, otherwise: JsonError) -> Fault {
    let (fault, at) = match error.classify() {
        Category::Eof => (JsonError::Eof, line.len()),
        // Columns are counted in bytes, from 1. For some faults it is the byte before.
        Category::Syntax | Category::Data | Category::Io => {
            (otherwise, error.column().saturating_sub(1))
        }
    };
    Fault {
        fault: RecordError::Json(fault),
        at,
    }
}

impl Fault {
    /// The same fault of a value, of the line in which that value stands.
    fn within(mut self, line: &str, value: &RawValue) -> Self {
        self.at += value.get().as_ptr().addr() - line.as_ptr().addr();
        self
    }
}

/// The recipient in a value that is JSON.
fn recipient(value: &str, region: Option<Region>) -> Result<PhoneNumber, Fault> {
    let fault = match (value.as_bytes().first(), region) {
        (Some(b'"'), _) => return number(value, region),
        (Some(b'['), _) => {
            let Elements { first, count, bad } = serde_json::from_str(value).unwrap_or_default();
            match first {
                _ if bad => RecordError::RecipientType,
                None => RecordError::NoRecipient,
                Some(_) if count > 1 => RecordError::ManyRecipients(count),
                Some(first) => {
                    return number(first.get(), region).map_err(|fault| fault.within(value, first));
                }
            }
        }
        (Some(b'n'), _) => RecordError::NoRecipient,
        // An exporter that takes a number for a quantity writes it without quotes.
        (Some(b'0'..=b'9'), Some(region)) => {
            return region.parse(value).map_err(|error| Fault {
                fault: error.into(),
                at: 0,
            });
        }
        _ => RecordError::RecipientType,
    };
    Err(Fault { fault, at: 0 })
}

/// The number in a string that is JSON, quotes and all.
fn number(string: &str, region: Option<Region>) -> Result<PhoneNumber, Fault> {
    let content = &string[1..string.len() - 1];
    let has_escapes = content.contains('\\');
    let parsed = if has_escapes {
        json::check_string(content).map_err(|error| Fault {
            fault: RecordError::Json(JsonError::String(error)),
            at: 1 + error.at,
        })?;
        message::read(&json::unescape(content), region)
    } else {
        message::read(content, region)
    };
    parsed.map_err(|error| match (error, error.at()) {
        (PhoneNumberError::Empty, _) => Fault {
            fault: RecordError::NoRecipient,
            at: 0,
        },
        (_, Some(at)) if !has_escapes => Fault {
            fault: error.into(),
            at: 1 + at,
        },
        _ => Fault {
            fault: error.into(),
            at: 0,
        },
    })
}

/// The text in a value that is JSON, if there is one.
fn text(value: &str) -> Result<Option<Text<'_>>, Fault> {
    match value.as_bytes().first() {
        Some(b'"') => {}
        Some(b'n') => return Ok(None),
        _ => {
            return Err(Fault {
                fault: RecordError::TextType,
                at: 0,
            });
        }
    }
    let content = &value[1..value.len() - 1];
    let checked = json::check_string(content).map_err(TextError::Json);
    let own = checked.and_then(|()| Text::own_of_checked_json(content));
    own.map_err(|error| Fault {
        fault: error.into(),
        at: match error {
            TextError::Json(error) => 1 + error.at,
            _ => 0,
        },
    })
}

/// The members of an object that count. Nothing is decoded yet.
#[derive(Default)]
struct Members<'a> {
    /// The best of the recipient's keys that is there, by its place among them.
    to: Option<(usize, &'a RawValue)>,
    to_again: bool,
    /// Another one, if there may be none.
    second: Option<Box<str>>,
    text: Option<&'a RawValue>,
    text_again: bool,
}

struct MembersSeed<'k>(&'k Keys);

impl<'de> DeserializeSeed<'de> for MembersSeed<'_> {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MembersSeed<'_> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(meaning) = map.next_key_seed(MeaningSeed(self.0))? {
            match meaning {
                Meaning::To(place) => {
                    let value = map.next_value()?;
                    if let Some((best, _)) = members.to
                        && best != place
                        && self.0.wants_one_place
                    {
                        members.second = Some(self.0.to[best.max(place)].name.clone());
                    }
                    match members.to {
                        Some((best, _)) if best < place => {}
                        Some((best, _)) if best == place => members.to_again = true,
                        _ => {
                            members.to = Some((place, value));
                            members.to_again = false;
                        }
                    }
                }
                Meaning::Text => {
                    members.text_again = members.text.is_some();
                    members.text = Some(map.next_value()?);
                }
                Meaning::Nearly(name) => {
                    members.second = Some(name);
                    map.next_value::<IgnoredAny>()?;
                }
                Meaning::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// What a key stands for.
enum Meaning {
    /// The recipient, by the key's place among those that may.
    To(usize),
    Text,
    /// Nearly the recipient, where only one key may.
    Nearly(Box<str>),
    Other,
}

struct MeaningSeed<'k>(&'k Keys);

impl<'de> DeserializeSeed<'de> for MeaningSeed<'_> {
    type Value = Meaning;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MeaningSeed<'_> {
    type Value = Meaning;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Meaning, E> {
        Ok(match self.0.place_of(name.as_bytes()) {
            Some(place) => Meaning::To(place),
            None if *name == *self.0.text.name => Meaning::Text,
            None if self.0.wants_one_place && self.0.is_nearly_one(name) => {
                Meaning::Nearly(name.into())
            }
            None => Meaning::Other,
        })
    }
}

/// The elements of an array of recipients.
#[derive(Default)]
struct Elements<'a> {
    first: Option<&'a RawValue>,
    count: usize,
    /// One of them is not a string.
    bad: bool,
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Elements::default();
        while let Some(element) = seq.next_element::<&RawValue>()? {
            elements.first = elements.first.or(Some(element));
            elements.count += 1;
            elements.bad |= !element.get().starts_with('"');
        }
        Ok(elements)
    }
}

/// Any value, of which nothing is kept.
struct IgnoredSeed;

impl<'de> DeserializeSeed<'de> for IgnoredSeed {
    type Value = IgnoredAny;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<IgnoredAny, D::Error> {
        IgnoredAny::deserialize(deserializer)
    }
}
