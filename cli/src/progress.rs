//! Progress, on stderr: a bar on a terminal, a line now and then elsewhere.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use batchcast::send::{self, WaitingFor};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::readable::{bytes, rate, recipients, short_time};
use crate::terminal;
use crate::unpack::Consumed;

/// How often the bar is drawn again, and how often a line is written.
const BAR_EVERY: Duration = Duration::from_millis(100);
pub(crate) const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often the bar says anew how long something is waited for.
const WAIT_EVERY: Duration = Duration::from_secs(1);

/// From how many columns on there is a bar beside the words, and how many it takes with what is round it.
const BAR_FROM: usize = 72;
const BAR_TAKES: usize = 23;
/// Below, numbers have to do without their nouns.
const NOUNS_FROM: usize = 40;

/// Shows how far a send is.
pub(crate) struct Progress {
    /// Only on a terminal.
    bar: Option<ProgressBar>,
    /// The input's size, if it is known.
    size: Option<u64>,
    /// How much of that is done with.
    consumed: Consumed,
    /// How many messages there are to be, if the input may go on behind them.
    limit: Option<u64>,
    state: Mutex<State>,
}

struct State {
    /// When something was shown last.
    shown: Instant,
    /// When this process began to send, behind what an earlier one has sent.
    started: Instant,
    /// How many messages were sent before that: by an earlier process, as far as they were found again, or before a pause.
    before: u64,
    /// How far in the input they reach, if there is nothing else before.
    bytes_before: u64,
    /// How far it was when there was something to show last.
    at: send::Progress,
    /// The next update is about a batch of an earlier process.
    is_replay: bool,
    /// Something of this process's own is on its way.
    is_live: bool,
    /// What was said last of the canary.
    canary: String,
    /// Which batch waits, and for what.
    wait: Option<(u64, Awaited)>,
}

/// What a batch waits for.
#[derive(Debug, Clone, Copy)]
enum Awaited {
    /// Its answer, since then.
    Answer(Instant),
    /// Something else, until then.
    Until(WaitingFor, Instant),
}

impl Awaited {
    /// Whether it is waited for still.
    fn lasts(self, now: Instant) -> bool {
        match self {
            Self::Answer(_) => true,
            Self::Until(_, until) => now < until,
        }
    }

    /// How often it is worth a line: what takes hours need not be told all the time.
    fn line_every(self, now: Instant) -> Duration {
        match self {
            Self::Answer(_) => LINE_EVERY,
            Self::Until(_, until) => LINE_EVERY.max(until.saturating_duration_since(now) / 10),
        }
    }

    fn told(self, batch: u64, now: Instant) -> String {
        let batch = HumanCount(batch);
        let (what, until) = match self {
            Self::Answer(since) => {
                let since = short_time(now.saturating_duration_since(since));
                return format!("waiting for the answer to batch {batch}: {since}");
            }
            Self::Until(what, until) => (what, until),
        };
        // Not a second too few by what has passed since it was said.
        let left = until.saturating_duration_since(now).as_secs_f64().round();
        let left = short_time(Duration::from_secs_f64(left));
        match what {
            WaitingFor::RateLimit => format!("the rate limit wants a pause: {left} left"),
            WaitingFor::Token => format!("asking for a token again in {left}"),
            WaitingFor::Doubt => format!("looking for batch {batch}: {left} left"),
            WaitingFor::Question => format!("asking about batch {batch} again in {left}"),
            _ => format!("batch {batch} is tried again in {left}"),
        }
    }
}

impl Progress {
    /// Nothing is shown before there is something to show.
    pub(crate) fn new(size: Option<u64>, consumed: Consumed, limit: Option<u64>) -> Self {
        let bar = bar(Some(100));
        if let Some(bar) = &bar {
            // A line above it draws it as well, before there is anything to show.
            style(bar, false);
        }
        terminal::show(bar.clone());
        let started = Instant::now();
        Self {
            bar,
            size,
            consumed,
            limit,
            state: Mutex::new(State {
                shown: started,
                started,
                before: 0,
                bytes_before: 0,
                at: send::Progress::default(),
                is_replay: false,
                is_live: false,
                canary: String::new(),
                wait: None,
            }),
        }
    }

    /// A batch of an earlier process was found again; the next update tells where it ends.
    pub(crate) fn replayed(&self, messages: u64) {
        let mut state = self.state();
        state.before += messages;
        state.is_replay = true;
    }

