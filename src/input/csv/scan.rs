//! Where a record ends and where its cells are.

use memchr::{memchr, memchr_iter, memchr2};

/// A cell: its bytes, without quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It is not written as it reads.
    odd: bool,
}

/// The cells of a record that are wanted; offsets count from the record's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cells {
    /// The number of all fields.
    pub(super) fields: usize,
    pub(super) to: Cell,
    pub(super) text: Option<Cell>,
}

impl Cells {
    /// Whether they are written as they read.
    pub(super) fn are_plain(&self) -> bool {
        !self.to.odd && !self.text.is_some_and(|cell| cell.odd)
    }

    #[inline]
    fn add(&mut self, cell: Cell, to: usize, text: Option<usize>) {
        if self.fields == to {
            self.to = cell;
        }
        if Some(self.fields) == text {
            self.text = Some(cell);
        }
        self.fields += 1;
    }
}

/// The cells of a record without quotes.
#[inline]
pub(super) fn plain(record: &[u8], to: usize, text: Option<usize>) -> Cells {
    let mut cells = Cells::default();
    let wanted = 1 + to.max(text.unwrap_or(0));
    let mut start = 0;
    while cells.fields < wanted {
        let comma = memchr(b',', &record[start..]);
        let end = comma.map_or(record.len(), |len| start + len);
        let odd = false;
        cells.add(Cell { start, end, odd }, to, text);
        if comma.is_none() {
            return cells;
        }
        start = end + 1;
    }
    // The comma behind the last wanted cell opens a field; each further comma another.
    cells.fields += 1 + memchr_iter(b',', &record[start..]).count();
    cells
}

/// A record with quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Scan {
    /// The end of its content.
    pub(super) end: usize,
    /// The beginning of the next record.
    pub(super) next: usize,
    pub(super) cells: Cells,
}

impl Scan {
    /// The same for a record that begins at `by`. Its cells count from there.
    pub(super) const fn moved(mut self, by: usize) -> Self {
        self.end += by;
        self.next += by;
        self
    }
}

/// The record's end is not in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Endless;

/// The record that `bytes` begin with. `whole` says that nothing follows them.
///
/// As in RFC 4180 a quote counts at the beginning of a field. What follows the closing quote up to the
/// next comma belongs to the field, as csv-core has it.
pub(super) fn record(
    bytes: &[u8],
    whole: bool,
    to: usize,
    text: Option<usize>,
) -> Result<Scan, Endless> {
    let mut cells = Cells::default();
    let mut start = 0;
    loop {
        let quoted = bytes.get(start) == Some(&b'"');
        let (quoted_end, doubled) = if quoted {
            closing_quote(bytes, start + 1, whole).ok_or(Endless)?
        } else {
            (start, false)
        };
        let after = quoted_end + usize::from(quoted);
        let stop = memchr2(b',', b'\n', &bytes[after..]).map(|len| after + len);
        let is_comma = stop.is_some_and(|stop| bytes[stop] == b',');
        if stop.is_none() && !whole {
            return Err(Endless);
        }
        let mut end = stop.unwrap_or(bytes.len());
        if !is_comma && end > after && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        let cell = if quoted && end == after {
            Cell {
                start: start + 1,
                end: quoted_end,
                odd: doubled,
            }
        } else {
            let odd = quoted;
            Cell { start, end, odd }
        };
        cells.add(cell, to, text);
        if !is_comma {
            let next = stop.map_or(bytes.len(), |stop| stop + 1);
            return Ok(Scan { end, next, cells });
        }
        start = end + 1;
    }
}

/// Where the quoted field whose content begins at `start` has its closing quote, and whether there are
/// doubled quotes before it.
fn closing_quote(bytes: &[u8], start: usize, whole: bool) -> Option<(usize, bool)> {
    let mut at = start;
    let mut doubled = false;
    loop {
        at += memchr(b'"', &bytes[at..])?;
        match bytes.get(at + 1) {
            Some(b'"') => at += 2,
            // It may be the first of two.
            None if !whole => return None,
            _ => return Some((at, doubled)),
        }
        doubled = true;
    }
}
