use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::cursor::BOM;
use crate::message::PhoneNumber;

/// The format of a list. All are UTF-8, with LF or CRLF, with or without a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A phone number a line ([`Lines`](super::Lines)).
    Lines,
    /// A JSON object a line ([`Ndjson`](super::Ndjson)).
    Ndjson,
    /// RFC 4180 with a header ([`Csv`](super::Csv)).
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: &[Self] = &[Self::Lines, Self::Ndjson, Self::Csv];

    /// The format that a file name's extension stands for: `txt`, `list`, `lines`; `ndjson`, `jsonl`,
    /// `json`; `csv`. Upper and lower case are the same.
    ///
    /// ```
    /// # use batchcast::input::Format;
    /// assert_eq!(Format::of_path("List.CSV".as_ref()), Some(Format::Csv));
    /// assert_eq!(Format::of_path("list".as_ref()), None);
    /// ```
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "txt" | "list" | "lines" => Some(Self::Lines),
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// The format that the first bytes of an input look like.
    ///
    /// The first line that is neither blank nor a `#` comment decides, though only lists of lines, and of CSV before the
    /// header, may have comments: with `{` at its beginning it is
    /// NDJSON; with `+` or a digit, and without a comma, lines, as with what else a number may begin with as people
    /// write it, `(650) 555-0100`; anything else is CSV. Without any such line it is lines, which may be empty.
    ///
    /// ```
    /// # use batchcast::input::Format;
    /// assert_eq!(Format::sniff(b"{\"to\":\"+14155550100\"}\n"), Format::Ndjson);
    /// assert_eq!(Format::sniff(b"# my list\n\n+14155550100\n"), Format::Lines);
    /// assert_eq!(Format::sniff(b"name,phone\nBob,+14155550100\n"), Format::Csv);
    /// ```
    #[must_use]
    pub fn sniff(first: &[u8]) -> Self {
        let first = first.strip_prefix(BOM).unwrap_or(first);
        let mut lines = first.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        match lines.find(|line| !matches!(line, [] | [b'#', ..])) {
            None => Self::Lines,
            Some([b'{', ..]) => Self::Ndjson,
            Some(line @ [b'+' | b'0'..=b'9', ..]) if !line.contains(&b',') => Self::Lines,
            Some(line) if is_like_a_number(line) && !line.contains(&b',') => Self::Lines,
            Some(_) => Self::Csv,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

/// Whether it is likely meant as a phone number, written somehow, and not a name.
pub(super) fn is_like_a_number(text: &[u8]) -> bool {
    let number = match text.split_at_checked(4) {
        Some((scheme, number)) if scheme.eq_ignore_ascii_case(b"tel:") => number,
        _ => text,
    };
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= PhoneNumber::MIN_DIGITS && !number.iter().any(u8::is_ascii_alphabetic)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = |format: &&Self| format.as_str() == name;
        Self::ALL.iter().find(named).copied().ok_or(UnknownFormat)
    }
}

/// The name of no [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such format; there are lines, ndjson and csv")]
pub struct UnknownFormat;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written() {
        for &format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("CSV".parse::<Format>(), Err(UnknownFormat));
    }

    #[test]
    fn the_first_line_that_counts_decides() {
        for (first, format) in [
            ("", Format::Lines),
            ("\u{feff}", Format::Lines),
            ("\n  \n# a, b\n", Format::Lines),
            ("\u{feff}+14155550100", Format::Lines),
            ("  14155550100  \r\n", Format::Lines),
            ("+14155550100,Bob\n", Format::Csv),
            ("\u{feff}{\"to\"", Format::Ndjson),
            ("\r\n {", Format::Ndjson),
            ("(650) 555-0100\n", Format::Lines),
            ("'6505550100\r\n", Format::Lines),
            ("tel:+1-650-555-0100", Format::Lines),
            ("(650) 555-0100,Bob", Format::Csv),
            ("\"6505550100\",\"Bob\"", Format::Csv),
            ("phone2025\n", Format::Csv),
            ("to\n+14155550100\n", Format::Csv),
            ("\"to\"\n", Format::Csv),
        ] {
            assert_eq!(Format::sniff(first.as_bytes()), format, "{first:?}");
        }
    }
}
