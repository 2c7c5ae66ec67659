//! Who is passed over: those who want no messages, those who got one already, and what lies outside of a part of a list.
//!
//! A [`Screen`] is asked for every message, in the list's order. What it says depends on nothing but the list and on how
//! it was made, so a run that is gone on with passes over the same records as before. [`Duplicates`] decides nothing: it finds
//! who is in a list more than once, at the list's end.
//!
//! ```
//! use batchcast::screen::{NumberSet, Reason, Screen, Verdict};
//! use batchcast::{Message, PhoneNumber, Position};
//!
//! let opted_out = PhoneNumber::parse("+14155550100")?;
//! let mut screen = Screen::new().suppress([opted_out].into_iter().collect()).unique();
//!
//! let message = |record, to| Message::new(to).at(Position::of_record(record));
//! let other = PhoneNumber::parse("+14155550101")?;
//! assert_eq!(screen.admit(&message(1, opted_out)), Verdict::PassedOver(Reason::Suppressed));
//! assert_eq!(screen.admit(&message(2, other)), Verdict::Admitted);
//! assert_eq!(screen.admit(&message(3, other)), Verdict::PassedOver(Reason::Duplicate));
//! assert_eq!(screen.passed_over().total(), 2);
//! # Ok::<(), batchcast::PhoneNumberError>(())
//! ```

mod ahead;
mod duplicates;
mod filter;
mod guess;
mod max_invalid;
mod numbers;
mod seen;
mod suppressed;
mod table;

use std::fmt;
use std::ops::RangeInclusive;

use self::ahead::Ahead;
pub use self::duplicates::{Duplicates, Repeats};
pub use self::max_invalid::{MaxInvalid, MaxInvalidError};
pub use self::numbers::NumberSet;
use self::seen::Seen;
use self::suppressed::Suppressed;
use crate::message::{Message, PhoneNumber};

/// How many bytes are looked at in advance: enough to find many numbers, and not more than a cache remembers what was
/// looked at for them.
const AHEAD: usize = 16 * 1024;

/// Decides for each message of a list whether it is sent.
#[derive(Debug, Clone, Default)]
#[must_use = "it decides nothing by itself"]
pub struct Screen {
    /// So many records at the list's beginning are passed over.
    skip: u64,
    suppressed: Option<Suppressed>,
    later: Vec<Later>,
    seen: Option<Seen>,
    /// How many more messages are sent.
    left: Option<u64>,
    passed_over: PassedOver,
    ahead: Ahead,
}

/// Recipients that are suppressed only since a part of the list was sent.
#[derive(Debug, Clone)]
struct Later {
    numbers: Suppressed,
    /// The records of that part, in ascending order.
    sent: Vec<RangeInclusive<u64>>,
}

/// Whether a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is sent.
    Admitted,
    /// It is not, and why.
    PassedOver(Reason),
}

/// Why a message is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It is among the first records, of which none is sent.
    Skipped,
    /// Its recipient wants no messages.
    Suppressed,
    /// Its recipient was in the list before.
    Duplicate,
}

/// How many messages were passed over, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PassedOver {
    /// See [`Reason::Skipped`]. Records that are invalid are among these.
    pub skipped: u64,
    /// See [`Reason::Suppressed`].
    pub suppressed: u64,
    /// See [`Reason::Duplicate`].
    pub duplicates: u64,
}

impl Screen {
    /// One that admits every message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes over the first `records` of the list, whatever they are. They are as good as not there: a recipient
    /// among them is not one that was there before.
    pub const fn skip(mut self, records: u64) -> Self {
        self.skip = records;
        self
    }

    /// Passes over these recipients. In front of the set there is a filter that takes 1.3 bytes a number. Can be called more
    /// than once: then all of them are passed over. One set of all is made sooner.
    pub fn suppress(mut self, numbers: NumberSet) -> Self {
        if !numbers.is_empty() {
            self.suppressed = Some(match self.suppressed.take() {
                None => Suppressed::new(numbers),
                Some(suppressed) => suppressed.and(numbers),
            });
        }
        self
    }

    /// Passes over these recipients as well, but not in the records that were `sent` before it was known that they want no
    /// messages, as ascending ranges: what was sent there can be told only if it is made again as it was. Can be called
    /// more than once.
    pub fn suppress_since(mut self, numbers: NumberSet, sent: Vec<RangeInclusive<u64>>) -> Self {
        if !numbers.is_empty() {
            let numbers = Suppressed::new(numbers);
            self.later.push(Later { numbers, sent });
        }
        self
    }

    /// Sends each recipient the first message that is there for them, and passes over the others. The memory for it is
    /// that of a [`NumberSet`] of all recipients.
    pub fn unique(mut self) -> Self {
        self.seen = Some(Seen::default());
        self
    }

