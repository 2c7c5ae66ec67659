//! Where a record ends and where its cells are.

use fearless_simd::prelude::*;
use fearless_simd::{mask8x16, u8x16};

use crate::input::places::{Kind, Places};

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

/// A record: its cells, and where it ends. Offsets count from its beginning.
// It is filled in where it stands: what is handed on in memory is waited for.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// The first cells, as many as there should be.
    first: Box<[Cell]>,
    count: usize,
    end: usize,
    lines: u64,
}

impl Row {
    /// A row with room for so many cells.
    pub(super) fn with_room_for(cells: usize) -> Self {
        Self {
            first: vec![Cell::default(); cells].into(),
            ..Self::default()
        }
    }

    /// How many cells there are; maybe more than there is room for.
    #[inline]
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The cell at a place, from 0. Of a record with other than the right number of cells, any.
    #[inline]
    pub(super) fn cell(&self, place: usize) -> Cell {
        self.first[place]
    }

    /// The end of its content.
    #[inline]
    pub(super) const fn end(&self) -> usize {
        self.end
    }

    /// How many lines it has.
    #[inline]
    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    #[inline]
    fn add(&mut self, cell: Cell) {
        if let Some(place) = self.first.get_mut(self.count) {
            *place = cell;
        }
        self.count += 1;
    }
}

/// The record that `bytes` begin with; returns where the next one begins, or `None` if the record's end is
/// not in sight. `whole` says that nothing follows the bytes.
///
/// As in RFC 4180 a quote counts at the beginning of a cell. What follows the closing quote up to the
/// next comma belongs to the cell, as the csv crate has it.
#[inline(never)]
pub(super) fn record(bytes: &[u8], whole: bool, row: &mut Row) -> Option<usize> {
    let mut separators = Separators::new(bytes);
    let mut start = 0;
    row.count = 0;
    row.lines = 1;
    loop {
        let stop = match separators.next() {
            Some(stop) => stop,
            None if whole => bytes.len(),
            None => return None,
        };
        match bytes.get(stop) {
            Some(b',') => {
                row.add(Cell {
                    start,
                    end: stop,
                    form: Form::Plain,
                });
                start = stop + 1;
            }
            Some(b'"') if stop == start => {
                let quoted = quoted(bytes, start, whole, &mut separators)?;
                row.lines += quoted.lines;
                row.add(quoted.cell);
                if quoted.is_last {
                    row.end = quoted.end;
                    return Some(bytes.len().min(quoted.stop + 1));
                }
                start = quoted.stop + 1;
            }
            // Within a cell it is content.
            Some(b'"') => {}
            _ => {
                let end = content_end(bytes, start, stop);
                row.add(Cell {
                    start,
                    end,
                    form: Form::Plain,
                });
                row.end = end;
                return Some(bytes.len().min(stop + 1));
            }
        }
    }
}

/// The end of what begins at `start` and stands before a line end at `stop`, or before nothing.
#[inline]
fn content_end(bytes: &[u8], start: usize, stop: usize) -> usize {
    stop - usize::from(bytes[start..stop].last() == Some(&b'\r'))
}

/// A quoted cell.
struct Quoted {
    cell: Cell,
    /// The line ends in it.
    lines: u64,
    /// The end of its content, with what follows the closing quote.
    end: usize,
    /// Where the comma or the line end behind it is.
    stop: usize,
    is_last: bool,
}

/// The cell whose opening quote is at `start`; `None` if its end is not in sight.
#[inline]
fn quoted(
    bytes: &[u8],
    start: usize,
    whole: bool,
    separators: &mut Separators<'_>,
) -> Option<Quoted> {
    let mut form = Form::Plain;
    let mut lines = 0;
    let closing = loop {
        let at = separators.next()?;
        match bytes[at] {
            b'"' => match bytes.get(at + 1) {
                Some(b'"') => {
                    separators.next();
                    form = Form::Doubled;
                }
                // It may be the first of two.
                None if !whole => return None,
                _ => break at,
            },
            b'\n' => lines += 1,
            _ => {}
        }
    };
    let stop = loop {
        match separators.next() {
            // Behind the closing one a quote is content.
            Some(at) if bytes[at] == b'"' => {}
            Some(at) => break at,
            None if whole => break bytes.len(),
            None => return None,
        }
    };
    let is_last = bytes.get(stop) != Some(&b',');
    let end = if is_last {
        content_end(bytes, closing + 1, stop)
    } else {
        stop
    };
    let cell = if end == closing + 1 {
        Cell {
            start: start + 1,
            end: closing,
            form,
        }
    } else {
        Cell {
            start,
            end,
            form: Form::Odd,
        }
    };
    Some(Quoted {
        cell,
        lines,
        end,
        stop,
        is_last,
    })
}

/// What cells and records end with, and quotes.
#[derive(Debug)]
struct Separator;

type Separators<'a> = Places<'a, Separator, 4>;

impl Kind for Separator {
    #[inline(always)]
    fn hits<S: Simd>(simd: S, bytes: u8x16<S>) -> mask8x16<S> {
        let is = |byte| bytes.simd_eq(u8x16::splat(simd, byte));
        is(b',') | is(b'\n') | is(b'"')
    }
}
