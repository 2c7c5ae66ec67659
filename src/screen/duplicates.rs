//! Who is in a list more than once, for one who needs to know it only at the end.

use std::fmt;

use super::NumberSet;
use super::numbers::KEY_BITS;
use crate::message::PhoneNumber;

/// How many parts there are, as a power of two: of millions of numbers, what a part takes is to stay in a core's cache.
const PART_BITS: u32 = 9;
const PARTS: usize = 1 << PART_BITS;

/// How many of a key's bits differ within a part. The others of an entry are its line's.
const LOWER_BITS: u32 = KEY_BITS - PART_BITS;
const LINE_BITS: u32 = u64::BITS - LOWER_BITS;
const LAST_LINE: u64 = (1 << LINE_BITS) - 1;

/// How many entries a part gets room for at once: 31 cache lines. If it were a power of two, the parts would all be written
/// to in the same few sets of the cache.
const CHUNK: usize = 248;

/// How much memory is asked for at once, in entries: 1 MiB, of which only what is written to is taken.
const SLAB_BITS: u32 = 17;
const SLAB: usize = 1 << SLAB_BITS;
const CHUNKS_A_SLAB: usize = SLAB / CHUNK;

/// How many bits a filter has for each entry, at least: then one entry in sixteen is looked at that comes once.
const BITS_AN_ENTRY: usize = 16;

/// Finds the numbers of a list that come more than once.
///
/// It is many times as fast as a [`NumberSet`] asked for each number, because it answers only at the end: until then numbers
/// are only put aside, in parts by their upper bits, and then each part is looked through in a core's cache.
///
/// It takes 8 bytes for each time that a number of the United States, Canada and their neighbours in the plan (`+1`) comes:
/// 80 MB for ten million, 800 MB for a hundred million. Beside that it takes 0.5 to 1 MiB, and up to 4 MiB for each share that
/// is looked through. All others are looked for at once, in a [`NumberSet`].
///
/// Parts are as large as each other, whatever numbers are in them. Only a list that has the same number again and again has a
/// larger one, which takes 8 more bytes an entry while it is looked through.
///
/// ```
/// use batchcast::PhoneNumber;
/// use batchcast::screen::Duplicates;
///
/// let mut duplicates = Duplicates::new(5);
/// for (number, line) in ["+14155550100", "+14155550101", "+14155550100"].iter().zip(1..) {
///     duplicates.see(PhoneNumber::parse(number)?, line);
/// }
/// let found = duplicates.find(0, 1);
/// assert_eq!((found.numbers(), found.surplus()), (1, 1));
/// assert_eq!(found.first()[0].0, 3, "the line on which it comes again");
/// # Ok::<(), batchcast::PhoneNumberError>(())
/// ```
#[derive(Clone)]
pub struct Duplicates {
    /// By the upper bits of the keys.
    parts: Box<[Part]>,
    /// Entries: a key's lower bits, and a line. No slab is ever moved.
    slabs: Vec<Vec<u64>>,
    /// How many chunks of the slabs are in use.
    chunks: usize,
    /// Numbers that have no key.
    far: NumberSet,
    far_again: NumberSet,
    found_far: Repeats,
}

/// Where the entries of a part are.
#[derive(Clone, Default)]
struct Part {
    /// The next entry's place, and where its chunk ends.
    next: usize,
    end: usize,
    /// Where each of its chunks begins.
    chunks: Vec<usize>,
}

/// What [`Duplicates`] finds.
#[derive(Clone)]
pub struct Repeats {
    numbers: u64,
    surplus: u64,
    /// By line.
    first: Vec<(u64, PhoneNumber)>,
    most_shown: usize,
}

impl Duplicates {
    /// None yet. The [first](Repeats::first) `most_shown` are to be told.
    #[must_use]
    pub fn new(most_shown: usize) -> Self {
        Self {
            parts: vec![Part::default(); PARTS].into_boxed_slice(),
            slabs: Vec::new(),
            chunks: 0,
            far: NumberSet::new(),
            far_again: NumberSet::new(),
            found_far: Repeats::none(most_shown),
        }
    }

    /// Sees the list's next number, and the line it is on: that of the number before, or a later one. Behind the first 2^40 lines,
    /// all are taken for the same.
    #[inline]
    pub fn see(&mut self, number: PhoneNumber, line: u64) {
        let Some(key) = NumberSet::key(number) else {
            self.see_far(number, line);
            return;
        };
        let index = (key >> LOWER_BITS) as usize;
        if self.parts[index].next == self.parts[index].end {
            self.open_chunk(index);
        }
        let part = &mut self.parts[index];
        let place = part.next;
        part.next += 1;
        // The key's upper bits are shifted out.
        self.slabs[place >> SLAB_BITS][place % SLAB] = key << LINE_BITS | line.min(LAST_LINE);
    }

