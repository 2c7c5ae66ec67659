//! What a cell reads that is not written as it reads.

use memchr::memchr;

use super::scan::{Cell, Form};
use crate::input::escape::{escape, escape_undoubled};

/// Appends what a cell of `record` reads.
pub(super) fn read(out: &mut String, record: &str, cell: Cell) {
    let content = &record[cell.start..cell.end];
    match cell.form {
        Form::Plain => out.push_str(content),
        Form::Doubled => undouble(out, content),
        Form::Odd => {
            let (inside, behind) = split(content);
            undouble(out, inside);
            out.push_str(behind);
        }
    }
}

/// The same as the content of a JSON string.
#[inline]
pub(super) fn read_json(out: &mut String, record: &str, cell: Cell) {
    let content = &record[cell.start..cell.end];
    match cell.form {
        Form::Plain => escape(out, content),
        Form::Doubled => escape_undoubled(out, content),
        Form::Odd => {
            let (inside, behind) = split(content);
            escape_undoubled(out, inside);
            escape(out, behind);
        }
    }
}

fn undouble(out: &mut String, inside: &str) {
    for (place, piece) in inside.split("\"\"").enumerate() {
        if place > 0 {
            out.push('"');
        }
        out.push_str(piece);
    }
}

/// The inside of an odd cell, and what follows its closing quote: content as it stands.
fn split(cell: &str) -> (&str, &str) {
    let inside = &cell[1..];
    let mut at = 0;
    // Holds: an odd cell has a closing quote.
    while let Some(len) = memchr(b'"', &inside.as_bytes()[at..]) {
        at += len;
        if inside.as_bytes().get(at + 1) != Some(&b'"') {
            return (&inside[..at], &inside[at + 1..]);
        }
        at += 2;
    }
    (inside, "")
}
