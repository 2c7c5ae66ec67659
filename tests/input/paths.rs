//! Every way for an input to get to a parser. All must lead to the same.

use std::io::{self, Read};

use batchcast::input::{
    Answer, Fields, Format, Invalid, MAX_REST, MAX_SHOWN, Parse, Parser, Reader, Record, Records,
    Template, Visitor,
};
use batchcast::{Error, Message, Position};

/// What a record turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Message {
        to: String,
        text: Option<String>,
        position: Position,
    },
    Invalid {
        error: String,
        position: Position,
        input: Vec<u8>,
    },
}

impl Fact {
    pub(crate) fn of_message(message: &Message<'_>) -> Self {
        let text = message.text.as_ref();
        Self::Message {
            to: message.to.as_str().to_owned(),
            text: text.map(|text| text.to_plain().into_owned()),
            position: message.position,
        }
    }

    pub(crate) fn of(record: Record<'_>) -> Self {
        match record {
            Record::Message(message) => Self::of_message(&message),
            Record::Invalid(invalid) => Self::Invalid {
                error: invalid.error.to_string(),
                position: invalid.error.position().unwrap(),
                input: invalid.input.to_owned(),
            },
            record => unreachable!("{record:?}"),
        }
    }

    pub(crate) fn position(&self) -> Position {
        match self {
            Self::Message { position, .. } | Self::Invalid { position, .. } => *position,
        }
    }

    /// In a line, for tables: `+1… text` or `line byte: error`.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Message { to, text, .. } => match text {
                None => to.clone(),
                Some(text) => format!("{to} {text:?}"),
            },
            Self::Invalid {
                error, position, ..
            } => {
                let fault = error.split_once("): ").unwrap().1;
                format!("line {} byte {}: {fault}", position.line, position.byte)
            }
        }
    }
}

/// All records, and what spoiled the input, if anything did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    pub(crate) records: Vec<Fact>,
    pub(crate) error: Option<String>,
}

/// A list as a table test sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) format: Format,
    pub(crate) fields: &'a Fields,
    pub(crate) template: Option<&'a Template>,
    pub(crate) bytes: &'a [u8],
}

impl List<'_> {
    pub(crate) fn parser(&self) -> Parser {
        let parser = Parser::new(self.format, self.fields);
        match self.template {
            None => parser,
            Some(template) => parser.with_template(template.clone()).unwrap(),
        }
    }

    /// The input in one block, by the way that takes records of all shapes.
    pub(crate) fn at_once(&self) -> Facts {
        let mut facts = Facts::default();
        let mut parser = self.parser();
        let mut records = parser.block(self.bytes, true);
        if facts.take(&mut records) {
            assert_eq!(records.consumed(), self.bytes.len());
        }
        facts
    }

    /// The input in blocks that bring so many new bytes each, then as one, shown to a visitor who has enough of each
    /// after so many messages.
    pub(crate) fn in_blocks(&self, sizes: &[usize], at_a_time: usize) -> Facts {
        let mut facts = Facts::default();
        let mut parser = self.parser();
        let mut bytes = Vec::new();
        let mut start = 0;
        let mut unread = self.bytes;
        let mut sizes = sizes.iter();
        loop {
            let size = sizes.next().copied().unwrap_or(usize::MAX);
            let (new, later) = unread.split_at(size.min(unread.len()));
            bytes.extend_from_slice(new);
            unread = later;
            let last = new.is_empty() && size > 0;
            loop {
                let mut taking = Taking {
                    facts: &mut facts,
                    left: at_a_time,
                };
                match parser.visit(&bytes, last, start, &mut taking) {
                    Ok(visited) => {
                        bytes.drain(..visited.consumed);
                        start += visited.consumed as u64;
                        if !visited.enough {
                            break;
                        }
                    }
                    Err(error) => {
                        facts.error = Some(error.to_string());
                        return facts;
                    }
                }
            }
            assert!(bytes.len() <= MAX_REST, "{} bytes are left", bytes.len());
            if last {
                assert_eq!(bytes, b"", "the last block is consumed");
                return facts;
            }
        }
    }

    /// The input through a reader, in blocks of a size.
    pub(crate) fn through_reader(&self, size: usize) -> Facts {
        let mut facts = Facts::default();
        let read = Unsteady {
            bytes: self.bytes,
            reads: 0,
        };
        let mut reader = Reader::with_block_bytes(read, self.parser(), size);
        loop {
            match reader.next() {
                Ok(Some(record)) => facts.records.push(Fact::of(record)),
                Ok(None) => return facts,
                Err(error) => {
                    facts.error = Some(error.to_string());
                    return facts;
                }
            }
        }
    }

    /// By every path, which must all lead to the same.
    pub(crate) fn by_every_path(&self) -> Facts {
        let expected = self.at_once();
        let same = |facts: Facts, path: &str| {
            let bytes = String::from_utf8_lossy(self.bytes);
            assert_eq!(facts, expected, "{path}: {bytes:?}");
        };
        let len = self.bytes.len();
        same(self.in_blocks(&[], usize::MAX), "its end seen late");
        for size in [1, 2, 3, 5, 16] {
            same(self.in_blocks(&vec![size; len], usize::MAX), "tiny blocks");
            same(self.through_reader(size), "reader with tiny blocks");
        }
        for split in 0..=len {
            same(self.in_blocks(&[split], usize::MAX), "a split in two");
        }
        for at_a_time in 1..3 {
            same(self.in_blocks(&[], at_a_time), "dropped records");
            same(self.in_blocks(&vec![4; len], at_a_time), "dropped records");
        }
        same(self.through_reader(1_000_000), "reader");
        expected
    }
}

