//! A damaged journal is made whole where that is safe, and refused otherwise. It is never misread.

use std::fs;
use std::path::Path;

use batchcast::journal::{Entry, Fault, Journal, JournalError, State};

use crate::{Place, bytes, commit, finished, quick_place, resumed, story, untorn};

/// A journal, and what it says after each of its lines.
struct Known {
    place: Place,
    whole: Vec<u8>,
    /// Where each line ends, behind its newline.
    ends: Vec<usize>,
    states: Vec<State>,
}

fn known() -> Known {
    known_of(&story())
}

/// A short one, for what is tried with every bit of it.
fn known_short() -> Known {
    known_of(&story()[..5])
}

fn known_of(entries: &[Entry]) -> Known {
    let place = quick_place();
    let whole = bytes(entries);
    let newlines = whole.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
    let ends: Vec<_> = newlines.map(|(at, _)| at + 1).collect();
    let states: Vec<_> = ends
        .iter()
        .map(|&end| {
            fs::write(&place.path, &whole[..end]).unwrap();
            Journal::read(&place.path).unwrap()
        })
        .collect();
    // Or else a lost line would go unseen below.
    for pair in states.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    assert_eq!(ends.last(), Some(&whole.len()));
    Known {
        place,
        whole,
        ends,
        states,
    }
}

impl Known {
    /// Opens and reads these bytes as a journal. What both say must be the same.
    fn look(&self, bytes: &[u8]) -> Result<State, JournalError> {
        let path = &self.place.path;
        fs::write(path, bytes).unwrap();
        let read = Journal::read(path);
        assert_eq!(fs::read(path).unwrap(), bytes, "reading changes nothing");
        let opened = Journal::open(path).map(|(_, state)| state);
        match (read, opened) {
            (Ok(read), Ok(opened)) => {
                assert_eq!(read, opened);
                Ok(opened)
            }
            (Err(read), Err(opened)) => {
                assert_eq!(read.to_string(), opened.to_string());
                assert_eq!(
                    fs::read(path).unwrap(),
                    bytes,
                    "a refused file is not changed"
                );
                Err(opened)
            }
            (read, opened) => panic!("read: {read:?}, opened: {opened:?}"),
        }
    }

    /// How many lines are whole when the file is cut here. One that lacks only its newline is.
    fn whole_lines(&self, cut: usize) -> usize {
        self.ends.iter().filter(|&&end| end - 1 <= cut).count()
    }
}

#[test]
fn cut_anywhere_it_says_what_its_whole_lines_say() {
    let known = known();
    for cut in 0..=known.whole.len() {
        let found = known.look(&known.whole[..cut]);
        let Some(last) = known.whole_lines(cut).checked_sub(1) else {
            assert!(
                matches!(found, Err(JournalError::NoHeader { .. })),
                "{cut}: {found:?}"
            );
            continue;
        };
        let found = found.unwrap_or_else(|error| panic!("{cut}: {error}"));
        let torn = cut.saturating_sub(known.ends[last]);
        assert_eq!(found.torn, torn as u64, "{cut}");
        assert_eq!(untorn(found), known.states[last], "{cut}");
        let mended = fs::read(&known.place.path).unwrap();
        assert_eq!(mended, known.whole[..known.ends[last]], "{cut}");
    }
}

