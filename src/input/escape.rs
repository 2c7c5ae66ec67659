//! Writing JSON strings into memory that is lent as a text.
//!
//! [`json::escape`](crate::encode::json::escape) writes into a body, which is bytes. What is written here
//! stays a `str`, so that nobody has to check it again.

use fearless_simd::prelude::*;
use fearless_simd::{mask8x16, u8x16};

use super::places::{self, Kind, Places};

/// Appends `text` as the content of a JSON string, spelled as [`json::escape`](crate::encode::json::escape)
/// spells it.
#[inline]
pub(super) fn escape(out: &mut String, text: &str) {
    write::<false>(out, text);
}

/// Whether `text` is the content of a JSON string as it stands.
#[inline]
pub(super) fn stands_for_itself(text: &str) -> bool {
    places::none::<Special>(text.as_bytes())
}

/// The same for the inside of a quoted CSV cell, where the only quotes are doubled ones: each two are
/// one. Decoding and encoding in one go.
#[inline]
pub(super) fn escape_undoubled(out: &mut String, inside: &str) {
    write::<true>(out, inside);
}

#[inline]
fn write<const UNDOUBLE: bool>(out: &mut String, text: &str) {
    let bytes = text.as_bytes();
    let mut specials = Places::<Special, 2>::new(bytes);
    let mut run = 0;
    while let Some(at) = specials.next() {
        out.push_str(&text[run..at]);
        out.push_str(spelling(bytes[at]));
        run = at + 1;
        if UNDOUBLE && bytes[at] == b'"' {
            run = specials.next().map_or(run, |second| second + 1);
        }
    }
    out.push_str(&text[run..]);
}

/// The bytes that cannot stand for themselves in a JSON string (RFC 8259, 7).
#[derive(Debug)]
struct Special;

impl Kind for Special {
    #[inline(always)]
    fn hits<S: Simd>(simd: S, bytes: u8x16<S>) -> mask8x16<S> {
        let is = |byte| bytes.simd_eq(u8x16::splat(simd, byte));
        let is_control = bytes.min(u8x16::splat(simd, 0x1f)).simd_eq(bytes);
        is_control | is(b'"') | is(b'\\')
    }
}

fn spelling(special: u8) -> &'static str {
    match special {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        // Holds: all others are control characters.
        control => CONTROLS[usize::from(control % 32)],
    }
}

const CONTROLS: [&str; 32] = [
    "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\b",
    "\\t", "\\n", "\\u000b", "\\f", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012",
    "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a",
    "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::encode::json;

    /// Characters of every kind, and runs between them.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            select(
                &[
                    "", "a", "\"", "\"\"", "\\", "\n", "\r\n", "\t", "\0", "\u{1f}", "é", "您",
                    "👋", "\u{7f}"
                ][..]
            )
            .prop_map(str::to_owned),
            "[ -~]{0,70}",
            any::<char>().prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn json_is_spelled_as_everywhere(text in text()) {
            let mut ours = String::new();
            escape(&mut ours, &text);
            let mut everywhere = Vec::new();
            json::escape(&mut everywhere, &text);
            prop_assert_eq!(ours.as_bytes(), &everywhere[..]);
            prop_assert_eq!(serde_json::from_str::<String>(&format!("\"{ours}\"")).unwrap(), text);
        }

        #[test]
        fn doubled_quotes_are_one(text in text()) {
            let mut ours = String::new();
            escape_undoubled(&mut ours, &text.replace('"', "\"\""));
            let mut expected = String::new();
            escape(&mut expected, &text);
            prop_assert_eq!(ours, expected);
        }
    }

    #[test]
    fn every_control_character_is_spelled() {
        for byte in 0..0x20_u8 {
            let mut out = String::new();
            escape(&mut out, &char::from(byte).to_string());
            assert_eq!(
                format!("\"{out}\""),
                serde_json::to_string(&char::from(byte)).unwrap()
            );
        }
    }
}
