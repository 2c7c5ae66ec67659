//! Lines as they lie in the file, and what a crash can have left at its end.
//!
//! What was fsynced is there, whole, with its newline. After it may stand what was written since, and
//! of that a crash leaves the beginning of a line; or, when the power fails, zeros in its place. Such an
//! end never was on disk as a whole, so nothing was done because of it, and it can be dropped. An end
//! that has a whole checksum in it, and one that does not fit, is not the beginning of a line: that is
//! damage, and is never dropped.

use std::io::{self, BufRead, Read};

use serde::de::IgnoredAny;

use super::{MAX_LINE_BYTES, seal};

/// What was read into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// A line that had its newline, without it.
    Line,
    /// What stands behind the last newline, if anything, without the zeros at the end.
    Tail {
        /// How many zeros.
        zeros: u64,
    },
    /// Something longer than any line.
    TooLong,
}

/// Reads up to the next newline into `line`.
pub(super) fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Raw> {
    line.clear();
    // With its newline a line is one byte longer.
    let most = MAX_LINE_BYTES as u64 + 1;
    reader.by_ref().take(most).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Raw::Line);
    }
    let kept = memchr::memchr(0, line).unwrap_or(line.len());
    let zeros = (line.len() - kept) as u64;
    let all_zeros = line[kept..].iter().all(|&byte| byte == 0);
    if zeros > 0 && all_zeros {
        if let Some(more) = zeros_to_the_end(reader)? {
            line.truncate(kept);
            return Ok(Raw::Tail {
                zeros: zeros + more,
            });
        }
        return Ok(Raw::TooLong);
    }
    if line.len() > MAX_LINE_BYTES {
        return Ok(Raw::TooLong);
    }
    Ok(Raw::Tail { zeros: 0 })
}

/// Whether this is what a crash leaves of a line: its beginning, and not its end.
pub(super) fn is_torn(tail: &[u8]) -> bool {
    tail.is_empty()
        || tail.starts_with(b"{")
            && seal::may_be_cut(tail)
            && serde_json::from_slice::<IgnoredAny>(tail).is_err_and(|error| error.is_eof())
}

/// How many zeros follow, if nothing else does.
fn zeros_to_the_end(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut zeros = 0;
    loop {
        let block = reader.fill_buf()?;
        let len = block.len();
        if len == 0 {
            return Ok(Some(zeros));
        }
        if block.iter().any(|&byte| byte != 0) {
            return Ok(None);
        }
        reader.consume(len);
        zeros += len as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(Raw, Vec<u8>)> {
        let mut reader = io::BufReader::with_capacity(3, bytes);
        let mut read = Vec::new();
        loop {
            let mut line = Vec::new();
            let raw = read_line(&mut reader, &mut line).unwrap();
            read.push((raw, line));
            if raw != Raw::Line {
                return read;
            }
        }
    }

    #[test]
    fn lines_and_what_follows_them() {
        let line = |text: &[u8]| (Raw::Line, text.to_vec());
        let tail = |zeros, text: &[u8]| (Raw::Tail { zeros }, text.to_vec());
        assert_eq!(read(b""), [tail(0, b"")]);
        assert_eq!(
            read(b"a\n\nb\n"),
            [line(b"a"), line(b""), line(b"b"), tail(0, b"")]
        );
        assert_eq!(read(b"a\nb"), [line(b"a"), tail(0, b"b")]);
        assert_eq!(read(b"a\n\0\0\0\0\0"), [line(b"a"), tail(5, b"")]);
        assert_eq!(read(b"b\0"), [tail(1, b"b")]);
        assert_eq!(read(b"b\0c"), [tail(0, b"b\0c")]);
        assert_eq!(read(b"b\0\n"), [line(b"b\0"), tail(0, b"")]);
    }

    #[test]
    fn a_line_is_not_endless() {
        let mut longest = vec![b'a'; MAX_LINE_BYTES];
        longest.push(b'\n');
        assert_eq!(read(&longest)[0].0, Raw::Line);
        longest.insert(0, b'a');
        assert_eq!(read(&longest)[0].0, Raw::TooLong);

        let mut zeros = vec![0; 3 * MAX_LINE_BYTES];
        let count = zeros.len() as u64;
        assert_eq!(read(&zeros), [(Raw::Tail { zeros: count }, vec![])]);
        zeros.push(b'a');
        assert_eq!(read(&zeros)[0].0, Raw::TooLong);
    }

    #[test]
    fn only_the_beginning_of_a_line_is_torn() {
        let whole = r#"{"stopped":{"reason":"é \" x"},"at":"x","crc":"0123abcd"}"#.as_bytes();
        for cut in 0..whole.len() {
            assert!(is_torn(&whole[..cut]), "{cut}");
        }
        assert!(!is_torn(whole));
        for end in ["}", "x", "{", "\n", "\"", "{\"commit\":"] {
            let more = [whole, end.as_bytes()].concat();
            assert!(!is_torn(&more), "{end:?}");
        }
        for other in [
            &b"x"[..],
            b"[",
            b"{}",
            b"{x",
            b" {",
            b"{\"a\":1} ",
            b"\xff",
            b"{\"a\":\0",
        ] {
            assert!(!is_torn(other), "{other:?}");
        }
    }
}
