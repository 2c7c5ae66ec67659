//! Tells which batch is read: in a line of the terminal that changes, elsewhere now and then.

use std::time::Instant;

use crate::progress::{LINE_EVERY, Lines};
use crate::terminal;

/// How far the batches of the server are read.
pub(crate) struct Reading {
    line: Option<Lines>,
    many: usize,
    asked: usize,
    /// When something was told last.
    told: Instant,
}

impl Reading {
    /// Of so many batches, with a line that changes if there is none of the rows beside it.
    pub(crate) fn new(many: usize, is_beside_rows: bool) -> Self {
        Self {
            line: (!is_beside_rows).then(Lines::new).flatten(),
            many,
            asked: 0,
            told: Instant::now(),
        }
    }

    /// This one is next.
    pub(crate) fn batch(&mut self, number: u64) {
        self.asked += 1;
        let (asked, many) = (self.asked, self.many);
        let line = format!("batchcast: reading batch {number} ({asked} of {many})");
        match &self.line {
            Some(lines) => lines.set(&[line]),
            None if self.told.elapsed() >= LINE_EVERY => {
                terminal::note(&line);
                self.told = Instant::now();
            }
            None => {}
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.finish();
        }
    }
}