    /// Looks for them in a share of what was seen, the first one being 0: `find(0, 1)` finds all. What is found in each share,
    /// at the same time if there are threads for it, is [joined](Repeats::join).
    #[must_use]
    pub fn find(&self, share: usize, shares: usize) -> Repeats {
        let mut found = match share {
            0 => self.found_far.clone(),
            _ => Repeats::none(self.found_far.most_shown),
        };
        let mut filter = Filter::default();
        let mut maybe: Vec<u64> = Vec::new();
        let parts = (0_u64..).zip(&self.parts);
        for (index, part) in parts.skip(share).step_by(shares.max(1)) {
            filter.clear(part.chunks.len() * CHUNK);
            for entries in self.entries(part) {
                filter.add(entries);
            }
            maybe.clear();
            for entries in self.entries(part) {
                let entries = entries.iter().copied();
                maybe.extend(entries.filter(|&entry| filter.has_twice(entry)));
            }
            // By number, and then by line.
            maybe.sort_unstable();
            for same in maybe.chunk_by(|&a, &b| a >> LINE_BITS == b >> LINE_BITS) {
                let &[first, second, ..] = same else {
                    continue;
                };
                found.numbers += 1;
                found.surplus += same.len() as u64 - 1;
                // What was seen was a number.
                if let Some(number) = NumberSet::number(index << LOWER_BITS | first >> LINE_BITS) {
                    found.show(second & LAST_LINE, number);
                }
            }
        }
        found
    }

    /// A number that has no key.
    #[inline(never)]
    fn see_far(&mut self, number: PhoneNumber, line: u64) {
        if self.far.insert(number) {
            return;
        }
        self.found_far.surplus += 1;
        if self.far_again.insert(number) {
            self.found_far.numbers += 1;
            self.found_far.show(line.min(LAST_LINE), number);
        }
    }

    /// Makes room for more entries of a part.
    #[inline(never)]
    fn open_chunk(&mut self, index: usize) {
        let (slab, chunk) = (self.chunks / CHUNKS_A_SLAB, self.chunks % CHUNKS_A_SLAB);
        if slab == self.slabs.len() {
            self.slabs.push(vec![0; SLAB]);
        }
        self.chunks += 1;
        let place = slab * SLAB + chunk * CHUNK;
        let part = &mut self.parts[index];
        part.chunks.push(place);
        (part.next, part.end) = (place, place + CHUNK);
    }

    /// The entries of a part, chunk by chunk.
    fn entries(&self, part: &Part) -> impl Iterator<Item = &[u64]> {
        let (next, end) = (part.next, part.end);
        part.chunks.iter().map(move |&place| {
            let is_open = place + CHUNK == end;
            let len = if is_open { next - place } else { CHUNK };
            &self.slabs[place >> SLAB_BITS][place % SLAB..][..len]
        })
    }
}

impl Repeats {
    const fn none(most_shown: usize) -> Self {
        Self {
            numbers: 0,
            surplus: 0,
            first: Vec::new(),
            most_shown,
        }
    }

    /// How many numbers come more than once.
    #[must_use]
    pub const fn numbers(&self) -> u64 {
        self.numbers
    }

    /// How often they come beyond the first time, all together.
    #[must_use]
    pub const fn surplus(&self) -> u64 {
        self.surplus
    }

    /// The first of them, each with the line where it comes for the second time, in the list's order.
    #[must_use]
    pub fn first(&self) -> &[(u64, PhoneNumber)] {
        &self.first
    }

    /// Adds what was found in another share.
    pub fn join(&mut self, other: Self) {
        self.numbers += other.numbers;
        self.surplus += other.surplus;
        for (line, number) in other.first {
            self.show(line, number);
        }
    }

    fn show(&mut self, line: u64, number: PhoneNumber) {
        let at = self.first.partition_point(|&(before, _)| before <= line);
        if at < self.most_shown {
            self.first.truncate(self.most_shown - 1);
            self.first.insert(at, (line, number));
        }
    }
}

/// Knows of most entries that their numbers come once: a bit for the upper bits of each, and whether these come again.
#[derive(Default)]
struct Filter {
    /// Those that come, and those that come again.
    words: Vec<[u64; 2]>,
    /// How many bits are left out, to say in which word an entry's bit is.
    shift: u32,
}

impl Filter {
    /// Empties it, for so many entries.
    fn clear(&mut self, entries: usize) {
        let bits = (entries * BITS_AN_ENTRY).next_power_of_two();
        let bits = bits.clamp(64, 1 << LOWER_BITS);
        self.words.clear();
        self.words.resize(bits / 64, [0; 2]);
        self.shift = u64::BITS - bits.trailing_zeros();
    }