#[test]
fn what_was_mended_goes_on() {
    let known = known();
    for end in &known.ends[1..known.ends.len() - 2] {
        for cut in [end - 2, end - 1, *end, end + 1] {
            fs::write(&known.place.path, &known.whole[..cut]).unwrap();
            let (mut journal, before) = Journal::open(&known.place.path).unwrap();
            journal.append(&resumed()).unwrap();
            journal.append(&commit(99, 1_000, 1_001)).unwrap();
            drop(journal);
            let after = Journal::read(&known.place.path).unwrap();
            assert_eq!(after.batches.len(), before.batches.len() + 1);
            assert_eq!((after.resumed, after.torn), (before.resumed + 1, 0));
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_seen() {
    let known = known_short();
    for at in 0..known.whole.len() {
        for bit in 0..8 {
            let mut flipped = known.whole.clone();
            flipped[at] ^= 1 << bit;
            let found = known.look(&flipped);
            assert!(found.is_err(), "bit {bit} of byte {at}: {found:?}");
        }
    }
}

#[test]
fn a_flipped_newline_does_not_make_a_torn_line_of_a_whole_one() {
    // As above, and then a crash in the middle of the line after it: the two together end like a line
    // that was cut off, and the first of them may be a commit whose batch was sent.
    let known = known_short();
    for pair in known.ends.windows(2) {
        for cut in pair[0]..pair[1] {
            for bit in 0..8 {
                let mut flipped = known.whole[..cut].to_vec();
                flipped[pair[0] - 1] ^= 1 << bit;
                fs::write(&known.place.path, &flipped).unwrap();
                let found = Journal::read(&known.place.path);
                assert!(found.is_err(), "bit {bit}, cut {cut}: {found:?}");
            }
        }
    }
}

#[test]
fn a_line_that_lost_only_its_newline_is_not_torn_by_a_flipped_bit() {
    let known = known_short();
    for (line, &end) in known.ends.iter().enumerate() {
        let start = line.checked_sub(1).map_or(0, |before| known.ends[before]);
        for at in start..end - 1 {
            for bit in 0..8 {
                let mut flipped = known.whole[..end - 1].to_vec();
                flipped[at] ^= 1 << bit;
                let found = known.look(&flipped);
                assert!(found.is_err(), "bit {bit} of byte {at}: {found:?}");
            }
        }
    }
}

#[test]
fn zeros_at_the_end_are_what_a_power_failure_leaves() {
    let known = known_short();
    for cut in known.ends[0] - 1..known.whole.len() {
        // Where the line was to be, and beyond it.
        for zeros in [1, known.whole.len() - cut, 5_000] {
            let mut zeroed = known.whole[..cut].to_vec();
            zeroed.resize(cut + zeros, 0);
            fs::write(&known.place.path, &zeroed).unwrap();
            let found = Journal::read(&known.place.path).unwrap();
            let last = known.whole_lines(cut) - 1;
            let missing = usize::from(cut == known.ends[last] - 1);
            assert_eq!(
                found.torn,
                (zeroed.len() + missing - known.ends[last]) as u64
            );
            assert_eq!(untorn(found), known.states[last], "{cut}");
        }
        // Anything behind them, and it is something else.
        let mut other = known.whole[..cut].to_vec();
        other.extend_from_slice(b"\0\0x");
        fs::write(&known.place.path, &other).unwrap();
        Journal::read(&known.place.path).unwrap_err();
    }
    let mut zeroed = known.whole[..known.ends[4] - 1].to_vec();
    zeroed.resize(zeroed.len() + 5_000, 0);
    assert_eq!(untorn(known.look(&zeroed).unwrap()), known.states[4]);
    assert_eq!(
        fs::read(&known.place.path).unwrap(),
        known.whole[..known.ends[4]]
    );
}

#[test]
fn lines_cannot_be_moved_left_out_repeated_or_borrowed() {
    let known = known();
    let lines: Vec<_> = known.whole.split_inclusive(|&byte| byte == b'\n').collect();
    let other = bytes(&story());
    let other: Vec<_> = other.split_inclusive(|&byte| byte == b'\n').collect();
    let refused = |lines: &[&[u8]], what: &str, at: usize| {
        let found = known.look(&lines.concat());
        assert!(found.is_err(), "{what} {at}: {found:?}");
    };
    for at in 0..lines.len() {
        let mut moved = lines.clone();
        if at > 0 {
            moved.swap(at - 1, at);
            refused(&moved, "moved", at);
        }
        // Without the last line it is a file that was cut, which a crash leaves as well.
        if at + 1 < lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            refused(&without, "left out", at);
        }
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        refused(&twice, "repeated", at);

        let mut borrowed = lines.clone();
        borrowed[at] = other[at];
        refused(&borrowed, "borrowed", at);
    }
}

#[test]
fn what_no_crash_leaves_is_refused() {
    let known = known();
    for tail in [
        &b"x"[..],
        b"{}",
        b"\n",
        b"{\n",
        b" ",
        b"[",
        b"\xff",
        b"null",
        br#"{"commit":{"batch":1},"at":"2026","crc":"00000000"}"#,
        br#"{"commit":{"batch":1},"at":"2026","crc":"00000000"}x"#,
        br#"{"commit":{"batch":1,"at":"2026","crc":"00000000"}"#,
        br#"{"commit":{"batch":1,"at":"2026","crc":"0000000x"#,
    ] {
        let error = known.look(&[&known.whole, tail].concat()).unwrap_err();
        assert!(
            matches!(error, JournalError::Damaged { .. }),
            "{tail:?}: {error:?}"
        );
    }
    let mut endless = known.whole.clone();
    endless.resize(known.whole.len() + 2_000_000, b'{');
    let error = known.look(&endless).unwrap_err();
    let too_long = Fault::TooLong;
    assert!(
        matches!(error, JournalError::Damaged { fault, .. } if fault == too_long),
        "{error:?}"
    );
}

#[test]
fn damage_is_told_with_its_place_and_a_way_out() {
    let known = known();
    let mut flipped = known.whole.clone();
    flipped[known.ends[3] + 5] ^= 1;
    let error = known.look(&flipped).unwrap_err();
    let JournalError::Damaged {
        line, byte, fault, ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(
        (*line, *byte, *fault),
        (5, known.ends[3] as u64, Fault::Checksum)
    );
    let text = error.to_string();
    let path = known.place.path.display().to_string();
    for part in [
        "line 5 of the journal",
        &path,
        "checksum",
        "Restore the file",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_line_after_damage_does_not_heal_it() {
    // The writer that finds damage gives up before it writes.
    let known = known();
    let mut flipped = known.whole.clone();
    flipped[known.ends[1] + 5] ^= 1;
    fs::write(&known.place.path, &flipped).unwrap();
    Journal::open(&known.place.path).unwrap_err();
    append_raw(&known.place.path, &bytes(&[finished()]));
    Journal::open(&known.place.path).unwrap_err();
}

fn append_raw(path: &Path, more: &[u8]) {
    let mut all = fs::read(path).unwrap();
    all.extend_from_slice(more);
    fs::write(path, all).unwrap();
}
