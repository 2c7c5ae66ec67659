//! Lists of any format with records about as long as a record may be, and longer. Fuzzers do not come
//! upon such lengths by themselves, and are slow with them, so this is a target of its own.

use batchcast::input::MAX_RECORD_BYTES;

/// Checks a list of the format that the first byte stands for.
pub fn check(bytes: &[u8]) {
    match bytes {
        [b'l', list @ ..] => crate::lines::check(&stretch(list)),
        [b'n', list @ ..] => crate::ndjson::check(&stretch(list)),
        [b'c', list @ ..] => crate::csv::check(&stretch(list)),
        _ => {}
    }
}

/// Puts runs in that take a record to its longest, and beyond: `0xfe`, a byte and `n` stand for 65,504 + `n`
/// of that byte. `0xfe` is in no UTF-8.
fn stretch(bytes: &[u8]) -> Vec<u8> {
    let mut stretched = Vec::new();
    let mut rest = bytes;
    let mut runs = 0;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = match behind {
            &[filling, n, ref behind @ ..] if byte == 0xfe && runs < 2 => {
                runs += 1;
                let len = MAX_RECORD_BYTES - 32 + usize::from(n);
                stretched.resize(stretched.len() + len, filling);
                behind
            }
            _ => {
                stretched.push(byte);
                behind
            }
        };
    }
    stretched
}
