//! A plan for programs: one JSON object. Its members are a contract.

use std::borrow::Cow;

use batchcast::encode::Batch;
use batchcast::segment::Encoding;
use serde::Serialize;

use super::characters::Forcing;
use super::duplicates::{Again, Duplicates};
use super::faults::{Example, Kind};
use super::quote::{Price, Rate};
use super::survey::Survey;
use super::texts::{Bar, Texts};
use crate::config::List;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan<'a> {
    event: &'static str,
    /// The file; null for standard input.
    list: Option<Cow<'a, str>>,
    format: &'static str,
    list_bytes: u64,
    recipients: u64,
    bytes: u64,
    max_bytes: u64,
    max_messages: Option<u64>,
    batches: Vec<BatchItem>,
    segments: SegmentsItem,
    ucs2_characters: Vec<CharacterItem>,
    duplicates: Option<DuplicatesItem<'a>>,
    passed_over: PassedOverItem,
    invalid: InvalidItem<'a>,
    texts_over_limit: u64,
    /// For people.
    warnings: &'a [String],
    /// As typed; numbers as strings, because JSON's are not exact.
    price: Option<String>,
    cost: Option<String>,
    rate: Option<String>,
    seconds: Option<f64>,
}

#[derive(Serialize)]
struct BatchItem {
    number: u64,
    messages: u64,
    bytes: u64,
    records: [u64; 2],
    lines: [u64; 2],
}

#[derive(Serialize)]
struct SegmentsItem {
    total: u64,
    gsm7: EncodingItem,
    ucs2: EncodingItem,
    histogram: Vec<BarItem>,
}

#[derive(Serialize)]
struct EncodingItem {
    messages: u64,
    segments: u64,
}

#[derive(Serialize)]
struct BarItem {
    segments: u64,
    gsm7: u64,
    ucs2: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CharacterItem {
    character: char,
    code_point: String,
    messages: u64,
    record: u64,
    line: u64,
    instead: Option<&'static str>,
}

#[derive(Serialize)]
struct DuplicatesItem<'a> {
    numbers: u64,
    messages: u64,
    examples: Vec<AgainItem<'a>>,
}

#[derive(Serialize)]
struct AgainItem<'a> {
    line: u64,
    number: &'a str,
}

#[derive(Serialize)]
struct PassedOverItem {
    suppressed: u64,
    duplicates: u64,
    skipped: u64,
}

#[derive(Serialize)]
struct InvalidItem<'a> {
    records: u64,
    kinds: Vec<KindItem<'a>>,
}

#[derive(Serialize)]
struct KindItem<'a> {
    kind: &'static str,
    description: &'a str,
    records: u64,
    examples: Vec<ExampleItem<'a>>,
}

#[derive(Serialize)]
struct ExampleItem<'a> {
    record: u64,
    line: u64,
    byte: u64,
    error: &'a str,
    number: Option<&'a str>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(
        survey: &'a Survey,
        list: &'a List,
        price: Option<&Price>,
        rate: Option<&Rate>,
    ) -> Self {
        let Survey {
            batches,
            texts,
            invalid,
            ..
        } = survey;
        Self {
            event: "plan",
            list: list.file.as_deref().map(|path| path.to_string_lossy()),
            format: survey.format.as_str(),
            list_bytes: survey.bytes,
            recipients: batches.messages,
            bytes: batches.bytes,
            max_bytes: list.limits.max_bytes(),
            max_messages: list.limits.max_messages().map(Into::into),
            batches: batches.kept.iter().map(BatchItem::of).collect(),
            segments: SegmentsItem::of(texts),
            ucs2_characters: texts
                .characters
                .all()
                .iter()
                .map(CharacterItem::of)
                .collect(),
            duplicates: survey.duplicates.as_ref().map(DuplicatesItem::of),
            passed_over: PassedOverItem {
                suppressed: survey.passed_over.suppressed,
                duplicates: survey.passed_over.duplicates,
                skipped: survey.passed_over.skipped,
            },
            invalid: InvalidItem {
                records: invalid.count(),
                kinds: invalid.kinds().into_iter().map(KindItem::of).collect(),
            },
            texts_over_limit: invalid.too_long(),
            warnings: &survey.warnings,
            price: price.map(ToString::to_string),
            cost: price.map(|price| price.of(texts.segments())),
            rate: rate.map(ToString::to_string),
            seconds: rate.map(|rate| rate.time(batches.messages).as_secs_f64()),
        }
    }
}

impl BatchItem {
    fn of(batch: &Batch) -> Self {
        let Batch { first, last, .. } = batch;
        Self {
            number: batch.number,
            messages: batch.messages,
            bytes: batch.bytes,
            records: [first.record, last.record],
            lines: [first.line, last.line],
        }
    }
}

impl SegmentsItem {
    fn of(texts: &Texts) -> Self {
        let of = |encoding| {
            let (messages, segments) = texts.of(encoding);
            EncodingItem { messages, segments }
        };
        let bar = |bar: Bar| BarItem {
            segments: bar.segments,
            gsm7: bar.gsm7,
            ucs2: bar.ucs2,
        };
        Self {
            total: texts.segments(),
            gsm7: of(Encoding::Gsm7),
            ucs2: of(Encoding::Ucs2),
            histogram: texts.bars().map(bar).collect(),
        }
    }
}

impl CharacterItem {
    fn of(forcing: &Forcing) -> Self {
        Self {
            character: forcing.character,
            code_point: forcing.code_point(),
            messages: forcing.messages,
            record: forcing.first.record,
            line: forcing.first.line,
            instead: forcing.instead(),
        }
    }
}

impl<'a> DuplicatesItem<'a> {
    fn of(duplicates: &'a Duplicates) -> Self {
        let again = |again: &'a Again| AgainItem {
            line: again.line,
            number: &again.number,
        };
        Self {
            numbers: duplicates.numbers(),
            messages: duplicates.surplus(),
            examples: duplicates.examples().iter().map(again).collect(),
        }
    }
}

impl<'a> KindItem<'a> {
    fn of(kind: &'a Kind) -> Self {
        let example = |example: &'a Example| ExampleItem {
            record: example.position.record,
            line: example.position.line,
            byte: example.position.byte,
            error: &example.error,
            number: example.number.as_deref(),
        };
        Self {
            kind: kind.name,
            description: &kind.told,
            records: kind.count,
            examples: kind.examples.iter().map(example).collect(),
        }
    }
}
