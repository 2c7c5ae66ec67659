//! Texts in which there is nothing to read: nobody gets one, whatever the format.

use batchcast::input::{Fields, Format, Template};
use batchcast::{Text, TextError};

use crate::paths::List;

/// Blank texts, and some that look nearly so.
const TEXTS: [(&str, bool); 14] = [
    ("", true),
    (" ", true),
    ("\t \t", true),
    ("\u{b}\u{c}", true),
    ("\u{85}", true),
    ("\u{a0}", true),
    (" \u{1680}\u{2003}\u{2028}\u{205f} ", true),
    ("\u{3000}", true),
    (" .", false),
    ("\u{a1}", false),
    ("\u{3001}", false),
    ("\u{1f}", false),
    ("\\", false),
    ("é", false),
];

/// As JSON, with escapes wherever there can be one.
fn escaped(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

fn lists(text: &str) -> Vec<(Format, String)> {
    let object =
        |text: &str| format!("{{\"to\":\"+14155550100\",\"a\":\"Bob\",\"text\":{text}}}\n");
    let json = serde_json::to_string(text).unwrap();
    vec![
        (Format::Csv, format!("to,a,text\n+14155550100,Bob,{text}\n")),
        (
            Format::Csv,
            format!("to,a,text\n+14155550100,Bob,\"{text}\"\n"),
        ),
        // Not RFC 4180, but seen: something behind the closing quote.
        (
            Format::Csv,
            format!("to,a,text\n+14155550100,Bob,\"\"{text}\n"),
        ),
        (Format::Ndjson, object(&json)),
        (Format::Ndjson, object(&escaped(text))),
        // Others of its shape, by which that is learned.
        (
            Format::Ndjson,
            object("\"x\"").repeat(3) + &object(&json).repeat(2),
        ),
    ]
}

#[test]
fn a_blank_text_is_no_text_of_its_own() {
    let template = Template::parse("Hi {{a}}").unwrap();
    for (text, is_blank) in TEXTS {
        for (format, list) in lists(text) {
            for template in [None, Some(&template)] {
                let list = List {
                    format,
                    fields: &Fields::default(),
                    template,
                    bytes: list.as_bytes(),
                };
                let expected = match (is_blank, template) {
                    (false, _) => format!("+14155550100 {text:?}"),
                    (true, None) => "+14155550100".to_owned(),
                    (true, Some(_)) => "+14155550100 \"Hi Bob\"".to_owned(),
                };
                let found = list.by_every_path().short();
                assert_eq!(found.last(), Some(&expected), "{format} {text:?} {found:?}");
            }
        }
    }
}

#[test]
fn nothing_makes_a_text_of_it() {
    for (text, is_blank) in TEXTS {
        let json = serde_json::to_string(text).unwrap();
        for json in [json, escaped(text)] {
            let content = &json[1..json.len() - 1];
            let expected = if is_blank {
                Err(TextError::Empty)
            } else {
                Ok(())
            };
            assert_eq!(Text::from_json(content).map(|_| ()), expected, "{content}");
            assert_eq!(Text::new(text).map(|_| ()), expected, "{text:?}");
        }
    }
    // What is made of a template neither.
    let template = Template::parse(" {{a|}}\u{a0}").unwrap();
    for (format, list) in [
        (Format::Csv, "to,a\n+14155550100,\n+14155550100,x\n"),
        (
            Format::Ndjson,
            "{\"to\":\"+14155550100\"}\n{\"to\":\"+14155550100\",\"a\":\"x\"}\n",
        ),
    ] {
        let list = List {
            format,
            fields: &Fields::default(),
            template: Some(&template),
            bytes: list.as_bytes(),
        };
        let found = list.by_every_path().short();
        assert!(found[0].ends_with("the text is empty"), "{found:?}");
        assert_eq!(found[1], "+14155550100 \" x\\u{a0}\"");
    }
    // However long it is.
    assert_eq!(Text::new(" ".repeat(2_000)), Err(TextError::Empty));
}
