//! Lines that are written like one seen before: the same keys in the same order, the same gaps.
//!
//! A list comes from one exporter, so its lines differ in their values only. From a line that has been
//! parsed a shape is learned, with a place for each value that may be another; the next lines are compared
//! with it. What is equal is compared in blocks, whatever it is (keys, brackets, a space after a colon), so
//! that it makes no difference to the speed how an exporter writes.
//!
//! A line that has a shape is JSON, and means what the line meant that it was learned from: nothing but the
//! values differs, and they are checked.

use std::iter::zip;
use std::ops::Range;

use fearless_simd::Simd;

use super::optimistic;
use crate::encode::json;
use crate::input::MAX_RECORD_BYTES;
use crate::input::pattern::Pattern;
use crate::message::PhoneNumber;

/// How many bytes a line may have beside its values, so that a shape stays small.
const MOST: usize = 512;

/// How many bytes are compared at once.
const BLOCK: usize = 32;

/// What lines have in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    parts: Box<[Part]>,
    /// Of the number, in the block in which it begins.
    mask: u128,
}

/// What is the same in all lines, but for the digits of the number, and what follows it.
#[derive(Debug, Clone)]
struct Part {
    /// Of its first block. Most parts have no more.
    first: Pattern<BLOCK>,
    further: Box<[Pattern<BLOCK>]>,
    len: usize,
    /// Where in it the number begins, if it is here.
    number: Option<usize>,
    then: Then,
    /// For which of a template's names the value that follows stands.
    name: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The text, up to the quote that closes it.
    Text,
    /// Another value.
    Value,
    /// The next line.
    End,
}

/// Where in a line is what counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// The content of the string that is the number, without escapes.
    pub(super) number: Range<usize>,
    /// The content of the string that is the text.
    pub(super) text: Option<Range<usize>>,
    /// Other values, in order. Those that are not here are the same in all lines of the shape.
    pub(super) others: Vec<Range<usize>>,
}

/// A message in a line.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) to: PhoneNumber,
    /// The content of a JSON string, its length not checked yet.
    pub(super) text: Option<&'a str>,
    /// Where the next line begins.
    pub(super) next: usize,
}

impl Shape {
    /// Learns the shape of a line, with its line end, in which the places are. `None` if it is too large.
    /// `name` tells which of a template's names has the value that begins there, if one has.
    pub(super) fn learn(
        line: &[u8],
        places: &Places,
        name: impl Fn(usize) -> Option<usize>,
    ) -> Option<Self> {
        let text = places.text.iter().map(|text| (text, Then::Text));
        let others = places.others.iter().map(|other| (other, Then::Value));
        let mut values: Vec<_> = text.chain(others).collect();
        values.sort_by_key(|(value, _)| value.start);

        let end = line.len()..line.len();
        let mut parts = Vec::new();
        let mut start = 0;
        for (value, then) in values.into_iter().chain([(&end, Then::End)]) {
            // A text begins behind its quote.
            let begin = value.start - usize::from(then == Then::Text);
            parts.push(Part {
                name: name(begin),
                ..Part::learn(&line[..value.start], start, &places.number, then)
            });
            start = value.end;
        }
        let len: usize = parts.iter().map(|part| part.len).sum();
        (len <= MOST).then(|| Self {
            parts: parts.into(),
            mask: PhoneNumber::mask(places.number.len()),
        })
    }

    /// The message in the line that begins at `start`, if it has this shape. In the last bytes of `lines`
    /// none may be found. The places of a template's values are handed to `value`, each with its name's.
    #[inline(always)]
    pub(super) fn find<'a, S: Simd>(
        &self,
        simd: S,
        lines: &'a str,
        start: usize,
        mut value: impl FnMut(usize, Range<usize>),
    ) -> Option<Found<'a>> {
        let bytes = lines.as_bytes();
        let (mut number, mut text) = (start, None);
        let mut at = start;
        for part in &self.parts {
            // A block that is not UTF-8 has no lines to be looked at here.
            let rest = bytes.get(at..)?;
            if !part.fits(simd, rest) {
                return None;
            }
            if let Some(offset) = part.number {
                number = at + offset;
            }
            at += part.len;
            let from = at;
            let whole = match part.then {
                Then::Text => {
                    at = json::scan_string_with(simd, bytes, from).ok()??;
                    text = Some(lines.get(from..at)?);
                    from - 1..at + 1
                }
                Then::Value => {
                    at = optimistic::simple_value_with(simd, bytes, from)?;
                    from..at
                }
                Then::End => break,
            };
            if let Some(name) = part.name {
                value(name, whole);
            }
        }
        // With its line end counted in, a record of the greatest length is not found here either.
        if at - start > MAX_RECORD_BYTES {
            return None;
        }
        // Put together where it is wanted: to keep it in memory in between costs as much as to compare it.
        let block = bytes[number..].first_chunk()?;
        let to = PhoneNumber::from_compared(block, self.mask);
        Some(Found { to, text, next: at })
    }
}

impl Part {
    /// What is between `start` and the end of `line`, which is cut off there.
    fn learn(line: &[u8], start: usize, number: &Range<usize>, then: Then) -> Self {
        let pattern = |block| Pattern::new(line, start + block * BLOCK, number);
        let is_here = (start..line.len()).contains(&number.start);
        Self {
            first: pattern(0),
            further: (1..(line.len() - start).div_ceil(BLOCK))
                .map(pattern)
                .collect(),
            len: line.len() - start,
            number: is_here.then(|| number.start - start),
            then,
            name: None,
        }
    }

    #[inline(always)]
    fn fits<S: Simd>(&self, simd: S, rest: &[u8]) -> bool {
        let ([first, further @ ..], _) = rest.as_chunks() else {
            return false;
        };
        self.first.fits(simd, first)
            && (self.further.is_empty() || fit(simd, &self.further, further))
    }
}

fn fit<S: Simd>(simd: S, patterns: &[Pattern<BLOCK>], blocks: &[[u8; BLOCK]]) -> bool {
    blocks.len() >= patterns.len()
        && zip(patterns, blocks).all(|(pattern, block)| pattern.fits(simd, block))
}
