//! Messages to batches: what comes out of the splitter, read by `serde_json`, is what went in.

use std::num::NonZeroU64;

use arbitrary::{Arbitrary, Unstructured};
use batchcast::encode::{Batch, ClosedBatch, Limits, Push, Splitter};
use batchcast::{Envelope, ErrorKind, Message, PhoneNumber, Position, RecordError, Text};
use serde::Deserialize;

const SENDER: &str = "+16505550100";

#[derive(Debug, Arbitrary)]
struct Plan<'a> {
    max_bytes: u16,
    max_messages: Option<u8>,
    chunk_bytes: u16,
    other_chunk_bytes: u16,
    default_text: Option<&'a str>,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Message(u64, Content<'a>),
    Flush,
    Close,
}

#[derive(Debug, Arbitrary)]
enum Content<'a> {
    Default,
    Plain(&'a str),
    Json(&'a str),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    from: String,
    text: Option<String>,
    messages: Vec<Entry>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    to: [String; 1],
    text: Option<String>,
}

/// What came of a plan.
#[derive(Debug, Default)]
struct Outcome {
    /// Each with its bytes, and whether it was closed because the next message did not fit.
    batches: Vec<(Batch, Vec<u8>, bool)>,
    /// The messages that are in them.
    taken: Vec<(Position, Entry, u64)>,
}

/// Checks the batches of a plan made of `bytes`.
pub fn check(bytes: &[u8]) {
    let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let mut envelope = Envelope::new(PhoneNumber::parse(SENDER).expect("a good number"));
    let default = plan.default_text.and_then(|text| Text::new(text).ok());
    if let Some(default) = default {
        envelope = envelope.with_text(default.into_owned());
    }
    let mut limits = Limits::default().with_max_bytes(plan.max_bytes.into());
    if let Some(most) = plan
        .max_messages
        .and_then(|most| NonZeroU64::new(most.into()))
    {
        limits = limits.with_max_messages(most);
    }
    let Some(outcome) = run(&plan, &envelope, limits, plan.chunk_bytes.into()) else {
        return;
    };
    judge(&outcome, &envelope, limits);

    let other = run(&plan, &envelope, limits, plan.other_chunk_bytes.into());
    let other = other.expect("chunks make no difference");
    assert_eq!(outcome.batches, other.batches);
}

/// `None` if the limits cannot hold anything.
fn run(plan: &Plan<'_>, envelope: &Envelope, limits: Limits, chunk: usize) -> Option<Outcome> {
    let mut splitter = Splitter::new(envelope, limits)
        .ok()?
        .with_chunk_bytes(chunk);
    let mut outcome = Outcome::default();
    let mut body = Vec::new();
    let mut record = 0;
    for step in &plan.steps {
        match step {
            Step::Flush => body.extend(splitter.flush().unwrap_or_default()),
            Step::Close => outcome.close(&mut body, splitter.close_batch(), false),
            Step::Message(number, content) => {
                record += 1;
                let message = message(*number, content).at(Position::of_record(record));
                match splitter.push(&message) {
                    Ok(Push::Buffered) => {}
                    Ok(Push::Chunk(chunk)) => body.extend(chunk),
                    Ok(Push::Batch(closed)) => outcome.close(&mut body, Some(closed), true),
                    Err(error) => {
                        let fault = refused(&message, envelope, limits);
                        let ErrorKind::Record {
                            fault: found,
                            position,
                        } = error.kind()
                        else {
                            panic!("{error}");
                        };
                        assert_eq!((Some(found), *position), (fault.as_ref(), message.position));
                        continue;
                    }
                }
                assert_eq!(refused(&message, envelope, limits), None);
                let entry = Entry {
                    to: [message.to.as_str().to_owned()],
                    text: message.text.as_ref().map(|text| text.to_plain().into()),
                };
                let bytes = entry_bytes(&message, envelope);
                outcome.taken.push((message.position, entry, bytes));
            }
        }
    }
    outcome.close(&mut body, splitter.finish(), false);
    assert!(body.is_empty());
    Some(outcome)
}

impl Outcome {
    fn close(&mut self, body: &mut Vec<u8>, closed: Option<ClosedBatch>, is_full: bool) {
        let Some(ClosedBatch { batch, rest, tail }) = closed else {
            return;
        };
        body.extend(rest);
        // The gate holds the tail back: without it there must be nothing to accept.
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err());
        body.extend(tail);
        self.batches.push((batch, std::mem::take(body), is_full));
    }
}