    /// Shows it, if it is time to.
    pub(crate) fn update(&self, at: &send::Progress) {
        let now = Instant::now();
        let mut at = *at;
        let parts = {
            let mut state = self.state();
            // Of a compressed list the size is that of what is compressed, and how much of that is done with is an estimate.
            at.input_bytes = self.consumed.of(at.input_bytes).max(state.at.input_bytes);
            if !std::mem::take(&mut state.is_replay) {
                state.is_live = true;
            } else if !state.is_live {
                (state.started, state.bytes_before) = (now, at.input_bytes);
            }
            state.at = at;
            // It is behind us.
            state.canary.clear();
            let every = if self.bar.is_some() {
                BAR_EVERY
            } else {
                LINE_EVERY
            };
            if now.duration_since(state.shown) < every {
                return;
            }
            state.shown = now;
            self.parts(&state, &at, now)
        };
        self.show(&parts);
    }

    fn show(&self, parts: &Parts) {
        match &self.bar {
            Some(bar) => {
                draw(bar, parts, columns());
            }
            None => terminal::note(&format!("batchcast: {}", parts.line())),
        }
    }

    /// A batch waits for so long.
    pub(crate) fn waits(&self, batch: u64, what: WaitingFor, wait: Duration) {
        let until = Awaited::Until(what, Instant::now() + wait);
        self.state().wait = Some((batch, until));
    }

    /// All of a batch has left.
    pub(crate) fn waits_for_answer(&self, batch: u64) {
        self.state().wait = Some((batch, Awaited::Answer(Instant::now())));
    }

    /// A batch does not wait any more.
    pub(crate) fn goes_on(&self, batch: u64) {
        self.state().wait.take_if(|(waits, _)| *waits == batch);
    }

    /// Shows how long something is waited for, if it is time to. Nothing else happens meanwhile.
    pub(crate) fn tick(&self) {
        let now = Instant::now();
        let mut state = self.state();
        let wait = state.wait.filter(|(_, awaited)| awaited.lasts(now));
        let every = match (&self.bar, wait) {
            (Some(_), _) => WAIT_EVERY,
            (None, Some((_, awaited))) => awaited.line_every(now),
            (None, None) => LINE_EVERY,
        };
        if now.duration_since(state.shown) < every {
            return;
        }
        if wait.is_some() {
            state.shown = now;
            let parts = self.parts(&state, &state.at, now);
            drop(state);
            self.show(&parts);
        } else if let (Some(bar), false) = (&self.bar, state.canary.is_empty()) {
            state.shown = now;
            draw_canary(bar, &state, now);
        }
    }

    /// Ticks for as long as it is polled.
    pub(crate) async fn keep_ticking(&self) -> Infallible {
        loop {
            tokio::time::sleep(WAIT_EVERY / 2).await;
            self.tick();
        }
    }

    fn parts(&self, state: &State, at: &send::Progress, now: Instant) -> Parts {
        let elapsed = now.duration_since(state.started);
        let sent = at.messages.saturating_sub(state.before);
        let bytes = Way::of(self.size, at.input_bytes, state.bytes_before);
        let messages = Way::of(self.limit, at.messages, state.before);
        // It ends where either of them does.
        let way = match (bytes, messages) {
            (Some(bytes), Some(messages)) if messages.percent() > bytes.percent() => Some(messages),
            (bytes, messages) => bytes.or(messages),
        };
        Parts {
            percent: way.map(Way::percent),
            recipients: at.messages,
            rate: rate(sent, elapsed),
            left: way.and_then(|way| way.left(elapsed)),
            wait: (state.wait.filter(|(_, awaited)| awaited.lasts(now)))
                .map(|(batch, awaited)| awaited.told(batch, now)),
            batch: at.batch,
            bytes: at.bytes,
        }
    }

    /// What the API says of the canary; told when it changes, and now and then.
    pub(crate) fn canary(&self, told: String) {
        let now = Instant::now();
        let mut state = self.state();
        let is_new = state.canary != told;
        state.canary = told;
        // What was waited for to ask has come.
        state.wait = None;
        if let Some(bar) = &self.bar {
            draw_canary(bar, &state, now);
        } else if is_new || now.duration_since(state.shown) >= LINE_EVERY {
            state.shown = now;
            terminal::note(&format!("batchcast: {}", state.canary));
        }
    }

