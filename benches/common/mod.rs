//! The lists that are measured, and the way through the library that all benches take.
#![allow(dead_code, reason = "each bench uses its part")]

use std::fmt::Write as _;
use std::hint::black_box;

use batchcast::encode::{Limits, Push, Splitter};
use batchcast::input::{Parse, Record, Records};
use batchcast::{Envelope, PhoneNumber, Text};

/// Few enough for an iteration to be quick, enough not to fit into a cache.
pub(crate) const RECORDS: usize = 200_000;
/// The size of the blocks that the reader makes.
const BLOCK: usize = 256 * 1024;

pub(crate) const SENDER: &str = "+16505550100";
pub(crate) const ASCII: &str =
    "your order is on its way and arrives tomorrow between 10 and 12. Reply STOP to opt out.";
pub(crate) const ESCAPES: &str =
    "the driver says: \"I ring twice.\"\nTrack it: https://example.com/t?id=1\\2 or reply STOP.";
pub(crate) const SPANISH: &str =
    "¡tu pedido está en camino! Llegará mañana por la tarde, señora. Responde NO para salir";
pub(crate) const CHINESE: &str = "您的订单已发货,预计明天送达。感谢您的支持!回复 STOP 退订。";
pub(crate) const EMOJI: &str =
    "on its way 🚚📦 and there tomorrow 🎉 between 10 and 12 ⏰. Reply STOP to opt out 👋🏽";

pub(crate) const NAMES: [&str; 4] = ["Ana", "Bob", "Christopher", "Eve"];

pub(crate) fn number(index: usize) -> String {
    format!("+1{}", 2_000_000_000 + index as u64 * 7_919 % 7_999_999_999)
}

/// A list made of a line, or more, for each recipient: its index, its number, its name.
pub(crate) fn list(mut write: impl FnMut(&mut String, &str, &str)) -> Vec<u8> {
    let mut list = String::new();
    for index in 0..RECORDS {
        write(&mut list, &number(index), NAMES[index % NAMES.len()]);
    }
    list.into_bytes()
}

pub(crate) fn lines() -> Vec<u8> {
    list(|list, number, _| writeln!(list, "{number}").unwrap())
}

/// NDJSON as an exporter in Rust or JavaScript writes it.
pub(crate) fn ndjson(text: &str) -> Vec<u8> {
    list(|list, number, name| {
        let text = serde_json::to_string(&format!("Hi {name}, {text}")).unwrap();
        writeln!(list, r#"{{"to":"{number}","text":{text}}}"#).unwrap();
    })
}

/// CSV with a text a record, quoted where it must be.
pub(crate) fn csv(text: &str) -> Vec<u8> {
    let mut csv = b"id,to,text\n".to_vec();
    let mut id = 0;
    csv.extend(list(|list, number, name| {
        id += 1;
        let text = format!("Hi {name}, {text}").replace('"', "\"\"");
        writeln!(list, r#"{id},{number},"{text}""#).unwrap();
    }));
    csv
}

pub(crate) fn envelope(text: Option<&str>) -> Envelope {
    let envelope = Envelope::new(PhoneNumber::parse(SENDER).unwrap());
    match text {
        Some(text) => envelope.with_text(Text::new(text.to_owned()).unwrap()),
        None => envelope,
    }
}

/// Parses `input` block by block, as the sending part does, and counts the messages.
pub(crate) fn parse<P: Parse>(mut parser: P, input: &[u8]) -> u64 {
    let mut messages = 0;
    each_message(&mut parser, input, |message| {
        black_box(message);
        messages += 1;
    });
    messages
}

/// Parses and encodes `input`, as the sending part does, and counts the bytes of the bodies.
pub(crate) fn encode<P: Parse>(mut parser: P, input: &[u8], envelope: &Envelope) -> u64 {
    let mut splitter = Splitter::new(envelope, Limits::default()).unwrap();
    let mut bytes = 0;
    each_message(&mut parser, input, |message| {
        match splitter.push(message).unwrap() {
            Push::Buffered => {}
            Push::Chunk(chunk) => bytes += black_box(chunk).len() as u64,
            Push::Batch(closed) => bytes += (closed.rest.len() + closed.tail.len()) as u64,
        }
    });
    let end = splitter.finish().unwrap();
    bytes + (black_box(end.rest).len() + end.tail.len()) as u64
}

#[inline]
fn each_message<P: Parse>(
    parser: &mut P,
    input: &[u8],
    mut each: impl FnMut(&batchcast::Message<'_>),
) {
    let mut at = 0;
    while at < input.len() {
        let end = input.len().min(at + BLOCK);
        let mut records = parser.block(&input[at..end], end == input.len());
        while let Some(ref record) = records.next().unwrap() {
            match record {
                Record::Message(message) => each(message),
                other => panic!("{other:?}"),
            }
        }
        at += records.consumed();
    }
}
