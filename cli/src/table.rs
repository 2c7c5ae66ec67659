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

/// What stands between two columns.
const GAP: &str = "  ";

/// The lines of a table, its header first.
pub(crate) fn lines<const N: usize>(
    header: [(&str, Side); N],
    rows: &[[String; N]],
) -> Vec<String> {
    lines_within(usize::MAX, &[], header, rows)
}

/// The same without as many of the `dispensable` columns, the first of them first, as there is no room for.
pub(crate) fn lines_within<const N: usize>(
    room: usize,
    dispensable: &[&str],
    header: [(&str, Side); N],
    rows: &[[String; N]],
) -> Vec<String> {
    let mut widths = header.map(|(name, _)| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut columns: Vec<_> = (0..N).collect();
    for name in dispensable {
        let widths = columns.iter().map(|&column| widths[column] + GAP.len());
        if widths.sum::<usize>() <= room.saturating_add(GAP.len()) {
            break;
        }
        columns.retain(|&column| header[column].0 != *name);
    }
    let names = header.map(|(name, _)| name.to_owned());
    let rows = [&names].into_iter().chain(rows);
    let cells = |row: &[String; N]| {
        line(
            columns
                .iter()
                .map(|&column| (row[column].as_str(), widths[column], header[column].1)),
        )
    };
    rows.map(cells).collect()
}

fn line<'c>(cells: impl Iterator<Item = (&'c str, usize, Side)>) -> String {
    let mut line = String::new();
    for (cell, width, side) in cells {
        if !line.is_empty() {
            line.push_str(GAP);
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

    #[test]
    fn what_is_dispensable_is_left_out_where_there_is_no_room() {
        let header = [("a", Side::Left), ("bc", Side::Left), ("d", Side::Right)];
        let rows = [["1", "22", "333"].map(str::to_owned)];
        for (room, line) in [
            (11, "1  22  333"),
            (10, "1  22  333"),
            (9, "1  22"),
            (4, "22"),
            (0, "22"),
        ] {
            let lines = lines_within(room, &["d", "a"], header, &rows);
            assert_eq!(lines[1], line, "{room}");
        }
    }
}
