//! The end of a line: its time and its checksum.
//!
//! The checksum is the CRC-32 (as in zlib and PNG) of the line's bytes up to `,"crc":`, begun with the
//! checksum of the line before. So it is that of all lines so far, and a line that was changed, moved,
//! repeated or left out does not go unseen: neither here nor in any line after it.

use std::io::Write;
use std::time::SystemTime;

use crc32fast::Hasher;
use jiff::Timestamp;
use memchr::memmem;

const CRC: &[u8] = br#","crc":""#;
const CRC_DIGITS: usize = 8;
const CRC_END: &[u8] = br#""}"#;
const SEAL_BYTES: usize = CRC.len() + CRC_DIGITS + CRC_END.len();

const AT: &[u8] = br#","at":""#;
const AT_END: &[u8] = b"\"";

/// Completes a line: `line` is one JSON object, and gets its time, its checksum and its newline.
/// Returns the checksum for the next line.
pub(super) fn seal(line: &mut Vec<u8>, chain: u32) -> u32 {
    debug_assert!(line.ends_with(b"}"));
    line.pop();
    line.extend_from_slice(AT);
    write!(line, "{:.3}", Timestamp::now()).expect("a Vec takes every write");
    line.extend_from_slice(AT_END);
    let chain = checksum(line, chain);
    line.extend_from_slice(CRC);
    line.extend_from_slice(&digits(chain));
    line.extend_from_slice(CRC_END);
    line.push(b'\n');
    chain
}

/// What a line held before it was sealed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsealed {
    /// Its time.
    pub(super) at: SystemTime,
    /// Its checksum, for the next line.
    pub(super) chain: u32,
}

/// Looks whether a line (without its newline) is whole, and takes off what [`seal`] put there. `None`,
/// and a line as it was, if it is not.
pub(super) fn unseal(line: &mut Vec<u8>, chain: u32) -> Option<Unsealed> {
    let sealed_from = line.len().checked_sub(SEAL_BYTES)?;
    let (body, end) = line.split_at(sealed_from);
    let chain = checksum(body, chain);
    let written = end.strip_prefix(CRC)?.strip_suffix(CRC_END)?;
    if written != digits(chain) {
        return None;
    }
    // The last one: the application's own options may have a member of that name.
    let at_from = memmem::rfind(body, AT)?;
    let at = body[at_from..].strip_prefix(AT)?.strip_suffix(AT_END)?;
    let at: Timestamp = str::from_utf8(at).ok()?.parse().ok()?;
    let at = at.try_into().ok()?;
    line.truncate(at_from);
    line.push(b'}');
    Some(Unsealed { at, chain })
}

/// Whether this can be a line that was cut off: if its checksum was begun, it was not completed, and
/// nothing else stands behind it. Inside of JSON strings the quotes of a checksum would be escaped.
pub(super) fn may_be_cut(line: &[u8]) -> bool {
    memmem::find(line, CRC).is_none_or(|at| {
        let rest = &line[at + CRC.len()..];
        let (digits, end) = rest.split_at(rest.len().min(CRC_DIGITS));
        digits.iter().all(u8::is_ascii_hexdigit) && CRC_END.starts_with(end) && CRC_END != end
    })
}

fn checksum(bytes: &[u8], chain: u32) -> u32 {
    let mut hasher = Hasher::new_with_initial(chain);
    hasher.update(bytes);
    hasher.finalize()
}

/// The one spelling of a checksum. Any other, capital letters included, is no checksum.
fn digits(crc: u32) -> [u8; CRC_DIGITS] {
    let mut digits = [0; CRC_DIGITS];
    write!(&mut digits[..], "{crc:08x}").expect("32 bits are eight digits");
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_unsealed() {
        for json in [r#"{"a":1}"#, r#"{"a":{"at":"x","crc":"00000000"}}"#] {
            let mut line = json.as_bytes().to_vec();
            let chain = seal(&mut line, 7);
            assert_eq!(line.pop(), Some(b'\n'));
            serde_json::from_slice::<serde_json::Value>(&line).unwrap();
            assert_eq!(unseal(&mut line.clone(), 8), None, "another chain");
            assert_eq!(unseal(&mut line, 7).unwrap().chain, chain);
            assert_eq!(line, json.as_bytes());
        }
    }

    #[test]
    fn the_checksum_is_that_of_everybody() {
        // The check value of CRC-32/ISO-HDLC, in one piece and in two.
        assert_eq!(checksum(b"123456789", 0), 0xcbf4_3926);
        assert_eq!(checksum(b"6789", checksum(b"12345", 0)), 0xcbf4_3926);
    }

    #[test]
    fn a_checksum_has_one_spelling() {
        // A line whose checksum has a letter in it.
        let (mut line, chain) = (0..)
            .map(|chain| {
                let mut line = br#"{"a":1}"#.to_vec();
                seal(&mut line, chain);
                (line, chain)
            })
            .find(|(line, _)| {
                let digits = &line[line.len() - 1 - CRC_END.len() - CRC_DIGITS..];
                digits.iter().any(u8::is_ascii_alphabetic)
            })
            .expect("most have one");
        line.pop();
        let end = line.len() - SEAL_BYTES + CRC.len();
        line[end..].make_ascii_uppercase();
        assert_eq!(unseal(&mut line, chain), None);
    }
}
