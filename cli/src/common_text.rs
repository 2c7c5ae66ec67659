//! A text that the records of a list have in common, so that it is in a batch once and not in each of its messages.
//!
//! A batch's text stands before its messages, so it has to be known before the first is. What decides is the beginning of
//! the list, as much of it as comes in one piece: if all texts there are the same, that one is taken, and messages further on
//! that carry another keep it. A journal remembers that, so that a run is gone on with as it was begun.

use std::io::{self, Read};

use anyhow::{Context as _, Result};
use batchcast::Text;
use batchcast::input::{Parse as _, Parser, Record, Records as _};
use twox_hash::XxHash3_64;

use crate::config::List;
use crate::fail::Usage;

/// How much of a list is looked at.
const MAX_AHEAD: usize = 64 * 1024;

/// In smaller batches there may be no room for a message's own text beside it.
const LEAST_MAX_BYTES: u64 = 64 * 1024;

/// Whether to look for a text that records have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Common {
    /// Yes, and decide.
    Look,
    /// The run was begun without.
    Without,
    /// The run was begun with one, which has this digest.
    With(String),
}

impl Common {
    /// That of a run that was begun so.
    pub(crate) fn again(digest: Option<String>) -> Self {
        digest.map_or(Self::Without, Self::With)
    }
}

/// Finds the text that the records of `list` have in common. What is read for that comes behind `ahead`.
pub(crate) fn find(
    list: &List,
    parser: Parser,
    reader: &mut impl Read,
    ahead: &mut Vec<u8>,
) -> Result<Option<Text<'static>>> {
    let has_own_texts_only = list.envelope.text().is_none() && list.template.is_none();
    match &list.common {
        Common::Look if has_own_texts_only && list.limits.max_bytes() >= LEAST_MAX_BYTES => {
            let seen = look(parser, reader, ahead).context("cannot read the list")?;
            Ok(seen.first.filter(|_| seen.is_common && seen.messages > 1))
        }
        Common::With(before) => {
            let seen = look(parser, reader, ahead).context("cannot read the list")?;
            let first = seen.first.filter(|first| digest(first) == *before);
            first.map(Some).ok_or_else(|| {
                Usage::error(
                    "the list is not the one that the run was begun with: its first text is another. Give the \
                     same list as before",
                )
            })
        }
        _ => Ok(None),
    }
}

/// By what a journal knows a text again, without having it.
pub(crate) fn digest(text: &Text<'_>) -> String {
    format!("{:016x}", XxHash3_64::oneshot(text.to_plain().as_bytes()))
}

/// What there is at the beginning of a list.
#[derive(Default)]
struct Seen {
    messages: u64,
    /// The text of the first message.
    first: Option<Text<'static>>,
    /// Whether all have that one.
    is_common: bool,
}

/// Reads until there is a message, and no further than that needs.
fn look(mut parser: Parser, reader: &mut impl Read, ahead: &mut Vec<u8>) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let mut block = vec![0; MAX_AHEAD];
    let mut consumed = 0;
    loop {
        let start = &ahead[..ahead.len().min(MAX_AHEAD)];
        consumed += seen.look_at(&mut parser, &start[consumed..]);
        if seen.messages > 0 || ahead.len() >= MAX_AHEAD {
            return Ok(seen);
        }
        match reader.read(&mut block) {
            // The last record may lack its line end: alone it has nothing in common with others.
            Ok(0) => return Ok(seen),
            Ok(read) => ahead.extend_from_slice(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Seen {
    /// Looks at the records of a block, and says how much of it is done with.
    fn look_at(&mut self, parser: &mut Parser, block: &[u8]) -> usize {
        let mut records = parser.block(block, false);
        // What spoils the whole list is found again when it is read.
        while let Ok(Some(record)) = records.next() {
            let Record::Message(message) = record else {
                continue;
            };
            self.messages += 1;
            if self.messages == 1 {
                self.is_common = message.text.is_some();
                self.first = message.text.map(Text::into_owned);
            } else {
                self.is_common &= message.text == self.first;
            }
        }
        records.consumed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use batchcast::input::{Fields, Format};

    fn seen(list: &str) -> (Seen, usize) {
        let parser = Parser::new(Format::Ndjson, &Fields::default());
        let mut ahead = Vec::new();
        let mut lines = Lines(list.split_inclusive('\n'));
        let seen = look(parser, &mut lines, &mut ahead).unwrap();
        (seen, ahead.len())
    }

    /// Gives a line at a time, as a pipe does.
    struct Lines<I>(I);

    impl<'l, I: Iterator<Item = &'l str>> Read for Lines<I> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let line = self.0.next().unwrap_or_default().as_bytes();
            into[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }

    #[test]
    fn no_more_is_waited_for_than_the_first_message() {
        let line = "{\"to\":\"+14155550100\",\"text\":\"a\"}\n";
        let (seen_, len) = seen(&format!("\nno message\n{line}{line}"));
        assert_eq!(
            (seen_.messages, len),
            (1, "\nno message\n".len() + line.len())
        );
        assert_eq!(seen_.first.unwrap().to_plain(), "a");
        assert_eq!(seen("").0.messages, 0);
        assert_eq!(seen(&"\n".repeat(MAX_AHEAD + 9)).1, MAX_AHEAD);
    }

    #[test]
    fn all_have_it_or_none_does() {
        let list = |texts: &[&str]| {
            let line = |text: &&str| format!("{{\"to\":\"+14155550100\"{text}}}\n");
            let list: String = texts.iter().map(line).collect();
            let mut parser = Parser::new(Format::Ndjson, &Fields::default());
            let mut seen = Seen::default();
            let consumed = seen.look_at(&mut parser, list.as_bytes());
            assert_eq!(consumed, list.len());
            seen.is_common
        };
        let (a, b) = (",\"text\":\"a\"", ",\"text\":\"b\"");
        assert!(list(&[a, a, a]));
        for others in [&[a, a, b][..], &[a, "", a], &["", ""], &["", a]] {
            assert!(!list(others), "{others:?}");
        }
    }
}
