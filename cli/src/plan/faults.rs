//! The records that cannot be sent, by what is wrong with them.

use std::borrow::Cow;

use batchcast::input::Invalid;
use batchcast::{ErrorKind, MAX_TEXT_UNITS, PhoneNumberError, Position, RecordError, TextError};

use crate::report::looks_like_a_number;
use crate::{clean, hint};

/// How many records of each kind are shown.
const EXAMPLES: usize = 3;
/// How many kinds are told apart. There are fewer, unless a fault's text is different for each record.
const MOST_KINDS: usize = 64;

/// The records that cannot be sent.
#[derive(Default)]
pub(crate) struct Faults {
    count: u64,
    kinds: Vec<Kind>,
}

/// Those that have the same fault.
pub(crate) struct Kind {
    /// Its name, for programs.
    pub(crate) name: &'static str,
    /// What is wrong, for people.
    pub(crate) told: Cow<'static, str>,
    pub(crate) count: u64,
    /// The first few.
    pub(crate) examples: Vec<Example>,
    /// The flag that helps.
    pub(crate) hint: Option<&'static str>,
}

/// A record that cannot be sent. No number in full, no text.
pub(crate) struct Example {
    pub(crate) position: Position,
    /// What is wrong with it.
    pub(crate) error: String,
    /// Its number, with all but its ends hidden, if there is nothing else in it.
    pub(crate) number: Option<String>,
}

impl Faults {
    /// Counts a record in.
    pub(crate) fn add(&mut self, invalid: &Invalid<'_>) {
        self.count += 1;
        let position = invalid.error.position().unwrap_or_default();
        let (name, told, error, hint) = match invalid.error.kind() {
            ErrorKind::Record { fault, .. } => {
                let (name, told) = kind(fault);
                (name, told, fault.to_string(), hint::of_record(fault))
            }
            other => ("other", other.to_string().into(), other.to_string(), None),
        };
        let is_it = |kind: &Kind| kind.name == name && kind.told == told;
        let at = match self.kinds.iter().position(is_it) {
            Some(at) => at,
            None if self.kinds.len() == MOST_KINDS => MOST_KINDS - 1,
            None => {
                let told = if self.kinds.len() == MOST_KINDS - 1 {
                    "something else".into()
                } else {
                    told
                };
                self.kinds.push(Kind {
                    name,
                    told,
                    count: 0,
                    examples: Vec::new(),
                    hint,
                });
                self.kinds.len() - 1
            }
        };
        let kind = &mut self.kinds[at];
        kind.count += 1;
        if kind.examples.len() < EXAMPLES {
            kind.examples.push(Example {
                position,
                error,
                number: looks_like_a_number(invalid.input).map(clean::mask),
            });
        }
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// How many of them have a text that is too long.
    pub(crate) fn too_long(&self) -> u64 {
        let mut kinds = self.kinds.iter();
        kinds
            .find(|kind| kind.name == TEXT_TOO_LONG)
            .map_or(0, |kind| kind.count)
    }

    /// The kinds, those that most records have first.
    pub(crate) fn kinds(&self) -> Vec<&Kind> {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        kinds
    }
}

const TEXT_TOO_LONG: &str = "textTooLong";

/// The kind of a fault: its name, and what people read.
fn kind(fault: &RecordError) -> (&'static str, Cow<'static, str>) {
    let (name, told) = match fault {
        RecordError::PhoneNumber(fault) => match fault {
            PhoneNumberError::Empty => ("numberEmpty", "the number is empty"),
            PhoneNumberError::NoPlus => ("numberNoPlus", "the number does not begin with +"),
            PhoneNumberError::LeadingZero => {
                ("numberLeadingZero", "the country code begins with 0")
            }
            PhoneNumberError::NotADigit { .. } => (
                "numberNotADigit",
                "the number has a character that is no digit",
            ),
            PhoneNumberError::TooShort => ("numberTooShort", "the number is too short"),
            PhoneNumberError::TooLong => ("numberTooLong", "the number is too long"),
            other => return ("numberOther", other.to_string().into()),
        },
        RecordError::Text(TextError::Empty) => ("textEmpty", "the text is empty"),
        RecordError::Text(TextError::TooLong { .. }) => {
            let told = format!("the text is longer than {MAX_TEXT_UNITS} UTF-16 code units");
            return (TEXT_TOO_LONG, told.into());
        }
        RecordError::Text(_) => ("textNotJson", "the text is not a JSON string"),
        RecordError::NoRecipient => ("noRecipient", "there is no recipient"),
        RecordError::ManyRecipients(_) => ("manyRecipients", "more than one recipient"),
        RecordError::NoText => ("noText", "there is no text, and no default text"),
        RecordError::TooLong { .. } => ("recordTooLong", "the record is too long"),
        RecordError::Utf8 => ("notUtf8", "not UTF-8"),
        RecordError::Json(_) => ("notJson", "not JSON"),
        RecordError::NotAnObject => ("notAnObject", "not a JSON object"),
        RecordError::DuplicateKey => ("duplicateKey", "a key stands there twice"),
        RecordError::RecipientType => ("recipientType", "the recipient is not a string"),
        RecordError::TextType => ("textType", "the text is not a string"),
        RecordError::FieldCount { .. } => ("fieldCount", "more or fewer fields than the header"),
        RecordError::UnclosedQuote => ("unclosedQuote", "a quoted field is not closed"),
        RecordError::EmptyField { .. } => (
            "fieldEmpty",
            "a field of the text is empty, and has no default",
        ),
        RecordError::MissingField { .. } => (
            "fieldMissing",
            "a field of the text is not there, and has no default",
        ),
        RecordError::FieldType { .. } => ("fieldType", "a field of the text is an array or object"),
        RecordError::EntryTooLarge { .. } => (
            "entryTooLarge",
            "the message does not fit into a batch of its own",
        ),
        other => return ("other", other.to_string().into()),
    };
    (name, told.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use batchcast::input::{Fields, Format, Parser, Reader, Record};

    fn faults(list: &str, format: Format) -> Faults {
        let mut faults = Faults::default();
        let mut reader = Reader::new(list.as_bytes(), Parser::new(format, &Fields::default()));
        while let Some(record) = reader.next().unwrap() {
            if let Record::Invalid(invalid) = record {
                faults.add(&invalid);
            }
        }
        faults
    }

    #[test]
    fn the_most_frequent_kind_is_first_and_shows_its_first_records() {
        let list = "+121\n12125550199\n2125550199\n3125550199\n+14155550100\n4125550199\n+1x\n";
        let faults = faults(list, Format::Lines);
        assert_eq!(faults.count(), 6);
        let kinds = faults.kinds();
        let counts: Vec<_> = kinds.iter().map(|kind| (kind.name, kind.count)).collect();
        let expected = [
            ("numberNoPlus", 4),
            ("numberTooShort", 1),
            ("numberNotADigit", 1),
        ];
        assert_eq!(counts, expected);
        let lines: Vec<_> = kinds[0]
            .examples
            .iter()
            .map(|example| example.position.line)
            .collect();
        assert_eq!(lines, [2, 3, 4]);
        assert_eq!(kinds[0].examples[0].number.as_deref(), Some("*******0199"));
        assert_eq!(kinds[2].examples[0].number, None);
    }

    #[test]
    fn texts_over_the_limit_are_a_kind() {
        let list = format!(
            "{{\"to\":\"+14155550100\",\"text\":\"{}\"}}\n",
            "x".repeat(1_001)
        );
        assert_eq!(faults(&list, Format::Ndjson).too_long(), 1);
    }
}
