//! What is often taken for a list and is none: known by its first bytes, so that the error can name the way out.

use anyhow::anyhow;
use memchr::memchr;

/// What an input is instead of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    Utf16,
    /// A spreadsheet is one, too.
    Zip,
    /// An older spreadsheet.
    Ole,
    Pdf,
    Xz,
    Bzip2,
    JsonArray,
    /// Its lines end as those of old Macs do: read as one line, it would be a header without a list.
    CarriageReturns,
}

/// What begins so, if it is nothing that could be a list.
pub(crate) fn of(ahead: &[u8]) -> Option<Foreign> {
    Some(match ahead {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Foreign::Utf16,
        // Without a mark: every other byte of ASCII is zero.
        [0, 1..=255, 0, 1..=255, ..] | [1..=255, 0, 1..=255, 0, ..] => Foreign::Utf16,
        [b'P', b'K', 3, 4, ..] => Foreign::Zip,
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Foreign::Ole,
        [b'%', b'P', b'D', b'F', b'-', ..] => Foreign::Pdf,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Foreign::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => Foreign::Bzip2,
        _ => match ahead.trim_ascii_start() {
            [b'[', rest @ ..]
                if matches!(
                    rest.trim_ascii_start(),
                    [] | [b'{' | b'[' | b'"' | b']', ..]
                ) =>
            {
                Foreign::JsonArray
            }
            list if has_only_carriage_returns(list) => Foreign::CarriageReturns,
            _ => return None,
        },
    })
}

/// Whether lines end, and none as those of a list do. Within an object, what ends them is but white space.
fn has_only_carriage_returns(list: &[u8]) -> bool {
    let may_be_lines = memchr(b'\n', list).is_none() && !list.starts_with(b"{");
    may_be_lines && memchr(b'\r', list.trim_ascii_end()).is_some()
}

/// Why that cannot be sent, and what can be.
pub(crate) fn error(other: Foreign) -> anyhow::Error {
    anyhow!(match other {
        Foreign::Utf16 =>
            "the list is written in UTF-16, and is read as UTF-8: convert it ('iconv -f UTF-16 -t UTF-8 FILE'), or export it \
             as 'CSV UTF-8'",
        Foreign::Zip =>
            "the list is a spreadsheet (.xlsx, .ods) or a zip archive: export it as CSV, or unpack it",
        Foreign::Ole =>
            "the list is a spreadsheet (.xls) or another office document: export it as CSV",
        Foreign::Pdf => "the list is a PDF document: it takes numbers, CSV or NDJSON",
        Foreign::Xz =>
            "the list is compressed by xz, and gzip and zstd are read: unpack it into a pipe ('xz -dc FILE | batchcast …')",
        Foreign::Bzip2 =>
            "the list is compressed by bzip2, and gzip and zstd are read: unpack it into a pipe ('bzip2 -dc FILE | batchcast …')",
        Foreign::JsonArray =>
            "the list is one JSON array, and is read as an object a line: make it that (jq -c '.[]' FILE)",
        Foreign::CarriageReturns =>
            "the list's lines end with a carriage return alone, as those of old Macs do, and a line ends with a line feed: \
             convert it (tr '\\r' '\\n' < FILE), or export it as 'CSV UTF-8'",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_is_known() {
        for (ahead, other) in [
            (&b"\xff\xfe+\x001\x00"[..], Some(Foreign::Utf16)),
            (b"\xfe\xff\x00+\x001", Some(Foreign::Utf16)),
            (b"t\x00o\x00\n\x00", Some(Foreign::Utf16)),
            (b"\x00t\x00o\x00\n", Some(Foreign::Utf16)),
            (b"PK\x03\x04\x14\x00", Some(Foreign::Zip)),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", Some(Foreign::Ole)),
            (b"%PDF-1.7\n", Some(Foreign::Pdf)),
            (b"\xfd7zXZ\x00\x00", Some(Foreign::Xz)),
            (b"BZh91AY&SY", Some(Foreign::Bzip2)),
            (b" [\n {\"to\":", Some(Foreign::JsonArray)),
            (b"[", Some(Foreign::JsonArray)),
            (
                b"to,text\r+14155550100,Hi\r",
                Some(Foreign::CarriageReturns),
            ),
            (
                b"+14155550100\r\r+14155550101",
                Some(Foreign::CarriageReturns),
            ),
            (b"", None),
            (b"\x00", None),
            (b"+14155550100\n", None),
            (b"+14155550100\r", None),
            (b"to\r\n", None),
            (b"to,\"a\rb\"\n", None),
            (b"{\"to\":\r\"+14155550100\"}", None),
            (b"\xef\xbb\xbfto\n", None),
            (b"PKW,to\n", None),
            (b"[1],to\n", None),
            (b"{\"to\":\"+14155550100\"}", None),
            (b"BZh9,to\n", None),
        ] {
            assert_eq!(of(ahead), other, "{ahead:?}");
        }
    }
}
