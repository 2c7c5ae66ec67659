//! How many recipients a second, as bars.

use batchcast_bench_tools::stats::{median, range, short};
use batchcast_bench_tools::{Case, Comparison};

use crate::svg::{Anchor, FAINT, OURS, Style, Svg};

const WIDTH: f64 = 800.0;
/// Where the bars begin; their names stand before.
const LEFT: f64 = 170.0;
/// The longest bar; room for its label is left behind it.
const LONGEST: f64 = 400.0;
const BAR: f64 = 18.0;
const STEP: f64 = 28.0;
const STRIP: f64 = 4.0;
const HEADING: f64 = 34.0;

pub(crate) fn draw(comparison: &Comparison) -> String {
    let rows: usize = comparison
        .cases
        .iter()
        .map(|case| case.contestants.len())
        .sum();
    let height =
        60.0 + count(rows) * STEP + count(comparison.cases.len()) * (HEADING + 14.0) + 20.0;
    let mut svg = Svg::new(
        WIDTH,
        height,
        "Recipients a second, from a list to an API on loopback",
    );
    svg.text(
        (16.0, 28.0),
        Anchor::Start,
        Style::TITLE,
        "Recipients a second, from a list to an API on loopback",
    );
    let mut y = 44.0;
    for case in &comparison.cases {
        y = bars(&mut svg, case, y);
    }
    let runs = comparison
        .cases
        .first()
        .and_then(|case| Some(case.contestants.first()?.seconds.len()));
    let footnote = format!(
        "Median of {} interleaved runs, with their range. {}, {}.",
        runs.unwrap_or(0),
        comparison.machine,
        comparison.date,
    );
    svg.text(
        (16.0, height - 12.0),
        Anchor::Start,
        Style::SMALL,
        &footnote,
    );
    svg.finish()
}

/// Draws a case from `y` on, and returns where it ends.
fn bars(svg: &mut Svg, case: &Case, y: f64) -> f64 {
    let heading = format!(
        "{} million recipients: {}",
        case.recipients / 1_000_000,
        case.what
    );
    svg.text((16.0, y + 20.0), Anchor::Start, Style::HEADING, &heading);
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let recipients = case.recipients as f64;
    let speeds = |seconds: &[f64]| -> Vec<f64> { seconds.iter().map(|s| recipients / s).collect() };
    let most = case
        .contestants
        .iter()
        .map(|it| range(&speeds(&it.seconds)).1)
        .fold(0.0, f64::max);
    let width = |speed: f64| speed / most * LONGEST;
    let ours = case
        .contestants
        .first()
        .map_or(0.0, |ours| median(&ours.seconds));

    let mut top = y + HEADING;
    for (place, contestant) in case.contestants.iter().enumerate() {
        let is_ours = place == 0;
        let speeds = speeds(&contestant.seconds);
        let (speed, (least, most)) = (median(&speeds), range(&speeds));
        let (colour, style) = if is_ours {
            (OURS, Style::LABEL.coloured(OURS))
        } else {
            (FAINT, Style::LABEL)
        };
        let baseline = top + BAR - 4.5;
        svg.text(
            (LEFT - 10.0, baseline),
            Anchor::End,
            style,
            &contestant.name,
        );
        svg.bar((LEFT, top), (width(speed), BAR), colour);
        // The range: light within the bar, and its colour beyond it, so that it shows on any background.
        let strip = top + (BAR - STRIP) / 2.0;
        svg.strip(
            (LEFT + width(least), strip),
            (width(speed - least), STRIP),
            "#ffffff",
        );
        svg.strip(
            (LEFT + width(speed), strip),
            (width(most - speed), STRIP),
            colour,
        );
        let mut label = rate(speed);
        let times = median(&contestant.seconds) / ours;
        if !is_ours && times >= 1.05 {
            label += &format!(", {} times as long", short(times));
        }
        svg.text(
            (LEFT + width(most) + 8.0, baseline),
            Anchor::Start,
            style,
            &label,
        );
        top += STEP;
    }
    top + 14.0
}

fn rate(speed: f64) -> String {
    if speed >= 1e6 {
        format!("{} M/s", short(speed / 1e6))
    } else {
        format!("{} k/s", short(speed / 1e3))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn count(rows: usize) -> f64 {
    rows as f64
}
