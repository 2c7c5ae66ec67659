//! Random lists of good and bad records: however they are cut, and whatever stands beside a record.

use batchcast::input::{Fields, Format};
use batchcast::{Position, Region};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::paths::{Fact, List};

/// A piece of a list, and what it is.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Vec<u8>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    /// A message where numbers are read as they are written in a region, and invalid elsewhere.
    Regional,
    Invalid,
    /// No record.
    Nothing,
}

fn pieces(of: &[(Kind, &'static [u8])]) -> impl Strategy<Value = Piece> + use<> {
    let of: Vec<_> = of.to_vec();
    (select(of), select(&["\n", "\r\n"][..])).prop_map(|((kind, content), end)| Piece {
        bytes: [content, end.as_bytes()].concat(),
        kind,
    })
}

fn lines() -> impl Strategy<Value = Piece> {
    pieces(&[
        (Kind::Message, b"+14155550100"),
        (Kind::Message, b"+4915112345678"),
        (Kind::Message, b"  +14155550100\t"),
        (Kind::Regional, b"14155550100"),
        (Kind::Regional, b" 415\t555\t0100\r"),
        (Kind::Invalid, b"+1415555\xff100"),
        (Kind::Invalid, b"\0"),
        (Kind::Regional, b"\xef\xbb\xbf+14155550100"),
        (Kind::Nothing, b""),
        (Kind::Nothing, b" \t "),
        (Kind::Nothing, b"# +14155550100"),
        (Kind::Nothing, b"# \xff"),
    ])
}

fn ndjson() -> impl Strategy<Value = Piece> {
    pieces(&[
        (Kind::Message, br#"{"to":"+14155550100"}"#),
        (
            Kind::Message,
            r#"{"text":"Hello \"Bob\" 👋","to":["+4915112345678"]}"#.as_bytes(),
        ),
        (
            Kind::Message,
            br#" {"x":[{}],"phone" : "+14155550100", "text":null} "#,
        ),
        (Kind::Message, br#"{"x":1,"to":"+14155550100"}"#),
        (Kind::Regional, br#"{"to":"14155550100"}"#),
        (Kind::Regional, br#"{"x":1,"to":"415\t555\t0100\n"}"#),
        // As they are, they are no JSON, and the second of these ends a line.
        (Kind::Invalid, b"{\"to\":\"415\t5550100\"}"),
        (Kind::Invalid, b"{\"x\":1,\"to\":\"4155550100\r\"}"),
        (Kind::Invalid, b"{\"to\":\"4155550100"),
        (Kind::Invalid, b"\"}"),
        (
            Kind::Invalid,
            b"{\"to\":\"+14155550100\",\"text\":\"\xff\"}",
        ),
        (Kind::Invalid, br#"{"to":"+14155550100","text":"Hello"#),
        (Kind::Invalid, br#"{"to":"+14155550100"}}"#),
        (Kind::Invalid, b"\0"),
        (Kind::Nothing, b""),
        (Kind::Nothing, b" \t "),
    ])
}

fn csv() -> impl Strategy<Value = Piece> {
    pieces(&[
        (Kind::Message, b"+14155550100,,"),
        (
            Kind::Message,
            "+4915112345678,\"Hello,\n\"\"Bob\"\" 👋\",x".as_bytes(),
        ),
        (Kind::Message, b"\"+14155550100\",\"a\r\n\nb\",\"\""),
        (Kind::Message, b" +14155550100 ,a\"b,\"c\"d"),
        (Kind::Regional, b"(415) 555-0100,,"),
        (Kind::Regional, b"\"415\t555\t0100\r\n\",a,"),
        (Kind::Invalid, b",,"),
        (Kind::Invalid, b"+14155550100,"),
        (Kind::Invalid, b"+14155550100,\xff,"),
        (Kind::Invalid, b"+14155550100,\"\n\xff\","),
        (Kind::Invalid, b"\"\n\n\""),
        (Kind::Invalid, b"\0"),
        (Kind::Nothing, b""),
        (Kind::Nothing, b" \t "),
    ])
}

/// With and without a region.
fn fields() -> impl Strategy<Value = Fields> {
    select(&[None, Some(Region::Us)][..]).prop_map(|region| {
        region.map_or_else(Fields::default, |region| Fields::default().region(region))
    })
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Begins every CSV list here.
const HEADER: &[u8] = b"to,text,x\n";

fn list() -> impl Strategy<Value = (Format, Vec<Piece>)> {
    prop_oneof![
        (
            Just(Format::Lines),
            proptest::collection::vec(lines(), 0..30)
        ),
        (
            Just(Format::Ndjson),
            proptest::collection::vec(ndjson(), 0..30)
        ),
        (Just(Format::Csv), proptest::collection::vec(csv(), 0..30)),
    ]
}

/// A list of good and bad records.
pub(crate) fn list_of() -> impl Strategy<Value = (Format, Vec<u8>)> {
    (list(), any::<bool>()).prop_map(|((format, pieces), bom)| {
        let bom = if bom { BOM } else { b"" };
        let header = if format == Format::Csv { HEADER } else { b"" };
        let records = pieces.into_iter().flat_map(|piece| piece.bytes);
        (
            format,
            bom.iter().chain(header).copied().chain(records).collect(),
        )
    })
}

/// Pieces of what all formats are made of, with a few bytes between them.
pub(crate) fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let soup = proptest::collection::vec(
        select(
            &[
                "\n",
                "\r",
                "\r\n",
                "\"",
                "\"\"",
                ",",
                "{",
                "}",
                ":",
                "[",
                "]",
                "\\",
                "to",
                "\"to\":",
                "text",
                "+14155550100",
                "\"+14155550100\"",
                "{\"to\":\"+14155550100\"}\n",
                "4155550100",
                "{\"to\":\"415",
                "#",
                " ",
                "\t",
                "\0",
                "👋",
                "\u{feff}",
            ][..],
        ),
        0..60,
    );
    let noise = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3);
    (soup, noise).prop_map(|(soup, noise)| {
        let mut bytes = soup.concat().into_bytes();
        for (at, byte) in noise {
            let at = at.index(bytes.len() + 1);
            bytes.insert(at, byte);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn records_are_what_they_are_and_where_they_are(
        (format, pieces) in list(),
        fields in fields(),
        bom in any::<bool>(),
        last_line_ends in any::<bool>(),
        sizes in proptest::collection::vec(0..40_usize, 0..100),
        size in 1..200_usize,
        at_a_time in 1..5_usize,
    ) {
        // At the beginning of the input it would be the input's, not the record's.
        let bom = bom || pieces.first().is_some_and(|piece| piece.bytes.starts_with(BOM));
        let mut bytes = if bom { BOM.to_vec() } else { Vec::new() };
        if format == Format::Csv {
            bytes.extend(HEADER);
        }
        let mut expected = Vec::new();
        for piece in &pieces {
            let kind = match piece.kind {
                Kind::Regional if fields == Fields::default() => Kind::Invalid,
                Kind::Regional => Kind::Message,
                kind => kind,
            };
            if kind != Kind::Nothing {
                let line = 1 + bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
                let position = Position {
                    record: expected.len() as u64 + 1,
                    line,
                    byte: bytes.len() as u64,
                };
                expected.push((kind, position, piece.bytes.clone()));
            }
            bytes.extend(&piece.bytes);
        }
        if !last_line_ends && !pieces.is_empty() {
            bytes.pop();
        }
        let list = List { format, fields: &fields, template: None, bytes: &bytes };
        let facts = list.at_once();
        prop_assert_eq!(facts.records.len(), expected.len());
        for (fact, (kind, position, bytes)) in facts.records.iter().zip(expected) {
            match fact {
                Fact::Message { position: found, .. } => {
                    prop_assert_eq!((Kind::Message, found), (kind, &position));
                }
                Fact::Invalid { position: found, input, .. } => {
                    prop_assert_eq!(Kind::Invalid, kind);
                    let fault = position.byte..=position.byte + bytes.len() as u64;
                    prop_assert!(fault.contains(&found.byte));
                    prop_assert_eq!(*found, Position { byte: found.byte, ..position });
                    let end = if bytes.ends_with(b"\r\n") { 2 } else { 1 };
                    prop_assert_eq!(input, &bytes[..bytes.len() - end]);
                }
            }
        }
        prop_assert_eq!(&list.in_blocks(&sizes, usize::MAX), &facts);
        prop_assert_eq!(&list.in_blocks(&sizes, at_a_time), &facts);
        prop_assert_eq!(&list.through_reader(size), &facts);
    }

    #[test]
    fn hostile_bytes_are_judged_alike_however_they_are_cut(
        bytes in hostile(),
        fields in fields(),
        sizes in proptest::collection::vec(0..12_usize, 0..60),
        size in 1..40_usize,
    ) {
        for &format in Format::ALL {
            let bytes = match format {
                Format::Csv => [HEADER, &bytes].concat(),
                _ => bytes.clone(),
            };
            let list = List { format, fields: &fields, template: None, bytes: &bytes };
            let facts = list.at_once();
            prop_assert_eq!(&list.in_blocks(&sizes, usize::MAX), &facts);
            prop_assert_eq!(&list.in_blocks(&sizes, 1), &facts);
            prop_assert_eq!(&list.through_reader(size), &facts);
        }
    }

    #[test]
    fn the_csv_crate_reads_the_same(
        columns in subsequence(vec!["to", "text", "x", "y"], 4).prop_shuffle(),
        rows in proptest::collection::vec(proptest::collection::vec(select(&[
            "", "a", "Hello, \"Bob\"", "two\nlines", "\"", "\"\"", "é👋", "+14155550100", " x ", "\r\n", "\u{feff}", "a\"b",
        ][..]), 4), 0..12),
        quotes in proptest::collection::vec(0..4_u8, 48),
        crlf in any::<bool>(),
    ) {
        let to = columns.iter().position(|&name| name == "to").unwrap();
        let text = columns.iter().position(|&name| name == "text").unwrap();
        let end = if crlf { "\r\n" } else { "\n" };
        let mut list = columns.join(",") + end;
        let mut quotes = quotes.into_iter();
        for row in &rows {
            let cells: Vec<_> = row.iter().enumerate().map(|(place, &cell)| {
                let cell = if place == to { "+14155550100" } else { cell };
                match quotes.next() {
                    Some(0 | 1) if !cell.contains([',', '\n', '\r', '"']) => cell.to_owned(),
                    // Not RFC 4180, but seen: a quote within, or something behind the closing one.
                    Some(0) if !cell.contains([',', '\n', '\r']) && !cell.starts_with('"') => cell.to_owned(),
                    Some(3) if place != to => format!("\"{}\"z\"", cell.replace('"', "\"\"")),
                    _ => format!("\"{}\"", cell.replace('"', "\"\"")),
                }
            }).collect();
            list += &(cells.join(",") + end);
        }
        let fields = Fields::default();
        let ours = List { format: Format::Csv, fields: &fields, template: None, bytes: list.as_bytes() }.at_once();
        prop_assert_eq!(&ours.error, &None);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(list.as_bytes());
        let theirs: Vec<_> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(ours.records.len(), theirs.len());
        for (ours, theirs) in ours.records.iter().zip(&theirs) {
            let expected = Some(theirs[text].to_owned()).filter(|text| !text.trim().is_empty());
            match ours {
                Fact::Message { to: number, text, .. } => {
                    prop_assert_eq!(number, &theirs[to]);
                    prop_assert_eq!(text, &expected);
                }
                fact @ Fact::Invalid { .. } => prop_assert!(false, "{:?} {}", fact, list),
            }
        }
    }

    #[test]
    fn the_csv_crate_finds_the_same_cells_in_any_soup(
        soup in proptest::collection::vec(select(&[
            "\"", "\"", "\"\"", ",", ",", "\n", "\r\n", "a", "é", "👋", "\\",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "\n+14155550100,", "\n+14155550100,\"", "\",x\n",
        ][..]), 0..40),
    ) {
        let list = format!("to,text,x\n+14155550100,{}", soup.concat());
        let fields = Fields::default();
        let ours = List { format: Format::Csv, fields: &fields, template: None, bytes: list.as_bytes() }.at_once();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(list.as_bytes());
        let theirs = reader.records().map(Result::unwrap);
        for (ours, theirs) in ours.records.iter().zip(theirs) {
            match ours {
                Fact::Message { to, text, .. } => {
                    prop_assert_eq!(to, theirs[0].trim_ascii());
                    let own = Some(&theirs[1]).filter(|text| !text.trim().is_empty());
                    prop_assert_eq!(text.as_deref(), own);
                    prop_assert_eq!(theirs.len(), 3);
                }
                // From here on the two go different ways.
                Fact::Invalid { error, .. } if error.contains("is not closed") => break,
                Fact::Invalid { error, .. } if error.contains("fields where") => {
                    prop_assert!(error.contains(&format!("{} fields where the header has 3", theirs.len())), "{} {:?}", error, theirs);
                }
                Fact::Invalid { .. } => {
                    prop_assert_eq!(theirs.len(), 3);
                    prop_assert!(theirs[0].trim_ascii() != "+14155550100");
                }
            }
        }
    }
}
