//! Progress, on stderr: a bar on a terminal, a line now and then elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use batchcast::send;
use bytesize::ByteSize;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{clean, terminal};

/// How often the bar is drawn again, and how often a line is written.
const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far a send is.
pub(crate) struct Progress {
    /// Only on a terminal.
    bar: Option<ProgressBar>,
    /// The input's size, if it is known.
    size: Option<u64>,
    started: Instant,
    shown: Mutex<Instant>,
}

impl Progress {
    /// Nothing is shown before there is something to show.
    pub(crate) fn new(size: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
        let template = match size {
            Some(_) => "{spinner} [{bar:24}] {percent}%  {msg}, {eta} left",
            None => "{spinner} {msg}, {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let started = Instant::now();
        Self {
            bar: (!bar.is_hidden()).then_some(bar),
            size,
            started,
            shown: Mutex::new(started),
        }
    }

    /// Shows it, if it is time to.
    pub(crate) fn update(&self, at: &send::Progress) {
        let now = Instant::now();
        {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let every = if self.bar.is_some() {
                BAR_EVERY
            } else {
                LINE_EVERY
            };
            if now.duration_since(*shown) < every {
                return;
            }
            *shown = now;
        }
        let told = format!(
            "{}, batch {}, {}, {}",
            recipients(at.messages),
            HumanCount(at.batch),
            bytes(at.bytes),
            rate(at.messages, now.duration_since(self.started)),
        );
        match (&self.bar, self.size) {
            (Some(bar), _) => {
                bar.set_message(told);
                bar.set_position(at.input_bytes);
            }
            (None, Some(size)) if size > 0 => {
                let percent = at.input_bytes.min(size) * 100 / size;
                terminal::note(&format!("batchcast: {percent}%, {told}"));
            }
            (None, _) => terminal::note(&format!("batchcast: {told}")),
        }
    }

    /// Shows a line above the bar, if there is a bar.
    pub(crate) fn above(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.println(clean::line(line));
        }
    }

    /// Shows a line, above the bar if there is one.
    pub(crate) fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(clean::line(&format!("batchcast: {line}"))),
            None => terminal::note(&format!("batchcast: {line}")),
        }
    }

    /// Keeps the bar out of the way of a line that goes to stdout, perhaps the same terminal.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A number of things, such as "1,000 batches".
pub(crate) fn count(number: u64, singular: &str, plural: &str) -> String {
    let noun = if number == 1 { singular } else { plural };
    format!("{} {noun}", HumanCount(number))
}

/// A number of recipients.
pub(crate) fn recipients(number: u64) -> String {
    count(number, "recipient", "recipients")
}

/// A number of batches.
pub(crate) fn batches(number: u64) -> String {
    count(number, "batch", "batches")
}

/// A number of bytes as people read it.
pub(crate) fn bytes(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// Recipients in a second.
pub(crate) fn rate(recipients: u64, elapsed: Duration) -> String {
    let micros = u64::try_from(elapsed.as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let rate = u128::from(recipients) * 1_000_000 / u128::from(micros);
    let rate = u64::try_from(rate).unwrap_or(u64::MAX);
    format!("{} recipients/s", HumanCount(rate))
}

/// An amount of money, to the hundredth of a cent, without needless zeros.
pub(crate) fn amount(amount: f64) -> String {
    let told = format!("{amount:.4}");
    let short = told.trim_end_matches('0');
    let decimals = short.split('.').nth(1).map_or(0, str::len);
    // Cents are always there.
    let len = told.len() - (4 - decimals.max(2));
    let (whole, rest) = told[..len].split_once('.').unwrap_or((&told, "00"));
    match whole.parse() {
        Ok(whole) => format!("{}.{rest}", HumanCount(whole)),
        Err(_) => told,
    }
}

/// A time as people read it.
pub(crate) fn time(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 3_600.. => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        seconds @ 60.. => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_readable() {
        assert_eq!(recipients(1), "1 recipient");
        assert_eq!(batches(2_000), "2,000 batches");
        assert_eq!(bytes(50_000_000), "50.0 MB");
        assert_eq!(
            rate(3_000_000, Duration::from_secs(2)),
            "1,500,000 recipients/s"
        );
        assert_eq!(rate(1, Duration::ZERO), "1,000,000 recipients/s");
        for (number, told) in [
            (0.0, "0.00"),
            (0.5, "0.50"),
            (0.007_5, "0.0075"),
            (12_345.675, "12,345.675"),
            (2.999_99, "3.00"),
        ] {
            assert_eq!(amount(number), told);
        }
        assert_eq!(time(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(time(Duration::from_secs(75)), "1 min 15 s");
        assert_eq!(time(Duration::from_secs(7_380)), "2 h 3 min");
    }
}
