//! Nothing is allocated for a record: what is allocated is for a chunk, or once.
//!
//! Seen as a difference: a list of twice the length takes as many more allocations as it has more
//! chunks, times a constant. Allocations are counted for each thread alone, so tests do not disturb
//! one another.

use std::fmt::Write as _;

use batchcast::encode::{Limits, Push, Splitter};
use batchcast::input::{
    Answer, Block, Blocks, Csv, Fields, Invalid, Lines, Ndjson, Parse, Record, Records, Template,
    Visitor,
};
use batchcast::{Envelope, Error, Message, PhoneNumber, Text};

const SENDER: &str = "+16505550100";
const RECORDS: usize = 2_000;
/// Small, so that the list has many of each.
const BLOCK_BYTES: usize = 8 * 1024;
const CHUNK_BYTES: usize = 8 * 1024;

/// What makes a chunk shareable; its memory is used again.
const PER_CHUNK: u64 = 1;
/// The last chunk of a list may be copied, or not.
const PER_LIST: u64 = 2;

fn envelope() -> Envelope {
    let text = Text::new("Hello \"Team\"").unwrap();
    Envelope::new(PhoneNumber::parse(SENDER).unwrap()).with_text(text)
}

/// A list of so many records, each written with its number.
fn list(header: &str, records: usize, record: impl Fn(&str) -> String) -> String {
    let mut list = header.to_owned();
    for index in 0..records {
        let number = format!("+1{}", 2_000_000_000 + index);
        writeln!(list, "{}", record(&number)).unwrap();
    }
    list
}

/// How records are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Visit,
    Next,
}

/// What a list took.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    allocations: u64,
    chunks: u64,
    messages: u64,
}

/// Takes messages into a splitter.
struct Taking<'t> {
    splitter: &'t mut Splitter,
    messages: &'t mut u64,
    chunks: &'t mut u64,
}

impl Taking<'_> {
    fn push(&mut self, message: &Message<'_>) {
        *self.messages += 1;
        match self.splitter.push(message).unwrap() {
            Push::Buffered => {}
            Push::Chunk(_) | Push::Batch(_) => *self.chunks += 1,
        }
    }
}

impl Visitor for Taking<'_> {
    type Error = Error;

    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
        self.push(message);
        Ok(Answer::Taken)
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
        Err(invalid.error)
    }
}

/// Takes a list through blocks, a parser and a splitter, as sending does.
fn take<P: Parse>(mut parser: P, list: &[u8], way: Way) -> Taken {
    let mut messages = 0;
    let mut chunks = 0;
    let counted = allocation_counter::measure(|| {
        let splitter = Splitter::new(&envelope(), Limits::default()).unwrap();
        let mut splitter = splitter.with_chunk_bytes(CHUNK_BYTES);
        let mut blocks = Blocks::new(list);
        let (mut block, mut spare) = (Block::new(BLOCK_BYTES), Block::new(BLOCK_BYTES));
        blocks.fill(&mut block).unwrap();
        let mut start = 0;
        loop {
            let mut taking = Taking {
                splitter: &mut splitter,
                messages: &mut messages,
                chunks: &mut chunks,
            };
            let consumed = match way {
                Way::Visit => {
                    let (bytes, last) = (block.bytes(), block.last());
                    let visited = parser.visit(bytes, last, start, &mut taking);
                    visited.unwrap().consumed
                }
                Way::Next => {
                    let mut records = parser.block(block.bytes(), block.last());
                    while let Some(record) = records.next().unwrap() {
                        match record {
                            Record::Message(message) => taking.push(&message),
                            record => panic!("{record:?}"),
                        }
                    }
                    records.consumed()
                }
            };
            start += consumed as u64;
            if block.last() {
                break;
            }
            blocks.fill(&mut spare).unwrap();
            spare.prepend(&block.bytes()[consumed..]);
            std::mem::swap(&mut block, &mut spare);
        }
        drop(splitter.finish());
    });
    Taken {
        allocations: counted.count_total,
        chunks,
        messages,
    }
}

#[track_caller]
fn check<P: Parse>(parser: impl Fn() -> P, header: &str, record: impl Fn(&str) -> String) {
    for way in [Way::Visit, Way::Next] {
        let [one, two] = [1, 2].map(|times| {
            let records = times * RECORDS;
            let list = list(header, records, &record);
            let taken = take(parser(), list.as_bytes(), way);
            assert_eq!(taken.messages, records as u64);
            taken
        });
        let allocations = two.allocations - one.allocations;
        let chunks = two.chunks - one.chunks;
        assert!(chunks >= 5, "{one:?} {two:?}");
        let most = PER_CHUNK * chunks + PER_LIST;
        assert!(allocations <= most, "{way:?}: {one:?} {two:?}");
    }
}

fn ndjson(record: impl Fn(&str) -> String) {
    check(|| Ndjson::new(&Fields::default()), "", record);
}

fn csv(record: impl Fn(&str) -> String) {
    check(|| Csv::new(&Fields::default()), "to,name,text\n", record);
}