    /// Ends the list behind so many messages that are sent: what follows them is not looked at. With 0 nothing is sent.
    pub const fn limit(mut self, messages: u64) -> Self {
        self.left = Some(messages);
        self
    }

    /// Whether it admits whatever comes: then it is not needed.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.skip == 0
            && self.suppressed.is_none()
            && self.later.is_empty()
            && self.seen.is_none()
            && self.left.is_none()
    }

    /// How many bytes of the list at a time it is worth to let it [look ahead](Self::look_ahead); 0 if it is not, because
    /// what it knows of numbers is in the cache anyway.
    #[must_use]
    pub fn ahead(&self) -> usize {
        if self.large_suppressed().is_some() || self.has_large_seen() {
            AHEAD
        } else {
            0
        }
    }

    /// Shows it the next bytes of the list, before it is asked for the messages in them: then it need not wait for memory at
    /// each of these. It decides nothing by it. What it finds are numbers in E.164 form, not those of a
    /// [`Region`](crate::Region). See [`Visitor::look_ahead`](crate::input::Visitor::look_ahead).
    pub fn look_ahead(&mut self, bytes: &[u8]) {
        if self.ahead() == 0 {
            return;
        }
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.guess(bytes);
        if let Some(suppressed) = self.large_suppressed() {
            suppressed.look_ahead(&mut ahead);
        }
        if let Some(seen) = self.seen.as_mut().filter(|seen| seen.is_large()) {
            seen.expect(ahead.numbers());
        }
        self.ahead = ahead.emptied();
    }

    fn large_suppressed(&self) -> Option<&Suppressed> {
        self.suppressed.as_ref().filter(|set| set.is_large())
    }

    fn has_large_seen(&self) -> bool {
        self.seen.as_ref().is_some_and(Seen::is_large)
    }

    /// Decides on the next message of the list. An admitted one that cannot be sent after all, because it fits into no
    /// batch, is to be [taken back](Self::take_back).
    ///
    /// With [`skip`](Self::skip) or [`suppress_since`](Self::suppress_since) the message needs its record's number: without a
    /// [`Position`](crate::Position), which is record 0, it is one of the first, and in no part that was sent. A
    /// [`limit`](Self::limit) is not looked at here: ask [`is_done`](Self::is_done) before each message.
    // Inlined, so that the message needs no address: see `Splitter::push`.
    #[inline(always)]
    pub fn admit(&mut self, message: &Message<'_>) -> Verdict {
        self.admit_if(message, || true)
    }

    /// The same, if somebody knows whether an admitted message can be sent. One that cannot is admitted though its recipient is
    /// [suppressed since](Self::suppress_since), and is to be taken back: so it was when the part of the list behind it was
    /// sent, and a recipient of whom there was only such a record is not one that was there before.
    #[inline(always)]
    pub fn admit_if(
        &mut self,
        message: &Message<'_>,
        can_be_sent: impl FnOnce() -> bool,
    ) -> Verdict {
        if self.skips(message.position.record) {
            return self.pass_over(Reason::Skipped);
        }
        if let Some(suppressed) = &self.suppressed
            && suppressed.has(message.to)
        {
            return self.pass_over(Reason::Suppressed);
        }
        if let Some(seen) = &mut self.seen
            && !seen.insert(message.to)
        {
            return self.pass_over(Reason::Duplicate);
        }
        // Behind what a record before it has to do with it: that must not depend on when it is asked.
        if !self.later.is_empty()
            && self.suppresses_since(message.to, message.position.record)
            && can_be_sent()
        {
            return self.pass_over(Reason::Suppressed);
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        Verdict::Admitted
    }

    #[inline(never)]
    fn suppresses_since(&self, to: PhoneNumber, record: u64) -> bool {
        self.later.iter().any(|later| {
            later.numbers.has(to) && {
                let before = later.sent.partition_point(|sent| *sent.end() < record);
                let sent = later.sent.get(before);
                !sent.is_some_and(|sent| sent.contains(&record))
            }
        })
    }

    #[cold]
    fn pass_over(&mut self, reason: Reason) -> Verdict {
        self.passed_over.count(reason);
        Verdict::PassedOver(reason)
    }

    /// Takes it back that the message it was asked for last, to this recipient, was admitted: it was not sent.
    pub fn take_back(&mut self, to: PhoneNumber) {
        if let Some(seen) = &mut self.seen {
            seen.remove(to);
        }
        if let Some(left) = &mut self.left {
            *left += 1;
        }
    }

    /// Whether this record is among the first that are passed over.
    #[inline]
    #[must_use]
    pub const fn skips(&self, record: u64) -> bool {
        // Record 0 is one without a number.
        record <= self.skip && self.skip > 0
    }

    /// Counts a record that it [skips](Self::skips), and that is no message.
    pub const fn skip_invalid(&mut self) {
        self.passed_over.skipped += 1;
    }

    /// Whether as many messages were admitted as are to be sent: the list ends here.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// How many messages were passed over.
    #[must_use]
    pub const fn passed_over(&self) -> PassedOver {
        self.passed_over
    }
}

