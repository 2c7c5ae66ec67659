//! A table as text: columns as wide as they must be.

use std::fmt::Write as _;

/// On which side a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The lines of a table, its header first.
pub(crate) fn lines<const N: usize>(
    header: [(&str, Side); N],
    rows: &[[String; N]],
) -> Vec<String> {
    let mut widths = header.map(|(name, _)| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let sides = header.map(|(_, side)| side);
    let header = header.map(|(name, _)| name.to_owned());
    let rows = [&header].into_iter().chain(rows);
    rows.map(|row| line(row, &widths, &sides)).collect()
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N], sides: &[Side; N]) -> String {
    let mut line = String::new();
    for ((cell, width), side) in row.iter().zip(widths).zip(sides) {
        if !line.is_empty() {
            line.push_str("  ");
        }
        // Writing to a string does not fail.
        let _ = match side {
            Side::Left => write!(line, "{cell:<width$}"),
            Side::Right => write!(line, "{cell:>width$}"),
        };
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_under_each_other() {
        let header = [("name", Side::Left), ("n", Side::Right)];
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["ümläut".to_owned(), "1,000".to_owned()],
        ];
        assert_eq!(
            lines(header, &rows),
            ["name        n", "a           1", "ümläut  1,000"]
        );
    }
}
