//! Tables as Markdown has them, which also read well as they stand.

/// A table; its columns are as wide as their widest cell.
///
/// ```
/// let rows = [vec!["a".to_owned(), "longer".to_owned()], vec!["bb".to_owned(), "c".to_owned()]];
/// assert_eq!(
///     batchcast_bench_tools::table::markdown(&["x", "y"], &rows),
///     "| x  | y      |\n|----|--------|\n| a  | longer |\n| bb | c      |\n"
/// );
/// ```
#[must_use]
pub fn markdown(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([header[column].chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &[String]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!(" {cell:<width$} "));
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule: Vec<_> = widths.iter().map(|&width| "-".repeat(width + 2)).collect();
    let mut table = line(&header);
    table += &format!("|{}|\n", rule.join("|"));
    table.extend(rows.iter().map(|row| line(row)));
    table
}
