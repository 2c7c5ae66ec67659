//! Where a record ends and where its cells are.

use memchr::{memchr, memchr_iter, memchr2};

/// A cell: its bytes, without quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) form: Form,
}

/// How a cell is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    /// As it reads.
    #[default]
    Plain,
    /// With doubled quotes.
    Doubled,
    /// With something behind the closing quote. Its quotes are not taken off.
    Odd,
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
    #[inline]
    pub(super) fn are_plain(&self) -> bool {
        self.to.form == Form::Plain && self.text.is_none_or(|cell| cell.form == Form::Plain)
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
        let form = Form::Plain;
        cells.add(Cell { start, end, form }, to, text);
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
    /// How many lines it has.
    pub(super) lines: u64,
    pub(super) has_quotes: bool,
    pub(super) cells: Cells,
}

impl Scan {
    /// The same of a line without quotes.
    #[inline]
    pub(super) fn of_line(content: &[u8], next: usize, to: usize, text: Option<usize>) -> Self {
        Self {
            end: content.len(),
            next,
            lines: 1,
            has_quotes: false,
            cells: plain(content, to, text),
        }
    }

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
#[inline]
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
                form: if doubled { Form::Doubled } else { Form::Plain },
            }
        } else {
            let form = if quoted { Form::Odd } else { Form::Plain };
            Cell { start, end, form }
        };
        cells.add(cell, to, text);
        if !is_comma {
            let next = stop.map_or(bytes.len(), |stop| stop + 1);
            let lines = 1 + memchr_iter(b'\n', &bytes[..end]).count() as u64;
            return Ok(Scan {
                end,
                next,
                lines,
                has_quotes: true,
                cells,
            });
        }
        start = end + 1;
    }
}

/// Where the quoted field whose content begins at `start` has its closing quote, and whether there are
/// doubled quotes before it.
#[inline]
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
