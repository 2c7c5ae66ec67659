//! Every character there is, beside the standard's tables.

use std::collections::HashMap;

use batchcast::segment::{Encoding, Segments, first_non_gsm};

/// The septets of each character, from `ts_23_038.tsv`.
pub(crate) fn septets() -> HashMap<char, usize> {
    let rows = include_str!("ts_23_038.tsv").lines();
    let rows = rows.filter(|row| !row.starts_with('#'));
    rows.map(|row| {
        let [septets, code, _name] = row.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let code = u32::from_str_radix(code.strip_prefix("U+").unwrap(), 16).unwrap();
        (char::from_u32(code).unwrap(), septets.split(' ').count())
    })
    .collect()
}

#[test]
fn the_table_is_whole() {
    let septets = septets();
    // 128 places without the escape, and the ten of the extension table.
    assert_eq!(septets.len(), 127 + 10);
    assert_eq!(
        septets.values().filter(|&&septets| septets == 2).count(),
        10
    );
}

#[test]
fn every_character_takes_what_the_standard_says() {
    let table = septets();
    for character in '\0'..=char::MAX {
        let text = character.to_string();
        let expected = match table.get(&character) {
            Some(&septets) => (Encoding::Gsm7, septets),
            None => (Encoding::Ucs2, character.len_utf16()),
        };
        let found = Segments::of(&text);
        assert_eq!((found.encoding, found.units), expected, "{character:?}");
        let forces = (!table.contains_key(&character)).then_some(character);
        assert_eq!(first_non_gsm(&text), forces);
    }
}
