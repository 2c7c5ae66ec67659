use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::cursor::BOM;
use super::fields::RECIPIENT_NAMES;
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

/// What separates columns, in the lists of people who may call theirs CSV.
const SEPARATORS: &[u8] = b",;\t|";

impl Format {
    /// All formats.
    pub const ALL: &[Self] = &[Self::Lines, Self::Ndjson, Self::Csv];

    /// The format of a list with this name, if it has one, and these first bytes.
    ///
    /// [Its extension](Self::of_path) says it, and without one [its first line](Self::sniff). But much is called `.txt`: a
    /// list of numbers by its extension is NDJSON or CSV if its first line is an object, or names the recipient among
    /// the columns, as [`RECIPIENT_NAMES`] has it or as `to` does.
    ///
    /// ```
    /// # use batchcast::input::Format;
    /// let detect = |first| Format::detect(Some("list.txt".as_ref()), first, None);
    /// assert_eq!(detect(b"name,phone\nBob,+14155550100\n"), Format::Csv);
    /// assert_eq!(detect(b"{\"to\":\"+14155550100\"}\n"), Format::Ndjson);
    /// assert_eq!(detect(b"Bob\n+14155550100\n"), Format::Lines);
    /// ```
    #[must_use]
    pub fn detect(path: Option<&Path>, first: &[u8], to: Option<&str>) -> Self {
        let named = path.and_then(Self::of_path);
        match (named, Self::sniff(first)) {
            (None, sniffed) | (Some(Self::Lines), sniffed @ Self::Ndjson) => sniffed,
            (Some(Self::Lines), Self::Csv) if names_recipient(first, to) => Self::Csv,
            (Some(named), _) => named,
        }
    }

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
        match first_line(first) {
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

/// The first line that is neither blank nor a comment.
fn first_line(first: &[u8]) -> Option<&[u8]> {
    let first = first.strip_prefix(BOM).unwrap_or(first);
    let mut lines = first.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.find(|line| !matches!(line, [] | [b'#', ..]))
}

/// Whether the first line is a header with a column for the recipient, whatever separates the columns.
fn names_recipient(first: &[u8], to: Option<&str>) -> bool {
    let wanted = RECIPIENT_NAMES.iter().copied().chain(to);
    let is_wanted = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        let name = cell
            .strip_prefix(b"\"")
            .and_then(|cell| cell.strip_suffix(b"\""))
            .unwrap_or(cell);
        let mut wanted = wanted.clone();
        wanted.any(|wanted| name.eq_ignore_ascii_case(wanted.trim().as_bytes()))
    };
    first_line(first).is_some_and(|line| {
        let mut cells = line.split(|byte| SEPARATORS.contains(byte));
        // Beside a number it is no name.
        cells.clone().any(is_wanted) && !cells.any(is_like_a_number)
    })
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
    fn an_extension_stands_unless_the_first_line_clearly_says_otherwise() {
        for (name, first, format) in [
            ("a.txt", "name,phone\n", Format::Csv),
            (
                "a.list",
                "\u{feff}# mine\n\n\"Name\";\"Phone Number\"\r\n",
                Format::Csv,
            ),
            ("a.txt", "name\tMOBILE\n", Format::Csv),
            ("a.txt", "phone\n+14155550100\n", Format::Csv),
            ("a.txt", "Name,Tel\n", Format::Csv),
            ("a.txt", "# x\n{\"to\":1}\n", Format::Ndjson),
            // These stay what they are called.
            ("a.txt", "", Format::Lines),
            ("a.txt", "# to, phone\n+14155550100\n", Format::Lines),
            ("a.txt", "+14155550100\nname,phone\n", Format::Lines),
            ("a.txt", "+14155550100,phone\n", Format::Lines),
            ("a.txt", "(650) 555-0100\n", Format::Lines),
            ("a.txt", "Name,Fax\n", Format::Lines),
            ("a.txt", "Bob\n", Format::Lines),
            ("a.csv", "{\"to\":1}\n", Format::Csv),
            ("a.json", "name,phone\n", Format::Ndjson),
            ("a", "name,fax\n", Format::Csv),
        ] {
            let found = Format::detect(Some(name.as_ref()), first.as_bytes(), Some("tel"));
            assert_eq!(found, format, "{name} {first:?}");
        }
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