impl Facts {
    /// Takes records; false if the input is spoiled.
    fn take(&mut self, records: &mut impl Records) -> bool {
        loop {
            match records.next() {
                Ok(Some(record)) => self.push(Fact::of(record)),
                Ok(None) => return true,
                Err(error) => {
                    self.error = Some(error.to_string());
                    return false;
                }
            }
        }
    }

    fn push(&mut self, fact: Fact) {
        if let Fact::Invalid { input, error, .. } = &fact {
            let shown = error.contains("is longer than");
            assert!(!shown || input.len() == MAX_SHOWN);
        }
        self.records.push(fact);
    }

    pub(crate) fn short(&self) -> Vec<String> {
        let records = self.records.iter().map(Fact::short);
        records.chain(self.error.clone()).collect()
    }
}

/// Takes records that it is shown, as many messages as are left.
struct Taking<'f> {
    facts: &'f mut Facts,
    left: usize,
}

impl Visitor for Taking<'_> {
    type Error = Error;

    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
        self.facts.push(Fact::of_message(message));
        self.left -= 1;
        Ok(if self.left == 0 {
            Answer::Enough
        } else {
            Answer::Taken
        })
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
        self.facts.push(Fact::of(Record::Invalid(invalid)));
        Ok(())
    }
}

/// Gives what there is, and is interrupted every other time.
pub(crate) struct Unsteady<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) reads: usize,
}

impl Read for Unsteady<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads.is_multiple_of(2) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.bytes.read(buffer)
    }
}

/// Checks a list by every path, with and without a byte order mark, with LF and with CRLF.
#[track_caller]
pub(crate) fn check(format: Format, fields: &Fields, list: &str, expected: &[&str]) {
    check_list(
        List {
            format,
            fields,
            template: None,
            bytes: list.as_bytes(),
        },
        expected,
    );
}

/// The same with a template.
#[track_caller]
pub(crate) fn check_template(format: Format, template: &str, list: &str, expected: &[&str]) {
    check_list(
        List {
            format,
            fields: &Fields::default(),
            template: Some(&Template::parse(template).unwrap()),
            bytes: list.as_bytes(),
        },
        expected,
    );
}

#[track_caller]
fn check_list(list: List<'_>, expected: &[&str]) {
    let text = std::str::from_utf8(list.bytes).unwrap();
    assert_eq!(list.by_every_path().short(), expected, "{text:?}");
    // Offsets are other ones then; lines and records are not.
    let crlf = text.replace('\n', "\r\n");
    for variant in [format!("\u{feff}{text}"), crlf] {
        let bytes = variant.as_bytes();
        let facts = List { bytes, ..list }.by_every_path().short();
        let without_bytes = |fact: &str| match fact.split_once(" byte ") {
            None => fact.replace("\\r\\n", "\\n"),
            Some((before, after)) => {
                format!("{before}{}", after.split_once(": ").map_or("", |it| it.1))
            }
        };
        assert_eq!(
            facts.iter().map(|it| without_bytes(it)).collect::<Vec<_>>(),
            expected
                .iter()
                .map(|it| without_bytes(it))
                .collect::<Vec<_>>(),
            "{variant:?}"
        );
    }
}

#[track_caller]
pub(crate) fn check_bytes(format: Format, fields: &Fields, bytes: &[u8], expected: &[&str]) {
    let list = List {
        format,
        fields,
        template: None,
        bytes,
    };
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(list.by_every_path().short(), expected, "{text:?}");
}
