//! Beside a naive twin, which puts one character after the other into segments.

use std::fmt::Write as _;

use batchcast::Text;
use batchcast::segment::{Encoding, Segments, first_non_gsm, non_gsm};
use proptest::prelude::*;
use proptest::sample::select;

use crate::table;

/// The encoding, the units and the segments of a text.
fn twin(text: &str) -> (Encoding, usize, usize) {
    let table = table::septets();
    let septets: Option<Vec<usize>> = text.chars().map(|char| table.get(&char).copied()).collect();
    let (encoding, lens, alone, each) = match septets {
        Some(septets) => (Encoding::Gsm7, septets, 160, 153),
        None => {
            let units = text.chars().map(char::len_utf16).collect();
            (Encoding::Ucs2, units, 70, 67)
        }
    };
    let units: usize = lens.iter().sum();
    if units <= alone {
        return (encoding, units, 1);
    }
    let mut parts = vec![0];
    for len in lens {
        if parts.last().unwrap() + len > each {
            parts.push(0);
        }
        *parts.last_mut().unwrap() += len;
    }
    (encoding, units, parts.len())
}

/// A text as it may be written in JSON: as serde_json does it, and with nothing but escapes.
fn spellings(text: &str) -> [String; 2] {
    let quoted = serde_json::to_string(text).unwrap();
    let mut escapes = String::new();
    for unit in text.encode_utf16() {
        write!(escapes, "\\u{unit:04x}").unwrap();
    }
    [quoted[1..quoted.len() - 1].to_owned(), escapes]
}

#[track_caller]
fn agree(text: &str) {
    let expected = twin(text);
    let table = table::septets();
    let forcing: Vec<char> = text
        .chars()
        .filter(|char| !table.contains_key(char))
        .collect();
    let is_it = |found: Segments| {
        assert_eq!(
            (found.encoding, found.units, found.segments),
            expected,
            "{text:?}"
        );
    };
    is_it(Segments::of(text));
    assert_eq!(first_non_gsm(text), forcing.first().copied());
    // What follows is for texts that the API takes.
    let Ok(plain) = Text::new(text) else {
        return;
    };
    is_it(Segments::of_text(&plain));
    assert_eq!(non_gsm(&plain).collect::<Vec<_>>(), forcing);
    for json in spellings(text) {
        let text = Text::from_json(json).unwrap();
        is_it(Segments::of_text(&text));
        assert_eq!(non_gsm(&text).collect::<Vec<_>>(), forcing);
    }
}

/// Runs of what matters, so that lengths are near the limits.
fn texts(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = (select(pieces), 0..90_usize).prop_map(|(piece, count)| piece.repeat(count));
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn in_the_alphabet(text in texts(&["a", "Z ", "é", "Ω", "\n", "_", "@", "€", "[", "\\", "\"", "|~"])) {
        agree(&text);
    }

    #[test]
    fn outside_of_it(text in texts(&["a", "é", "á", "’", "您", "👋", "👋🏽", "\t", "\\", "\"", "€", "\u{a0}", "`"])) {
        agree(&text);
    }

    #[test]
    fn whatever_it_is(text in any::<String>()) {
        agree(&text);
    }
}

#[test]
fn texts_as_people_write_them() {
    let texts = include_str!("texts.txt").lines();
    let [mut gsm, mut ucs] = [0, 0];
    for text in texts {
        agree(text);
        match Segments::of(text).encoding {
            Encoding::Gsm7 => gsm += 1,
            Encoding::Ucs2 => ucs += 1,
        }
    }
    assert!(gsm > 5 && ucs > 5);
}

/// `BATCHCAST_TEXTS=PATH`: a file of your own, a text a line.
#[test]
fn texts_of_ones_own() {
    let Some(path) = std::env::var_os("BATCHCAST_TEXTS") else {
        return;
    };
    let texts = std::fs::read_to_string(path).unwrap();
    texts.lines().for_each(agree);
}
