//! The charts of the page: SVG that stands in the page itself. Colours come from the page's style.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::readable::count;
use indicatif::HumanCount;

/// A part of a whole.
pub(crate) struct Part<'a> {
    /// Its name in the style: `fill-…`.
    pub(crate) key: &'static str,
    pub(crate) label: &'a str,
    pub(crate) number: u64,
}

/// One bar, and its parts side by side.
pub(crate) fn stacked(title: &str, parts: &[Part<'_>]) -> Markup {
    const WIDTH: f64 = 1_000.0;
    let all: u64 = parts.iter().map(|part| part.number).sum();
    let mut x = 0.0;
    html! {
        svg.stacked role="img" aria-label=(title) viewBox="0 0 1000 36" preserveAspectRatio="none" {
            @for part in parts {
                @let width = share(part.number, all) * WIDTH;
                @let at = advance(&mut x, width);
                // What is there is seen, however small it is.
                rect class={ "fill-" (part.key) } x=(px(at)) y="0" width=(px(width.max(2.0))) height="36" {
                    title { (part.label) ": " (HumanCount(part.number)) }
                }
            }
        }
    }
}

/// A bar beside its number, as long as its share of the longest one.
pub(crate) fn bar(parts: &[Part<'_>], longest: u64) -> Markup {
    let mut x = 0.0;
    html! {
        svg.bar aria-hidden="true" viewBox="0 0 200 14" preserveAspectRatio="none" {
            @for part in parts.iter().filter(|part| part.number > 0) {
                @let width = (share(part.number, longest) * 200.0).max(1.5);
                @let at = advance(&mut x, width);
                rect class={ "fill-" (part.key) } x=(px(at)) y="0" width=(px(width)) height="14" {}
            }
        }
    }
}

/// Where something of this width begins, if it stands behind what was there before.
fn advance(x: &mut f64, width: f64) -> f64 {
    let at = *x;
    *x += width;
    at
}

/// The most steps that are drawn.
const MOST_STEPS: usize = 400;

/// How a number grew over time. `steps` are moments and what there was from then on, in order; it begins with nothing.
pub(crate) fn growth(title: &str, begun: Timestamp, steps: &[(Timestamp, u64)]) -> Markup {
    const LEFT: f64 = 74.0;
    const RIGHT: f64 = 984.0;
    const TOP: f64 = 14.0;
    const BOTTOM: f64 = 250.0;
    let last = steps.last().copied().unwrap_or((begun, 0));
    let span = (millis(last.0) - millis(begun)).max(1.0);
    let (tick, top) = ticks(last.1);
    let x = |at: Timestamp| LEFT + (millis(at) - millis(begun)).max(0.0) / span * (RIGHT - LEFT);
    let y = |number: u64| BOTTOM - share(number, top) * (BOTTOM - TOP);

    // Of many steps every n-th is drawn, and the last.
    let every = steps.len().div_ceil(MOST_STEPS).max(1);
    let mut line = format!("M{} {}", px(LEFT), px(BOTTOM));
    for (at, step) in steps.iter().enumerate() {
        if at % every == 0 || at + 1 == steps.len() {
            line += &format!("H{}V{}", px(x(step.0)), px(y(step.1)));
        }
    }
    line += &format!("H{}", px(RIGHT));
    let area = format!("{line}V{}Z", px(BOTTOM));
    let levels = (0..=top / tick).map(|level| level * tick);
    let moments = (0..=4_u32).map(|quarter| {
        let part = f64::from(quarter) / 4.0;
        (
            LEFT + part * (RIGHT - LEFT),
            moment(begun, part * span, span),
        )
    });
    let described = format!(
        "{} accepted, the last of them at {}",
        count(last.1, "message was", "messages were"),
        time(last.0)
    );
    html! {
        svg.growth role="img" viewBox="0 0 1000 284" aria-labelledby="growth-title growth-desc" {
            title #growth-title { (title) }
            desc #growth-desc { (described) }
            @for level in levels {
                line.grid x1=(px(LEFT)) x2=(px(RIGHT)) y1=(px(y(level))) y2=(px(y(level))) {}
                text.tick x=(px(LEFT - 10.0)) y=(px(y(level) + 4.0)) text-anchor="end" { (short(level, tick)) }
            }
            path.area d=(area) {}
            path.line d=(line) {}
            @for (number, (at, label)) in moments.enumerate() {
                @let anchor = match number { 0 => "start", 4 => "end", _ => "middle" };
                line.grid x1=(px(at)) x2=(px(at)) y1=(px(BOTTOM)) y2=(px(BOTTOM + 5.0)) {}
                @let class = if number % 2 == 1 { "tick odd" } else { "tick" };
                text class=(class) x=(px(at)) y=(px(BOTTOM + 24.0)) text-anchor=(anchor) { (label) }
            }
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten that makes at most five of them, and the end of the last one.
fn ticks(most: u64) -> (u64, u64) {
    let most = most.max(1);
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if most.div_ceil(step) <= 5 {
                return (step, most.div_ceil(step).saturating_mul(step));
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A number for an axis with this step: all numbers of an axis in the same unit.
fn short(number: u64, step: u64) -> String {
    match step {
        _ if number == 0 => "0".to_owned(),
        500_000.. => format!("{} M", tenths(number / 100_000)),
        5_000.. => format!("{} k", tenths(number / 100)),
        _ => HumanCount(number).to_string(),
    }
}

fn tenths(number: u64) -> String {
    match number % 10 {
        0 => HumanCount(number / 10).to_string(),
        rest => format!("{}.{rest}", HumanCount(number / 10)),
    }
}

/// A moment on an axis of `span` milliseconds.
fn moment(begun: Timestamp, after: f64, span: f64) -> String {
    let format = match span {
        0.0..5_000.0 => "%H:%M:%S.%3f",
        5_000.0..600_000.0 => "%H:%M:%S",
        600_000.0..86_400_000.0 => "%H:%M",
        _ => "%b %-d, %H:%M",
    };
    let after = jiff::SignedDuration::try_from_secs_f64(after / 1_000.0).unwrap_or_default();
    let at = begun.saturating_add(after).unwrap_or(begun);
    at.strftime(format).to_string()
}

/// A moment as people read it.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[expect(clippy::cast_precision_loss, reason = "a chart has fewer digits")]
fn millis(at: Timestamp) -> f64 {
    at.as_millisecond() as f64
}

/// A part of a whole, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a chart has fewer digits")]
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64).clamp(0.0, 1.0)
}

/// A length, to the hundredth.
fn px(length: f64) -> String {
    let told = format!("{length:.2}");
    told.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (most, expected) in [
            (0, (1, 1)),
            (1, (1, 1)),
            (5, (1, 5)),
            (6, (2, 6)),
            (11, (5, 15)),
            (1_999_998, (500_000, 2_000_000)),
        ] {
            assert_eq!(ticks(most), expected, "{most}");
        }
        assert!(ticks(u64::MAX).0 > 0);
    }

    #[test]
    fn numbers_on_an_axis_are_short() {
        for (number, step, told) in [
            (0, 500_000, "0"),
            (8_000, 2_000, "8,000"),
            (10_000, 2_000, "10,000"),
            (50_000, 10_000, "50 k"),
            (2_000_000, 500_000, "2 M"),
            (2_500_000, 500_000, "2.5 M"),
        ] {
            assert_eq!(short(number, step), told);
        }
    }
}
