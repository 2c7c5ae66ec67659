//! How much memory a list of some length takes, as lines; both axes are logarithmic.

use batchcast_bench_tools::Comparison;
use batchcast_bench_tools::stats::short;

use crate::svg::{Anchor, FAINT, OURS, Style, Svg, other};

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 400.0;
/// The plot; room for labels is left around it.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 326.0;

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;
/// What `send` may take, whatever the list.
const BUDGET: f64 = 24.0 * MIB;

pub(crate) fn draw(comparison: &Comparison) -> String {
    let title = "Peak memory by the list's length";
    let mut svg = Svg::new(WIDTH, HEIGHT, title);
    svg.text((16.0, 28.0), Anchor::Start, Style::TITLE, title);
    let peaks = &comparison.memory;
    let x = Axis::over(
        peaks.iter().map(|peak| number(peak.recipients)),
        LEFT,
        RIGHT,
    );
    let bytes = peaks
        .iter()
        .map(|peak| number(peak.peak_bytes))
        .chain([4.0 * MIB, BUDGET]);
    let y = Axis::over(bytes, BOTTOM, TOP);
    grid(&mut svg, comparison, &x, &y);

    let mut names: Vec<&str> = peaks.iter().map(|peak| peak.contestant.as_str()).collect();
    names.dedup();
    let mut labels: Vec<f64> = vec![y.at(BUDGET)];
    for (place, name) in names.into_iter().enumerate() {
        let colour = if place == 0 { OURS } else { other(place - 1) };
        let of: Vec<_> = peaks
            .iter()
            .filter(|peak| peak.contestant == name)
            .collect();
        let points: Vec<_> = of
            .iter()
            .map(|peak| (x.at(number(peak.recipients)), y.at(number(peak.peak_bytes))))
            .collect();
        svg.line(&points, 2.5, colour, "");
        for &point in &points {
            svg.dot(point, colour);
        }
        let Some((&(end, height), last)) = points.last().zip(of.last()) else {
            continue;
        };
        // Two lines that end together must not be labelled on top of one another.
        let is_free = |height: f64| labels.iter().all(|label| (label - height).abs() > 16.0);
        let shifts = [0.0, 17.0, -17.0, 34.0, -34.0];
        let shift = shifts
            .into_iter()
            .find(|shift| is_free(height + shift))
            .unwrap_or(0.0);
        labels.push(height + shift);
        let label = format!("{name}, {}", size(number(last.peak_bytes)));
        let at = (end + 10.0, height + shift + 4.5);
        svg.text(at, Anchor::Start, Style::LABEL.coloured(colour), &label);
    }
    svg.finish()
}

fn grid(svg: &mut Svg, comparison: &Comparison, x: &Axis, y: &Axis) {
    for bytes in [4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0].map(|mib| mib * MIB) {
        if y.holds(bytes) {
            let height = y.at(bytes);
            svg.line(&[(LEFT, height), (RIGHT, height)], 0.5, FAINT, "");
            svg.text(
                (LEFT - 10.0, height + 4.0),
                Anchor::End,
                Style::SMALL,
                &size(bytes),
            );
        }
    }
    let mut lengths: Vec<_> = comparison
        .memory
        .iter()
        .map(|peak| peak.recipients)
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    for length in lengths {
        let label = match length {
            1_000_000.. => format!("{} M", short_count(length, 1_000_000)),
            _ => format!("{} k", short_count(length, 1_000)),
        };
        svg.text(
            (x.at(number(length)), BOTTOM + 20.0),
            Anchor::Middle,
            Style::SMALL,
            &label,
        );
    }
    svg.text(
        (f64::midpoint(LEFT, RIGHT), BOTTOM + 40.0),
        Anchor::Middle,
        Style::SMALL,
        "recipients",
    );
    let budget = y.at(BUDGET);
    svg.line(&[(LEFT, budget), (RIGHT, budget)], 1.0, OURS, "4 4");
    svg.text(
        (RIGHT + 10.0, budget + 4.0),
        Anchor::Start,
        Style::SMALL.coloured(OURS),
        "budget: 24 MiB",
    );
    let footnote = format!(
        "Numbers with one text for all; both axes are logarithmic. {}, {}.",
        comparison.machine, comparison.date
    );
    svg.text(
        (16.0, HEIGHT - 12.0),
        Anchor::Start,
        Style::SMALL,
        &footnote,
    );
}

/// A logarithmic axis.
#[derive(Debug)]
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(figures: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let least = figures.clone().fold(f64::INFINITY, f64::min);
        let most = figures.fold(0.0, f64::max);
        Self {
            least,
            most,
            from,
            to,
        }
    }

    fn holds(&self, figure: f64) -> bool {
        (self.least..=self.most).contains(&figure)
    }

    fn at(&self, figure: f64) -> f64 {
        let share = (figure / self.least).ln() / (self.most / self.least).ln();
        self.from + share * (self.to - self.from)
    }
}

fn size(bytes: f64) -> String {
    let (figure, unit) = if bytes >= GIB {
        (bytes / GIB, "GiB")
    } else {
        (bytes / MIB, "MiB")
    };
    if figure.fract().abs() < 1e-9 {
        format!("{figure:.0} {unit}")
    } else {
        format!("{} {unit}", short(figure))
    }
}

fn short_count(count: u64, unit: u64) -> u64 {
    count / unit
}

#[expect(clippy::cast_precision_loss, reason = "a picture")]
fn number(count: u64) -> f64 {
    count as f64
}