    /// Takes the bar away while somebody is asked.
    pub(crate) fn pause(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            bar.set_draw_target(ProgressDrawTarget::hidden());
            terminal::show(None);
        }
        let mut state = self.state();
        state.canary.clear();
        state.wait = None;
    }

    /// The same as before, behind a [pause](Self::pause).
    pub(crate) fn go_on(&self) {
        if let Some(bar) = &self.bar {
            // Nothing is drawn before there is something to show.
            bar.reset();
            bar.set_draw_target(ProgressDrawTarget::stderr());
            terminal::show(Some(bar.clone()));
        }
        // Waiting for somebody is no work, and what was sent before it was not sent since.
        let mut state = self.state();
        state.started = Instant::now();
        (state.before, state.bytes_before) = (state.at.messages, state.at.input_bytes);
    }

    /// Shows a line above the bar, if there is a bar.
    pub(crate) fn above(&self, line: &str) {
        if self.bar.is_some() {
            terminal::note(line);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            terminal::show(None);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A way that has an end: how much of it there is, how much is done with, and how much of that was before.
#[derive(Debug, Clone, Copy)]
struct Way {
    all: u64,
    done: u64,
    before: u64,
}

impl Way {
    fn of(all: Option<u64>, done: u64, before: u64) -> Option<Self> {
        let all = all.filter(|&all| all > 0)?;
        Some(Self {
            all,
            done: done.min(all),
            before,
        })
    }

    fn percent(self) -> u64 {
        let percent = u128::from(self.done) * 100 / u128::from(self.all);
        u64::try_from(percent).unwrap_or(100)
    }

    /// How long the rest takes, if it takes as long as what was done in this time.
    fn left(self, elapsed: Duration) -> Option<Duration> {
        let done = self
            .done
            .checked_sub(self.before)
            .filter(|&done| done > 0)?;
        let millis = elapsed.as_millis() * u128::from(self.all - self.done) / u128::from(done);
        Some(Duration::from_millis(u64::try_from(millis).ok()?))
    }
}

/// Lines of a terminal that change, and are gone in the end.
#[derive(Clone)]
pub(crate) struct Lines(ProgressBar);

impl Lines {
    /// None of them yet; `None` if nobody would see them change.
    pub(crate) fn new() -> Option<Self> {
        let bar = bar(None)?;
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        terminal::show(Some(bar.clone()));
        Some(Self(bar))
    }

    /// How many there is room for, and of how many columns: more of either could not be taken away again.
    pub(crate) fn room() -> (usize, usize) {
        let (rows, columns) = size();
        (rows.saturating_sub(1), columns.saturating_sub(1))
    }

    /// Shows these.
    pub(crate) fn set(&self, lines: &[String]) {
        let (rows, columns) = Self::room();
        let lines = lines.iter().take(rows).map(|line| cut(line, columns));
        self.0.set_message(lines.collect::<Vec<_>>().join("\n"));
        // However soon it comes behind the last one: it may stay.
        self.0.force_draw();
    }

    /// Takes them away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
        terminal::show(None);
    }
}

/// A bar, if there is somebody to see it.
fn bar(size: Option<u64>) -> Option<ProgressBar> {
    (terminal::is_watched() && !terminal::is_quiet())
        .then(|| ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr()))
        // So is a terminal that cannot draw.
        .filter(|bar| !bar.is_hidden())
}

/// What there is to say of a send under way.
#[derive(Debug)]
struct Parts {
    percent: Option<u64>,
    recipients: u64,
    rate: String,
    left: Option<Duration>,
    /// What is waited for: then what is left is not known.
    wait: Option<String>,
    batch: u64,
    bytes: u64,
}

impl Parts {
    /// All of it.
    fn line(&self) -> String {
        self.words(usize::MAX)
    }

    /// As much as fits into so many columns, what matters most first.
    fn words(&self, columns: usize) -> String {
        let has_nouns = columns >= NOUNS_FROM;
        let percent = self.percent.map(|percent| format!("{percent}%"));
        let sent = match has_nouns {
            true => recipients(self.recipients),
            false => HumanCount(self.recipients).to_string(),
        };
        let left = || Some(format!("{} left", short_time(self.left?)));
        let others = [
            self.wait.clone().or_else(left),
            has_nouns.then(|| self.rate.clone()),
            Some(format!("batch {}", HumanCount(self.batch))),
            Some(bytes(self.bytes)),
        ];
        let mut words = String::new();
        for part in [percent, Some(sent)].into_iter().chain(others).flatten() {
            let comma = if words.is_empty() { "" } else { ", " };
            if words.len() + comma.len() + part.len() > columns {
                break;
            }
            words += comma;
            words += &part;
        }
        words
    }
}

/// Draws a bar that fits into so many columns.
fn draw(bar: &ProgressBar, parts: &Parts, columns: usize) {
    let has_bar = columns >= BAR_FROM && parts.percent.is_some();
    let taken = if has_bar { BAR_TAKES } else { 0 };
    style(bar, has_bar);
    bar.set_position(parts.percent.unwrap_or_default());
    // The spinner, and a column that terminals would wrap behind.
    bar.set_message(parts.words(columns.saturating_sub(taken + 3)));
}

