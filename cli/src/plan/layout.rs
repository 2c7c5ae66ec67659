//! Text in columns, for 80 of them.

use unicode_width::UnicodeWidthStr as _;

const COLUMNS: usize = 80;

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Rows with their cells under each other.
pub(crate) fn table<const N: usize>(sides: [Side; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for ((cell, width), side) in row.iter().zip(widths).zip(sides) {
            let space = " ".repeat(width - cell.width());
            line.push_str("  ");
            line.extend(match side {
                Side::Left => [cell, space.as_str()],
                Side::Right => [space.as_str(), cell],
            });
        }
        line.truncate(line.trim_end().len());
        line
    };
    rows.iter().map(line).collect()
}

/// A bar for a part of the most; something for all that is not nothing.
pub(crate) fn bar(part: u64, most: u64, longest: u64) -> String {
    let len = u128::from(part) * u128::from(longest) / u128::from(most.max(1));
    let len = usize::try_from(len).unwrap_or_default();
    "█".repeat(len.max(usize::from(part > 0)))
}

/// Words in lines.
pub(crate) fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other() {
        let rows = [["👋", "1", "x"], ["ü", "1,000", ""]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let table = table([Side::Left, Side::Right, Side::Left], &rows);
        assert_eq!(table, ["  👋      1  x", "  ü   1,000"]);
    }

    #[test]
    fn bars_are_in_proportion() {
        let len = |part, most| bar(part, most, 30).chars().count();
        assert_eq!(
            [len(100, 100), len(50, 100), len(1, 1_000_000), len(0, 5)],
            [30, 15, 1, 0]
        );
        assert_eq!(len(0, 0), 0);
    }

    #[test]
    fn no_line_is_too_long() {
        let lines = wrapped(&"word ".repeat(50), "    ");
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.width() <= COLUMNS));
        assert_eq!(wrapped("", "  "), [""; 0]);
    }
}
