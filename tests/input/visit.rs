//! A visitor is shown what the slow way finds, however the list is cut, and whatever it refuses.

use std::io;

use batchcast::encode::{Limits, Push, Splitter};
use batchcast::input::{Answer, Blocks, Fields, Format, Invalid, Parse, Record, Records, Visitor};
use batchcast::{Envelope, Error, Message, PhoneNumber};
use proptest::prelude::*;

use crate::paths::{Fact, Facts, List, Unsteady};
use crate::random::{hostile, list_of};

/// What a visitor does.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// Of so many records one is refused if it has no text.
    refuses_every: u64,
    /// So many messages are enough.
    enough: usize,
    /// So many bytes are looked at in advance.
    ahead: usize,
}

fn manners() -> impl Strategy<Value = Manner> {
    let enough = prop_oneof![Just(usize::MAX), 1..20_usize];
    let ahead = prop_oneof![Just(0), Just(usize::MAX), 1..60_usize];
    (1..4_u64, enough, ahead).prop_map(|(refuses_every, enough, ahead)| Manner {
        refuses_every,
        enough,
        ahead,
    })
}

/// Takes notes.
struct Notes {
    manner: Manner,
    facts: Facts,
    taken: usize,
    /// Has no default text.
    splitter: Splitter,
}

impl Notes {
    fn new(manner: Manner) -> Self {
        let envelope = Envelope::new(PhoneNumber::parse("+16505550100").unwrap());
        Self {
            manner,
            facts: Facts::default(),
            taken: 0,
            splitter: Splitter::new(&envelope, Limits::default()).unwrap(),
        }
    }

    /// Why a message is refused.
    fn refuses(&mut self, message: &Message<'_>) -> Option<Error> {
        let every = self.manner.refuses_every;
        if !message.position.record.is_multiple_of(every) {
            return None;
        }
        match self.splitter.push(message) {
            Ok(Push::Buffered) => None,
            Ok(push) => panic!("{push:?}"),
            Err(error) => Some(error),
        }
    }

    /// Takes a message; whether it was the last.
    fn take(&mut self, message: &Message<'_>) -> bool {
        self.facts.records.push(Fact::of_message(message));
        self.taken += 1;
        self.taken == self.manner.enough
    }

    fn note(&mut self, invalid: Invalid<'_>) {
        self.facts.records.push(Fact::of(Record::Invalid(invalid)));
    }
}

impl Visitor for Notes {
    type Error = Error;

    fn ahead(&self) -> usize {
        self.manner.ahead
    }

    fn look_ahead(&mut self, bytes: &[u8]) {
        assert!(self.manner.ahead > 0 && bytes.len() <= self.manner.ahead);
    }

    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
        if let Some(error) = self.refuses(message) {
            return Ok(Answer::Refused(error));
        }
        Ok(if self.take(message) {
            Answer::Enough
        } else {
            Answer::Taken
        })
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
        self.note(invalid);
        Ok(())
    }
}

/// What is seen, and how many bytes are done with.
type Seen = (Facts, usize);

/// All of the list at once, record by record.
fn one_by_one(list: &List<'_>, manner: Manner) -> Seen {
    let mut notes = Notes::new(manner);
    let mut parser = list.parser();
    let mut records = parser.block(list.bytes, true);
    loop {
        let refused = match records.next() {
            Ok(Some(Record::Message(message))) => match notes.refuses(&message) {
                Some(error) => error,
                None if notes.take(&message) => break,
                None => continue,
            },
            Ok(Some(Record::Invalid(invalid))) => {
                notes.note(invalid);
                continue;
            }
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => break,
            Err(error) => {
                notes.facts.error = Some(error.to_string());
                return (notes.facts, 0);
            }
        };
        let start = refused.position().unwrap().byte;
        let record = &list.bytes[usize::try_from(start).unwrap()..records.consumed()];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let input = record.strip_suffix(b"\r").unwrap_or(record);
        notes.note(Invalid {
            error: refused,
            input,
        });
    }
    (notes.facts, records.consumed())
}

/// Visited, in blocks that bring so many new bytes each, then as one.
fn in_blocks(list: &List<'_>, manner: Manner, sizes: &[usize]) -> Seen {
    let mut notes = Notes::new(manner);
    let mut parser = list.parser();
    let (mut start, mut end) = (0, 0);
    let mut sizes = sizes.iter();
    loop {
        let size = sizes.next().copied().unwrap_or(usize::MAX);
        let last = end == list.bytes.len() && size > 0;
        end += size.min(list.bytes.len() - end);
        let bytes = &list.bytes[start..end];
        match parser.visit(bytes, last, start as u64, &mut notes) {
            Ok(visited) => {
                start += visited.consumed;
                if last || visited.enough {
                    return (notes.facts, start);
                }
            }
            Err(error) => {
                notes.facts.error = Some(error.to_string());
                return (notes.facts, 0);
            }
        }
    }
}

