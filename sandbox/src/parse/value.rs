//! The parts of a batch that hold no messages: names, strings, recipients.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};

pub(super) const ONE_NUMBER: &str = "an array of exactly one string is expected";

/// `["+1…"]`
pub(super) struct ToSeed<'r>(pub(super) &'r mut String);

impl<'de> DeserializeSeed<'de> for ToSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ToSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ONE_NUMBER)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if seq.next_element_seed(StringSeed(self.0))?.is_none() {
            return Err(de::Error::invalid_length(0, &ONE_NUMBER));
        }
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(de::Error::invalid_length(2, &ONE_NUMBER)),
        }
    }
}

/// Reads a string into one that is there already.
pub(super) struct StringSeed<'r>(pub(super) &'r mut String);

impl<'de> DeserializeSeed<'de> for StringSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for StringSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.0.clear();
        self.0.push_str(text);
        Ok(())
    }
}

/// A member's name, known or not, at any level.
pub(super) enum Member {
    From,
    Text,
    Messages,
    To,
    Unknown(String),
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Member, E> {
                Ok(match name {
                    "from" => Member::From,
                    "text" => Member::Text,
                    "messages" => Member::Messages,
                    "to" => Member::To,
                    unknown => Member::Unknown(unknown.to_owned()),
                })
            }
        }
        json.deserialize_identifier(Name)
    }
}
