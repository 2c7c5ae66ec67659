//! As much of SVG as the pictures need.

use std::fmt::Write as _;

/// Tones in the middle: each can be read on white and on black.
pub(crate) const TEXT: &str = "#737b84";
pub(crate) const FAINT: &str = "#8b949e";
pub(crate) const OURS: &str = "#2f81f7";
const OTHERS: [&str; 4] = ["#c77d0a", "#2f9e50", "#a371f7", "#db5a5a"];

/// The colour of the contestant at this place among the others.
pub(crate) const fn other(place: usize) -> &'static str {
    OTHERS[place % OTHERS.len()]
}

/// Where a text stands by its position.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture without a background.
#[derive(Debug)]
pub(crate) struct Svg(String);

impl Svg {
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escape(title);
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" \
             font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\">\n\
             <title>{title}</title>\n"
        ))
    }

    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, style: Style, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let Style { size, colour, bold } = style;
        let weight = if bold { " font-weight=\"600\"" } else { "" };
        let text = escape(text);
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{colour}\"{weight}>{text}</text>"
        ));
    }

    pub(crate) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"{colour}\"/>"
        ));
    }

    /// A bar within or behind another.
    pub(crate) fn strip(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\" fill-opacity=\"0.6\"/>"
        ));
    }

    pub(crate) fn line(&mut self, points: &[(f64, f64)], width: f64, colour: &str, dashes: &str) {
        let points: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        let dashes = match dashes {
            "" => String::new(),
            dashes => format!(" stroke-dasharray=\"{dashes}\""),
        };
        self.put(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}/>"
        ));
    }

    pub(crate) fn dot(&mut self, (x, y): (f64, f64), colour: &str) {
        self.put(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
        ));
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Strings take everything.
        let _ = writeln!(self.0, "{element}");
    }
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: u32,
    pub(crate) colour: &'static str,
    pub(crate) bold: bool,
}

impl Style {
    pub(crate) const TITLE: Self = Self {
        size: 16,
        colour: TEXT,
        bold: true,
    };
    pub(crate) const HEADING: Self = Self {
        size: 13,
        colour: TEXT,
        bold: true,
    };
    pub(crate) const LABEL: Self = Self {
        size: 13,
        colour: TEXT,
        bold: false,
    };
    pub(crate) const SMALL: Self = Self {
        size: 11,
        colour: TEXT,
        bold: false,
    };

    pub(crate) const fn coloured(self, colour: &'static str) -> Self {
        Self {
            colour,
            bold: true,
            ..self
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
