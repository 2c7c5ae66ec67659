//! A JSON object a line, against `serde_json`.

use batchcast::input::{Format, RECIPIENT_NAMES};
use batchcast::{Region, Text};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::list::{REGIONS, assert_place, lines, number, on_two_paths};
use crate::paths::Fact;

/// Checks a list of objects.
pub fn check(bytes: &[u8]) {
    for region in REGIONS {
        check_in(region, bytes);
    }
}

fn check_in(region: Option<Region>, bytes: &[u8]) {
    let facts = on_two_paths(Format::Ndjson, region, bytes);
    assert_eq!(facts.error, None);

    let lines = lines(bytes);
    let is_record =
        |line: &&_| -> bool { crate::list::Line::is_too_long(line) || !line.is_blank() };
    let expected: Vec<_> = lines.iter().filter(is_record).collect();
    assert_eq!(facts.records.len(), expected.len());
    for (index, (fact, line)) in facts.records.iter().zip(expected).enumerate() {
        assert_place(fact, index + 1, *line);
        let content = std::str::from_utf8(line.content).ok();
        let content = content.filter(|_| !line.is_too_long());
        match (fact, content.and_then(|line| message(line, region))) {
            (Fact::Message { to, text, .. }, Some(message)) => {
                assert_eq!((to, text), (&message.0, &message.1));
            }
            (Fact::Invalid { error, input, .. }, None) => {
                assert!(line.content.starts_with(input));
                assert_eq!(error.contains("is longer than"), line.is_too_long());
                match content {
                    None => assert!(line.is_too_long() || error.contains("not UTF-8")),
                    Some(content) => assert_fault(content, error),
                }
            }
            (fact, message) => panic!("{fact:?}, and should be {message:?}"),
        }
    }
}

/// Whether a line is JSON is for `serde_json` to say.
fn assert_fault(line: &str, error: &str) {
    let is_json = serde_json::from_str::<IgnoredAny>(line).is_ok();
    // Half a surrogate pair counts as no JSON in some places, where `IgnoredAny` does not look.
    let judged = !error.contains(": not JSON: ");
    assert!(
        is_json == judged || (is_json && line.contains("\\u")),
        "{error}"
    );
}

/// The recipient and the text in a line.
fn message(line: &str, region: Option<Region>) -> Option<(String, Option<String>)> {
    let Members(members) = serde_json::from_str(line).ok()?;
    let of = |name: &str| -> Vec<&RawValue> {
        let mut values = Vec::new();
        for (key, value) in &members {
            if key == name {
                values.push(*value);
            }
        }
        values
    };
    let recipients = RECIPIENT_NAMES.iter().map(|name| of(name));
    let [to] = recipients.into_iter().find(|values| !values.is_empty())?[..] else {
        return None;
    };
    let to = match serde_json::from_str(to.get()).ok()? {
        Value::String(to) => to,
        Value::Array(values) => match &values[..] {
            [Value::String(to)] => to.clone(),
            _ => return None,
        },
        // As it is written, which a decoded one would not be.
        Value::Number(_) if region.is_some() && !to.get().starts_with('-') => to.get().to_owned(),
        _ => return None,
    };
    let text = match of("text")[..] {
        [] => None,
        [text] => match serde_json::from_str(text.get()).ok()? {
            Value::Null => None,
            Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()),
            _ => return None,
        },
        _ => return None,
    };
    let to = number(&to, region)?;
    let is_good = text.as_deref().is_none_or(|text| Text::new(text).is_ok());
    is_good.then(|| (to.as_str().to_owned(), text))
}

/// All members of an object, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Self)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
