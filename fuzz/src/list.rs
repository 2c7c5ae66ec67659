//! What the checks of the three formats have in common.

use batchcast::input::{Fields, Format, MAX_RECORD_BYTES, Template};
use batchcast::{PhoneNumber, Position, Region};
use twox_hash::XxHash3_64;

use crate::paths::{Fact, Facts, List};

/// How a list's numbers may be written: in E.164 form alone, and as people of a region write them, too.
pub(crate) const REGIONS: [Option<Region>; 2] = [None, Some(Region::Us)];

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Up to this length an input is fed byte by byte. Beyond, that takes too long: it is quadratic.
const SHORT: usize = 128;

/// Parses a list at once and on another path, and returns what both of them gave.
///
/// One other path an input: a fuzzer tries so many inputs that more of them are worth more than more paths.
pub(crate) fn on_two_paths(format: Format, region: Option<Region>, bytes: &[u8]) -> Facts {
    with_template(format, &fields(region), bytes, None)
}

/// With recipients as they are written in a region, if there is one.
pub(crate) fn fields(region: Option<Region>) -> Fields {
    match region {
        None => Fields::default(),
        Some(region) => Fields::default().region(region),
    }
}

/// The number in a string, by somebody who asks the region for each.
pub(crate) fn number(written: &str, region: Option<Region>) -> Option<PhoneNumber> {
    let number = PhoneNumber::parse(written).ok();
    number.or_else(|| region?.parse(written).ok())
}

/// The same with a template.
pub(crate) fn with_template(
    format: Format,
    fields: &Fields,
    bytes: &[u8],
    template: Option<&Template>,
) -> Facts {
    let list = List {
        format,
        fields,
        template,
        bytes,
    };
    // By the bytes themselves, so that an input alone reproduces what it has shown.
    let mut random = Random(XxHash3_64::oneshot(bytes));
    let len = bytes.len();
    let (facts, path) = match random.below(6) {
        0 => (list.in_blocks(&[], usize::MAX), "its end seen late"),
        1 if len <= SHORT => (list.in_blocks(&vec![1; len], 1), "byte by byte"),
        2 if len <= SHORT => (list.through_reader(1), "read byte by byte"),
        1 | 3 => {
            let sizes: Vec<_> = (0..16).map(|_| random.below(len / 8)).collect();
            (list.in_blocks(&sizes, usize::MAX), "in blocks")
        }
        2 | 4 => (list.through_reader(1 + random.below(len)), "read"),
        _ => {
            let cut = random.below(len + 1);
            (list.in_blocks(&[cut], usize::MAX), "cut in two")
        }
    };
    let expected = list.at_once();
    assert_eq!(facts, expected, "{path}");
    expected
}

/// A line as anybody would find it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Without its line end.
    pub(crate) content: &'a [u8],
    /// From 1.
    pub(crate) number: u64,
    /// Where it begins in the input.
    pub(crate) byte: u64,
}

impl Line<'_> {
    pub(crate) fn is_blank(&self) -> bool {
        self.content.trim_ascii().is_empty()
    }

    pub(crate) fn is_too_long(&self) -> bool {
        self.content.len() > MAX_RECORD_BYTES
    }
}

/// The lines of an input, the slow way.
pub(crate) fn lines(bytes: &[u8]) -> Vec<Line<'_>> {
    let mut byte = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    let mut lines = Vec::new();
    for piece in bytes[byte..].split_inclusive(|&byte| byte == b'\n') {
        let content = piece.strip_suffix(b"\n").unwrap_or(piece);
        lines.push(Line {
            content: content.strip_suffix(b"\r").unwrap_or(content),
            number: lines.len() as u64 + 1,
            byte: byte as u64,
        });
        byte += piece.len();
    }
    lines
}

/// Checks that records are where the lines are: `fact` is the record with this number, which begins there.
pub(crate) fn assert_place(fact: &Fact, record: usize, line: Line<'_>) {
    let found = fact.position();
    let (first, last) = (line.byte, line.byte + line.content.len() as u64);
    assert_eq!((found.record, found.line), (record as u64, line.number));
    match fact {
        Fact::Message { .. } => {
            let byte = line.byte;
            assert_eq!(found, Position { byte, ..found });
        }
        Fact::Invalid { error, .. } => {
            assert!((first..=last).contains(&found.byte), "{error}");
        }
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z % end.max(1) as u64) as usize
    }
}