#[test]
fn lines() {
    check(Lines::new, "", str::to_owned);
    check(Lines::new, "", |number| format!("\t{number} \r"));
    check(Lines::new, "", |number| format!("# Bob\n\n{number}000"));
}

#[test]
fn ndjson_as_exporters_write_it() {
    ndjson(|number| format!(r#"{{"to":"{number}"}}"#));
    ndjson(|number| format!(r#"{{"to":"{number}","text":"Hello Bob"}}"#));
    ndjson(|number| format!(r#"{{"text":"Hello Bob","to":["{number}"]}}"#));
    ndjson(|number| format!(r#"{{"id":1,"phone":"{number}","x":"y","text":null}}"#));
}

#[test]
fn ndjson_with_escapes() {
    ndjson(|number| format!(r#"{{"to":"{number}","text":"\"Hello\"\n\ud83d\udc4b \u00e9"}}"#));
}

#[test]
fn ndjson_of_any_shape() {
    ndjson(|number| format!(r#" {{ "to" : "{number}" , "text" : "Hello Bob" }} "#));
    ndjson(|number| format!(r#"{{"to": [ "{number}" ],"x":[1],"text":"a\nb"}}"#));
    ndjson(|number| format!(r#"{{"phone":"{number}","x":{{}},"to":"{number}"}}"#));
}

#[test]
fn ndjson_with_long_texts() {
    // More bytes than UTF-16 code units are allowed: these have to be counted.
    let text = "é".repeat(900);
    ndjson(|number| format!(r#"{{"to":"{number}","text":"{text}\n"}}"#));
}

#[test]
fn csv_without_quotes() {
    csv(|number| format!("{number},Bob,"));
    csv(|number| format!(" {number} ,Bob,Hello Bob\r"));
}

#[test]
fn csv_with_quotes() {
    csv(|number| format!("\"{number}\",\"Doe, Bob\",\"Hello,\nBob\""));
    csv(|number| format!("{number},Bob,\"\"\"Hello\"\" Bob\""));
    // Not RFC 4180, but seen.
    csv(|number| format!("{number},\"Bob\" Doe,\"Hello\" Bob"));
}

#[test]
fn templates() {
    let template = || Template::parse("Hi {{name|there}}, \"{{ name | you }}\" {{x|}}!").unwrap();
    let csv = || Csv::new(&Fields::default()).with_template(template());
    for cell in ["Bob", "", "\"\"\"Bob\"\" Doe\"", "\"Bob\" Doe", "a\\b"] {
        check(csv, "to,x,name\n", |number| format!("{number},,{cell}"));
    }
    let ndjson = || Ndjson::new(&Fields::default()).with_template(template());
    for value in [r#""Bob""#, "5", "null", r#""a\nb""#] {
        check(ndjson, "", |number| {
            format!(r#"{{"name":{value},"to":"{number}"}}"#)
        });
        check(ndjson, "", |number| {
            format!(r#"{{ "x" : 1 , "name":{value},"to":"{number}"}}"#)
        });
    }
}

/// On one thread and so that all of it is counted: the stream's way through the sender, the body, reqwest
/// and hyper. The sandbox is on threads of its own.
#[cfg(feature = "send")]
#[test]
fn sending() {
    use batchcast::send::{Client, Credentials, Sender};
    use batchcast_sandbox::Sandbox;
    use futures::stream;

    /// Of hyper and reqwest, and with room for what a full socket makes of it.
    const PER_CHUNK: u64 = 16;
    const CHUNKS: usize = 50;

    let others = tokio::runtime::Runtime::new().unwrap();
    let sandbox = Sandbox::builder().access_token("sandbox").discard(true);
    let sandbox = others.block_on(sandbox.start()).unwrap();
    let mut own = tokio::runtime::Builder::new_current_thread();
    let own = own.enable_all().build().unwrap();

    let to = PhoneNumber::parse("+14155550100").unwrap();
    let [one, two] = [1, 2].map(|times| {
        let entry = r#",{"to":["+14155550100"],"text":"Hello Bob"}"#;
        let messages = times * CHUNKS * CHUNK_BYTES / entry.len();
        let stream = stream::iter((0..messages).map(|_| {
            let text = Text::new("Hello Bob").unwrap();
            Message::new(to).with_text(text)
        }));
        let credentials = Credentials::access_token("sandbox");
        let client = Client::builder(&sandbox.base_url(), credentials).build();
        let sender = Sender::new(client.unwrap(), envelope()).chunk_bytes(CHUNK_BYTES);
        let mut sent = 0;
        let counted = allocation_counter::measure(|| {
            sent = own.block_on(sender.send_stream(stream)).unwrap().messages;
        });
        assert_eq!(sent, messages as u64);
        counted.count_total
    });
    others.block_on(sandbox.shutdown());
    let most = PER_CHUNK * CHUNKS as u64;
    assert!(
        two.saturating_sub(one) <= most,
        "{one}, and {two} for twice as many chunks"
    );
}
