//! The lists that are measured, and the way through the library that all benches take.
#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod rivals;

use std::fmt::Write as _;
use std::hint::black_box;

use batchcast::encode::{Limits, Push, Splitter};
use batchcast::input::{Answer, Invalid, Parse, Template, Visitor};
use batchcast::{Envelope, Error, Message, PhoneNumber, Text};
use bytes::Bytes;

/// Few enough for an iteration to be quick, enough not to fit into a cache.
pub(crate) const RECORDS: usize = 200_000;
/// The size of the blocks that the reader makes.
pub(crate) const BLOCK: usize = 256 * 1024;

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

/// CSV without a text, for templates.
pub(crate) fn csv_of_names() -> Vec<u8> {
    let mut csv = b"id,to,name\n".to_vec();
    let mut id = 0;
    csv.extend(list(|list, number, name| {
        id += 1;
        writeln!(list, "{id},{number},{name}").unwrap();
    }));
    csv
}

/// The same as NDJSON.
pub(crate) fn ndjson_of_names() -> Vec<u8> {
    let mut id = 0;
    list(|list, number, name| {
        id += 1;
        writeln!(list, r#"{{"id":{id},"to":"{number}","name":"{name}"}}"#).unwrap();
    })
}

/// Three pieces: a greeting, the name, and the text.
pub(crate) fn template(text: &str) -> Template {
    Template::parse(&format!("Hi {{{{name}}}}, {text}")).unwrap()
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
    let mut messages = Messages(0);
    each_block(&mut parser, input, &mut messages);
    messages.0
}

struct Messages(u64);

impl Visitor for Messages {
    type Error = Error;

    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
        black_box(message);
        self.0 += 1;
        Ok(Answer::Taken)
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
        Err(invalid.error)
    }
}

/// Parses and encodes `input`, as the sending part does, and hands the bodies on.
pub(crate) fn encode<P: Parse>(
    mut parser: P,
    input: &[u8],
    envelope: &Envelope,
    mut hand_on: impl FnMut(Bytes),
) {
    let mut bodies = Bodies {
        splitter: Splitter::new(envelope, Limits::default()).unwrap(),
        hand_on: |pushed| match pushed {
            Push::Buffered => {}
            Push::Chunk(chunk) => hand_on(chunk),
            Push::Batch(closed) => {
                hand_on(closed.rest);
                hand_on(closed.tail);
            }
        },
    };
    each_block(&mut parser, input, &mut bodies);
    let closed = bodies.splitter.finish().unwrap();
    (bodies.hand_on)(Push::Batch(closed));
}

struct Bodies<F> {
    splitter: Splitter,
    hand_on: F,
}

impl<F: FnMut(Push)> Visitor for Bodies<F> {
    type Error = Error;

    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
        match self.splitter.push(message)? {
            Push::Buffered => {}
            pushed => (self.hand_on)(pushed),
        }
        Ok(Answer::Taken)
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
        Err(invalid.error)
    }
}

/// What a sender does with a chunk, as far as memory is concerned.
pub(crate) fn consume(chunk: Bytes) {
    drop(black_box(chunk));
}

/// All that was handed on, for a look at it.
pub(crate) fn collected(run: impl FnOnce(&mut dyn FnMut(Bytes))) -> Vec<u8> {
    let mut all = Vec::new();
    run(&mut |chunk| all.extend_from_slice(&chunk));
    all
}

fn each_block<P: Parse>(parser: &mut P, input: &[u8], visitor: &mut impl Visitor<Error = Error>) {
    let mut at = 0;
    while at < input.len() {
        let end = input.len().min(at + BLOCK);
        let visited = parser.visit(&input[at..end], end == input.len(), at as u64, visitor);
        at += visited.unwrap().consumed;
    }
}