/// Visited while it is read, a few bytes at a time.
fn read(list: &List<'_>, manner: Manner, size: usize) -> Facts {
    struct Few<'a>(Unsteady<'a>, usize);

    impl io::Read for Few<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(buffer.len());
            self.0.read(&mut buffer[..size])
        }
    }

    let bytes = list.bytes;
    let mut notes = Notes::new(manner);
    let mut blocks = Blocks::new(Few(Unsteady { bytes, reads: 0 }, size));
    if let Err(error) = blocks.visit(&mut list.parser(), &mut notes, |_, _| ()) {
        notes.facts.error = Some(error.to_string());
    }
    notes.facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_visitor_sees_what_the_slow_way_finds(
        (format, bytes) in list_of(),
        manner in manners(),
        sizes in proptest::collection::vec(0..60_usize, 0..60),
        size in 1..200_usize,
    ) {
        let fields = Fields::default();
        let list = List { format, fields: &fields, template: None, bytes: &bytes };
        let expected = one_by_one(&list, manner);
        prop_assert_eq!(&in_blocks(&list, manner, &[]), &expected);
        prop_assert_eq!(&in_blocks(&list, manner, &sizes), &expected);
        prop_assert_eq!(&read(&list, manner, size), &expected.0);
    }

    #[test]
    fn so_it_does_in_hostile_lists(
        soup in hostile(),
        manner in manners(),
        sizes in proptest::collection::vec(0..12_usize, 0..60),
        size in 1..40_usize,
    ) {
        for &format in Format::ALL {
            let bytes = match format {
                Format::Csv => [b"to,text,x\n", &soup[..]].concat(),
                _ => soup.clone(),
            };
            let fields = Fields::default();
            let list = List { format, fields: &fields, template: None, bytes: &bytes };
            let expected = one_by_one(&list, manner);
            prop_assert_eq!(&in_blocks(&list, manner, &sizes), &expected);
            prop_assert_eq!(&read(&list, manner, size), &expected.0);
        }
    }
}

/// Takes down what it is shown in advance, and where it is told of records.
#[derive(Default)]
struct Ahead {
    shown: Vec<u8>,
    messages: usize,
}

impl Visitor for Ahead {
    type Error = Error;

    fn ahead(&self) -> usize {
        40
    }

    fn look_ahead(&mut self, bytes: &[u8]) {
        self.shown.extend_from_slice(bytes);
    }

    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
        let end = usize::try_from(message.position.byte).unwrap() + message.to.as_str().len();
        assert!((end..end + 60).contains(&self.shown.len()), "{end}");
        self.messages += 1;
        Ok(Answer::Taken)
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
        Err(invalid.error)
    }
}

#[test]
fn all_of_a_block_is_shown_shortly_before_its_records() {
    let list = "+14155550100\n".repeat(1_000);
    let mut ahead = Ahead::default();
    let mut parser = batchcast::input::Lines::new();
    let visited = parser.visit(list.as_bytes(), true, 0, &mut ahead).unwrap();
    assert_eq!((visited.consumed, ahead.messages), (list.len(), 1_000));
    assert!(ahead.shown == list.as_bytes());
}

#[test]
fn what_is_refused_comes_back_as_it_stands_in_the_list() {
    let list = " +14155550100\t\r\nBob\n\n+14155550101\n+14155550102";
    let fields = Fields::default();
    let list = List {
        format: Format::Lines,
        fields: &fields,
        template: None,
        bytes: list.as_bytes(),
    };
    let manner = Manner {
        ahead: 0,
        refuses_every: 1,
        enough: usize::MAX,
    };
    for sizes in [vec![], vec![5; 20], vec![1; 60]] {
        let (facts, _) = in_blocks(&list, manner, &sizes);
        let inputs = facts.records.iter().map(|fact| match fact {
            Fact::Invalid {
                input, position, ..
            } => (position.line, std::str::from_utf8(input).unwrap()),
            fact @ Fact::Message { .. } => panic!("{fact:?}"),
        });
        let expected = [
            (1, " +14155550100\t"),
            (2, "Bob"),
            (4, "+14155550101"),
            (5, "+14155550102"),
        ];
        assert_eq!(inputs.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_spoilt_input_is_an_error_of_the_visit() {
    let fields = Fields::default();
    let list = List {
        format: Format::Csv,
        fields: &fields,
        template: None,
        bytes: b"name\nBob\n",
    };
    let manner = Manner {
        ahead: 0,
        refuses_every: 1,
        enough: usize::MAX,
    };
    let (facts, _) = in_blocks(&list, manner, &[3]);
    assert!(facts.error.is_some_and(|error| error.contains("header")));
}