impl PassedOver {
    /// Counts one.
    const fn count(&mut self, reason: Reason) {
        match reason {
            Reason::Skipped => self.skipped += 1,
            Reason::Suppressed => self.suppressed += 1,
            Reason::Duplicate => self.duplicates += 1,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.skipped + self.suppressed + self.duplicates
    }
}

impl Reason {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Suppressed => "suppressed",
            Self::Duplicate => "duplicate",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    fn number(last: u64) -> PhoneNumber {
        PhoneNumber::parse(&format!("+1415555010{last}")).unwrap()
    }

    fn verdicts(mut screen: Screen, list: &[(u64, u64)]) -> Vec<Option<Reason>> {
        let verdict = |&(record, last): &(u64, u64)| {
            let message = Message::new(number(last)).at(Position::of_record(record));
            match screen.admit(&message) {
                Verdict::Admitted => None,
                Verdict::PassedOver(reason) => Some(reason),
            }
        };
        list.iter().map(verdict).collect()
    }

    #[test]
    fn who_is_suppressed_since_a_part_was_sent_is_in_that_part_alone() {
        let screen = || Screen::new().suppress([number(9)].into_iter().collect());
        let since = |screen: Screen, last, sent: &[RangeInclusive<u64>]| {
            screen.suppress_since([number(last)].into_iter().collect(), sent.to_vec())
        };
        let both = since(
            since(screen(), 1, &[3..=4, 7..=7]),
            2,
            &[3..=4, 7..=7, 9..=9],
        );
        let suppressed = Some(Reason::Suppressed);
        let all_of = |last| (1..=10).map(|record| (record, last)).collect::<Vec<_>>();
        for (last, sent) in [
            (0, (1..=10).collect()),
            (1, vec![3, 4, 7]),
            (2, vec![3, 4, 7, 9]),
            (9, vec![]),
        ] {
            let expected: Vec<_> = (1..=10)
                .map(|record| suppressed.filter(|_| !sent.contains(&record)))
                .collect();
            assert_eq!(verdicts(both.clone(), &all_of(last)), expected, "{last}");
        }
        assert!(!since(Screen::new(), 1, &[]).is_idle());
    }

    #[test]
    fn what_is_shown_in_advance_decides_nothing() {
        let index = |index: u64| {
            let number = format!("+1{}", 2_000_000_000 + index * 7_919 % 8_000_000_000);
            PhoneNumber::parse(&number).unwrap()
        };
        let few: NumberSet = [index(0)].into_iter().collect();
        let many: NumberSet = (0..1_400_000).map(|at| index(3 * at)).collect();
        // Each number twice, and as many as are in no cache; some are of another plan.
        let number = |at: u64| match at % 100 {
            0 => PhoneNumber::parse(&format!("+4930{:07}", at)).unwrap(),
            _ => index(at),
        };
        let list: Vec<_> = (0..90_000).flat_map(|at| [number(at); 2]).collect();
        for (screen, is_large) in [
            (Screen::new().suppress(many.clone()), true),
            (Screen::new().suppress(many).unique(), true),
            (Screen::new().suppress(few).unique(), true),
            (Screen::new().limit(u64::MAX), false),
        ] {
            let mut plain = screen.clone();
            let mut shown = screen;
            for (part, record) in list.chunks(1_000).zip((1..).step_by(1_000)) {
                let lines = part.iter().map(|to| format!("{}\n+1 +\n", to.as_str()));
                shown.look_ahead(lines.collect::<String>().as_bytes());
                shown.look_ahead(b"");
                for (&to, record) in part.iter().zip(record..) {
                    let message = Message::new(to).at(Position::of_record(record));
                    assert_eq!(shown.admit(&message), plain.admit(&message), "{record}");
                }
            }
            assert_eq!(shown.ahead() == AHEAD, is_large);
            assert_eq!(shown.passed_over(), plain.passed_over());
        }
        assert_eq!(Screen::new().unique().ahead(), 0);
    }

    #[test]
    fn a_duplicate_in_what_was_sent_is_still_one() {
        // Record 1 was a message when the records from 2 on were sent, and was not sent itself.
        let screen = Screen::new().unique().limit(2);
        let sent = vec![2..=3, 5..=5];
        let screen = screen.suppress_since([number(1)].into_iter().collect(), sent);
        assert_eq!(
            verdicts(screen, &[(1, 1), (2, 1), (3, 2), (4, 1), (5, 3)]),
            [
                Some(Reason::Suppressed),
                Some(Reason::Duplicate),
                None,
                Some(Reason::Duplicate),
                None
            ]
        );
    }
}
