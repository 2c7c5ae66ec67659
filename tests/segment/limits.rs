//! The standard's limits, each in a dense range round it.

use batchcast::Text;
use batchcast::segment::{Encoding, Segments, first_non_gsm, non_gsm};

fn segments(text: &str) -> usize {
    Segments::of(text).segments
}

#[test]
fn an_empty_text_is_one_sms() {
    let empty = Segments::of("");
    assert_eq!(
        (empty.encoding, empty.units, empty.segments),
        (Encoding::Gsm7, 0, 1)
    );
}

#[test]
fn septets_alone_and_in_parts() {
    for (septets, expected) in [
        (1, 1),
        (159, 1),
        (160, 1),
        (161, 2),
        (305, 2),
        (306, 2),
        (307, 3),
        (459, 3),
        (460, 4),
        (918, 6),
        (919, 7),
    ] {
        for unit in ["a", "\n", "@", "é", "Δ", "_", " "] {
            let found = Segments::of(&unit.repeat(septets));
            assert_eq!(
                (found.encoding, found.units, found.segments),
                (Encoding::Gsm7, septets, expected),
                "{septets} × {unit:?}"
            );
        }
    }
}

#[test]
fn code_units_alone_and_in_parts() {
    for (units, expected) in [
        (1, 1),
        (69, 1),
        (70, 1),
        (71, 2),
        (133, 2),
        (134, 2),
        (135, 3),
        (201, 3),
        (202, 4),
        (670, 10),
        (671, 11),
    ] {
        for unit in ["您", "á", "’", "`", "\t", "\u{1b}", "\u{a0}", "ç"] {
            let found = Segments::of(&unit.repeat(units));
            assert_eq!(
                (found.encoding, found.units, found.segments),
                (Encoding::Ucs2, units, expected),
                "{units} × {unit:?}"
            );
        }
    }
}

#[test]
fn the_extension_table_takes_two_septets() {
    for unit in ["€", "[", "]", "{", "}", "~", "^", "|", "\\", "\u{c}"] {
        let eighty = Segments::of(&unit.repeat(80));
        assert_eq!(
            (eighty.encoding, eighty.units, eighty.segments),
            (Encoding::Gsm7, 160, 1)
        );
        // 76 of them in each part, and a septet that stays empty: an escape is not parted from what it escapes.
        for (count, expected) in [(81, 2), (152, 2), (153, 3), (228, 3), (229, 4)] {
            assert_eq!(
                segments(&unit.repeat(count)),
                expected,
                "{count} × {unit:?}"
            );
        }
    }
}

#[test]
fn an_escape_is_not_parted_from_what_it_escapes() {
    for before in 140..=160 {
        for behind in 140..=160 {
            let text = format!("{}€{}", "a".repeat(before), "b".repeat(behind));
            let units = before + 2 + behind;
            // The first part ends before the escape if that would be its last septet.
            let first = if before == 152 { 152 } else { 153 };
            let expected = 1 + (units - first).div_ceil(153);
            let found = Segments::of(&text);
            assert_eq!(
                (found.units, found.segments),
                (units, expected),
                "{before} and {behind}"
            );
        }
    }
    // As one SMS it is not parted at all.
    assert_eq!(segments(&format!("{}€", "a".repeat(158))), 1);
    assert_eq!(segments(&format!("{}€", "a".repeat(159))), 2);
}

#[test]
fn a_surrogate_pair_is_not_parted() {
    assert_eq!(segments(&"👋".repeat(35)), 1);
    // 33 in each part, and a code unit that stays empty.
    for (count, expected) in [(36, 2), (66, 2), (67, 3), (99, 3), (100, 4)] {
        assert_eq!(segments(&"👋".repeat(count)), expected, "{count}");
    }
    for before in 60..=75 {
        for behind in 60..=75 {
            let text = format!("{}👋{}", "a".repeat(before), "b".repeat(behind));
            let units = before + 2 + behind;
            let first = if before == 66 { 66 } else { 67 };
            let expected = 1 + (units - first).div_ceil(67);
            let found = Segments::of(&text);
            assert_eq!(
                (found.units, found.segments),
                (units, expected),
                "{before} and {behind}"
            );
        }
    }
}

#[test]
fn one_character_changes_the_encoding_of_all() {
    let text = "a".repeat(160);
    assert_eq!(segments(&text), 1);
    assert_eq!(segments(&format!("{text}’")), 3);
    assert_eq!(first_non_gsm(&format!("{text}€á’")), Some('á'));
    assert_eq!(first_non_gsm(&format!("{text}€")), None);
}

#[test]
fn json_is_counted_as_what_it_stands_for() {
    for (json, plain) in [
        (r#"a \"quote\" \\ \/ \n\r\f"#, "a \"quote\" \\ / \n\r\u{c}"),
        (r"\u0041\u00e9\u20ac", "Aé€"),
        (r"\b\t\u001b", "\u{8}\t\u{1b}"),
        (r"\ud83d\udc4b\u4f60", "👋你"),
        (r"\uD83D\uDC4B", "👋"),
    ] {
        let text = Text::from_json(json).unwrap();
        assert_eq!(Segments::of_text(&text), Segments::of(plain), "{json}");
        let forcing: String = non_gsm(&text).collect();
        assert_eq!(forcing.chars().next(), first_non_gsm(plain), "{json}");
    }
}
