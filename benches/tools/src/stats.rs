//! What is said of several runs.

/// The middle one of several figures; of an even number of them, the mean of the two in the middle.
///
/// ```
/// assert_eq!(batchcast_bench_tools::stats::median(&[3.0, 1.0, 2.0]), 2.0);
/// assert_eq!(batchcast_bench_tools::stats::median(&[4.0, 1.0]), 2.5);
/// ```
///
/// # Panics
/// If there are none.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

/// The least and the most of several figures.
#[must_use]
pub fn range(figures: &[f64]) -> (f64, f64) {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most)
}

/// How many times as long one took as the other, run by run: what both had in a run cancels out.
#[must_use]
pub fn ratios(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one / other)
        .collect()
}

/// A figure with so many decimals as are worth reading.
///
/// ```
/// # use batchcast_bench_tools::stats::short;
/// assert_eq!((short(0.1234), short(12.34), short(123.4)), ("0.12".into(), "12.3".into(), "123".into()));
/// ```
#[must_use]
pub fn short(figure: f64) -> String {
    let decimals = match figure.abs() {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}

/// Median and range, for people.
///
/// ```
/// # use batchcast_bench_tools::stats::median_and_range;
/// assert_eq!(median_and_range(&[1.0, 2.0, 4.0]), "2.00 (1.00 to 4.00)");
/// ```
///
/// # Panics
/// If there are none.
#[must_use]
pub fn median_and_range(figures: &[f64]) -> String {
    let (least, most) = range(figures);
    format!(
        "{} ({} to {})",
        short(median(figures)),
        short(least),
        short(most)
    )
}