/// Draws what was said last of the canary, and how long it takes.
fn draw_canary(bar: &ProgressBar, state: &State, now: Instant) {
    let since = short_time(now.duration_since(state.started));
    style(bar, false);
    let words = format!("{}, {since}", state.canary);
    bar.set_message(cut(&words, columns().saturating_sub(3)));
}

fn style(bar: &ProgressBar, has_bar: bool) {
    let template = match has_bar {
        true => "{spinner} [{bar:20}] {msg}",
        false => "{spinner} {msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
}

/// How wide the terminal is now.
fn columns() -> usize {
    size().1
}

/// How many rows and columns the terminal has now.
fn size() -> (usize, usize) {
    let size = console::Term::stderr().size_checked();
    size.map_or((24, 80), |(rows, columns)| (rows.into(), columns.into()))
}

/// A text cut to so many columns; it is ASCII but for what a server says.
fn cut(text: &str, columns: usize) -> String {
    crate::clean::line(text).chars().take(columns).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_into_any_width() {
        let parts = Parts {
            percent: Some(45),
            recipients: 1_234_567,
            rate: rate(12_345, Duration::from_secs(1)),
            left: Some(Duration::from_secs(200)),
            wait: None,
            batch: 12,
            bytes: 620_000_000,
        };
        for columns in 0..200 {
            assert!(parts.words(columns).len() <= columns, "{columns}");
        }
        assert_eq!(parts.words(17), "45%, 1,234,567");
        assert_eq!(parts.words(37), "45%, 1,234,567, 3 min 20 s left");
        assert_eq!(
            parts.line(),
            "45%, 1,234,567 recipients, 3 min 20 s left, 12,345 recipients/s, batch 12, 620.0 MB"
        );
    }

    #[test]
    fn what_is_waited_for_is_told_instead_of_what_is_left() {
        let progress = Progress::new(Some(1_000), Consumed::default(), None);
        let mut at = send::Progress::default();
        (at.messages, at.input_bytes) = (1_000, 1_000);
        let line = |after: u64| {
            let state = progress.state();
            let now = state.started + Duration::from_secs(after);
            progress.parts(&state, &at, now).line()
        };
        assert!(line(10).contains(", 0 s left"), "{}", line(10));
        progress.waits_for_answer(3);
        let told = "1,000 recipients, waiting for the answer to batch 3: ";
        assert!(line(10).contains(told), "{}", line(10));
        progress.goes_on(2);
        assert!(line(10).contains(told), "{}", line(10));
        progress.waits(2, WaitingFor::Doubt, Duration::from_secs(60));
        let line_then = line(10);
        assert!(
            line_then.contains("looking for batch 2: 50 s left"),
            "{line_then}"
        );
        progress.goes_on(2);
        assert!(line(10).contains(", 0 s left"), "{}", line(10));
    }

    #[test]
    fn what_was_sent_before_is_counted_and_does_not_make_it_faster() {
        let progress = Progress::new(Some(1_000), Consumed::default(), None);
        let mut at = send::Progress::default();
        (at.messages, at.input_bytes) = (500, 500);
        progress.replayed(500);
        progress.update(&at);
        let later = progress.state().started + Duration::from_secs(10);
        (at.messages, at.input_bytes) = (600, 600);
        progress.update(&at);
        let parts = progress.parts(&progress.state(), &at, later);
        assert_eq!((parts.recipients, parts.percent), (600, Some(60)));
        assert_eq!(parts.rate, "10 recipients/s");
        assert_eq!(parts.left, Some(Duration::from_secs(40)));
    }

    #[test]
    fn what_a_limit_leaves_out_is_not_waited_for() {
        let told = |size, limit| {
            let progress = Progress::new(size, Consumed::default(), limit);
            let mut at = send::Progress::default();
            (at.messages, at.input_bytes) = (10, 130);
            let state = progress.state();
            let later = state.started + Duration::from_secs(10);
            let parts = progress.parts(&state, &at, later);
            (parts.percent, parts.left.map(|left| left.as_secs()))
        };
        assert_eq!(told(Some(13_000), None), (Some(1), Some(990)));
        assert_eq!(told(Some(13_000), Some(20)), (Some(50), Some(10)));
        // Of a pipe, too. A list may end before its limit, and grow while it is sent.
        assert_eq!(told(None, Some(20)), (Some(50), Some(10)));
        assert_eq!(told(Some(260), Some(1_000)), (Some(50), Some(10)));
        assert_eq!(told(Some(100), None), (Some(100), Some(0)));
        for size in [None, Some(0)] {
            assert_eq!(told(size, None), (None, None));
        }
    }
}