    /// The word of an entry, and its bit there.
    #[inline]
    const fn place(&self, entry: u64) -> (usize, u64) {
        let bit = entry >> self.shift;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn add(&mut self, entries: &[u64]) {
        for &entry in entries {
            let (word, bit) = self.place(entry);
            let [once, twice] = &mut self.words[word];
            *twice |= *once & bit;
            *once |= bit;
        }
    }

    #[inline]
    fn has_twice(&self, entry: u64) -> bool {
        let (word, bit) = self.place(entry);
        self.words[word][1] & bit != 0
    }
}

/// Without the numbers.
impl fmt::Debug for Duplicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Duplicates")
    }
}

/// Without the numbers.
impl fmt::Debug for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repeats({} numbers)", self.numbers)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    type Told = (u64, u64, Vec<(u64, PhoneNumber)>);

    /// What a plain map finds.
    fn expected(numbers: &[PhoneNumber], shown: usize) -> Told {
        let mut lines: HashMap<_, Vec<u64>> = HashMap::new();
        for (&number, line) in numbers.iter().zip(1..) {
            lines.entry(number).or_default().push(line);
        }
        lines.retain(|_, lines| lines.len() > 1);
        let surplus = lines.values().map(|lines| lines.len() as u64 - 1).sum();
        let first = lines.iter().map(|(&number, lines)| (lines[1], number));
        let mut first: Vec<_> = first.collect();
        first.sort_unstable();
        first.truncate(shown);
        (lines.len() as u64, surplus, first)
    }

    fn found(numbers: &[PhoneNumber], shown: usize, shares: usize) -> Told {
        let mut seen = Duplicates::new(shown);
        for (&number, line) in numbers.iter().zip(1..) {
            seen.see(number, line);
        }
        let mut found = seen.find(0, shares);
        for share in 1..shares {
            found.join(seen.find(share, shares));
        }
        (found.numbers(), found.surplus(), found.first().to_vec())
    }

    fn number(digits: u64) -> PhoneNumber {
        PhoneNumber::parse(&format!("+{digits}")).unwrap()
    }

    proptest! {
        #[test]
        fn they_are_those_of_a_plain_map(
            digits in proptest::collection::vec(
                prop_oneof![
                    14_155_550_000_u64..14_155_550_300,
                    12_000_000_000_u64..20_000_000_000,
                    1_000_000_u64..1_000_100,
                ],
                0..3_000,
            ),
            shown in 0..7_usize,
            shares in 1..4_usize,
        ) {
            let numbers: Vec<_> = digits.into_iter().map(number).collect();
            prop_assert_eq!(found(&numbers, shown, shares), expected(&numbers, shown));
        }

        /// Many of them in few parts, so that these have chunks, and the filter's bits are shared.
        #[test]
        fn they_are_those_of_a_plain_map_in_large_parts(
            lower in proptest::collection::vec((0..2_u64, 0..1_u64 << 14), 0..6 * CHUNK),
        ) {
            let keys = lower.into_iter().map(|(part, lower)| {
                let lower = lower * 1_021 % (1 << LOWER_BITS);
                (509 + part) << LOWER_BITS | lower
            });
            let numbers: Vec<_> = keys.filter_map(NumberSet::number).collect();
            prop_assert_eq!(found(&numbers, 5, 2), expected(&numbers, 5));
        }
    }

    #[test]
    fn a_long_list_has_many_slabs() {
        let mut random = 1_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005) + 1;
            number(12_000_000_000 + (random >> 33) % 700_000 * 7_919)
        };
        let numbers: Vec<_> = (0..5 * SLAB).map(|_| next()).collect();
        assert_eq!(found(&numbers, 5, 2), expected(&numbers, 5));
        let same = vec![number(14_155_550_100); 2 * SLAB];
        assert_eq!(found(&same, 5, 1), expected(&same, 5));
    }

    #[test]
    fn chunks_are_full_to_the_last_entry() {
        for count in [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
            let same = vec![number(14_155_550_100); count];
            assert_eq!(found(&same, 5, 1), expected(&same, 5), "{count}");
        }
    }

    #[test]
    fn lines_too_large_for_an_entry_are_the_last_one() {
        let mut seen = Duplicates::new(5);
        for digits in [14_155_550_100, 1_000_000] {
            seen.see(number(digits), u64::MAX - 1);
            seen.see(number(digits), u64::MAX);
        }
        let found = seen.find(0, 1);
        let lines = found.first().iter().map(|&(line, _)| line);
        assert_eq!(lines.collect::<Vec<_>>(), [LAST_LINE; 2]);
        assert_eq!((found.numbers(), found.surplus()), (2, 2));
    }

    #[test]
    fn nothing_is_shown() {
        let mut seen = Duplicates::new(5);
        for line in 1..=2 {
            seen.see(number(14_155_550_100), line);
        }
        assert_eq!(format!("{seen:?}"), "Duplicates");
        assert_eq!(format!("{:?}", seen.find(0, 1)), "Repeats(1 numbers)");
    }
}