fn judge(outcome: &Outcome, envelope: &Envelope, limits: Limits) {
    let mut taken = outcome.taken.iter();
    for (index, (batch, bytes, is_full)) in outcome.batches.iter().enumerate() {
        let body: Body = serde_json::from_slice(bytes).expect("a batch is JSON");
        assert_eq!(body.from, SENDER);
        let default = envelope.text().map(|text| text.to_plain().into_owned());
        assert_eq!(body.text, default);

        assert_eq!(batch.number, index as u64 + 1);
        assert_eq!(batch.bytes, bytes.len() as u64);
        assert_eq!(batch.messages, body.messages.len() as u64);
        assert!(batch.messages > 0 && batch.bytes <= limits.max_bytes());
        let most = limits.max_messages().map_or(u64::MAX, NonZeroU64::get);
        assert!(batch.messages <= most);

        let mut positions = Vec::new();
        for message in &body.messages {
            let (position, entry, _) = taken.next().expect("no message comes from nowhere");
            assert_eq!(message.to, entry.to);
            // The default text is not repeated where a message carries the same.
            let is_left_out = message.text.is_none() && entry.text == body.text;
            assert!(message.text == entry.text || is_left_out);
            positions.push(*position);
        }
        assert_eq!(positions.first(), Some(&batch.first));
        assert_eq!(positions.last(), Some(&batch.last));
        if *is_full {
            let (_, _, next) = taken.clone().next().expect("it did not fit");
            assert!(batch.bytes + next > limits.max_bytes() || batch.messages == most);
        }
    }
    assert_eq!(taken.next(), None, "no message is lost");
}

fn message<'a>(number: u64, content: &Content<'a>) -> Message<'a> {
    let number = 1_000_000 + number % (1_000_000_000_000_000 - 1_000_000);
    let to = PhoneNumber::parse(&format!("+{number}")).expect("7 to 15 digits");
    let text = match *content {
        Content::Default => None,
        Content::Plain(text) => Text::new(text).ok(),
        Content::Json(content) => Text::from_json(content).ok(),
    };
    let message = Message::new(to);
    match text {
        Some(text) => message.with_text(text),
        None => message,
    }
}

/// Why a message is in no batch, by the rules.
fn refused(message: &Message<'_>, envelope: &Envelope, limits: Limits) -> Option<RecordError> {
    if message.text.is_none() && envelope.text().is_none() {
        return Some(RecordError::NoText);
    }
    let bytes = around(envelope) + entry_bytes(message, envelope);
    let max_bytes = limits.max_bytes();
    (bytes > max_bytes).then_some(RecordError::EntryTooLarge { bytes, max_bytes })
}

/// The bytes of a body around its entries, each of which counts with one separator or bracket.
fn around(envelope: &Envelope) -> u64 {
    let head = match envelope.text() {
        None => serde_json::json!({"from": SENDER, "messages": []}),
        Some(text) => serde_json::json!({"from": SENDER, "text": text.to_plain(), "messages": []}),
    };
    head.to_string().len() as u64 - 1
}

/// The bytes of an entry and what separates it, seen in a batch of its own.
fn entry_bytes(message: &Message<'_>, envelope: &Envelope) -> u64 {
    let limits = Limits::default();
    let mut alone = Splitter::new(envelope, limits).expect("there is room");
    match alone.push(message) {
        Ok(_buffered) => alone.finish().map_or(0, |closed| closed.batch.bytes) - around(envelope),
        Err(_) => 0,
    }
}
