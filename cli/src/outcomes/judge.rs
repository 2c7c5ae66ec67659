//! What the send made of each record of its list: a message, or nothing, and why. It is told from what was sent with, as
//! far as that is known; of what is not known it says so.

use std::borrow::Cow;

use batchcast::encode::{Limits, Splitter};
use batchcast::input::Invalid;
use batchcast::screen::{Reason, Screen, Verdict as Screened};
use batchcast::{Envelope, Error, ErrorKind, Message};

use super::again::{Again, Texts};
use super::row::{INVALID, PASSED_OVER, UNCLEAR};

/// What is said of those behind the end of the part that was to be sent.
const BEHIND: &str = "It is behind the --limit";

/// What was made of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// A message, if the run has come to it.
    Message,
    /// The same, or nothing: it is not known.
    Unsure,
    /// Nothing: its status, and why.
    Aside(&'static str, Cow<'static, str>),
}

/// What is known of how a list was sent.
#[derive(Debug)]
pub(crate) struct Known {
    /// What all messages share, or has the same effect.
    pub(crate) envelope: Envelope,
    pub(crate) limits: Limits,
    /// What is known of the texts, beside whether they can be sent.
    pub(crate) texts: Texts,
    /// Whether it is known of each text that it can be sent.
    pub(crate) has_texts: bool,
    /// Whether it is known who was suppressed.
    pub(crate) has_numbers: bool,
    /// Who was passed over. Only if the texts are known by who else is in the list, too.
    pub(crate) screen: Screen,
    /// Whether each number was sent one message.
    pub(crate) is_unique: bool,
    /// The record that the list ended with, if that is known.
    pub(crate) end: Option<u64>,
    /// How many records were invalid, if the run is finished: it will not come to any record any more.
    pub(crate) invalid: Option<u64>,
}

/// Judges the records of a list, in its order.
#[derive(Debug)]
pub(crate) struct Judge {
    known: Known,
    /// What it takes can be sent.
    probe: Splitter,
    /// Whether the messages are those that were sent.
    pub(crate) again: Again,
    /// As many messages were found as were to be sent.
    is_done: bool,
    /// So many records were invalid until now.
    invalid: u64,
    /// Of so many records it could not be told whether they were sent, or why they were not.
    pub(crate) unclear: u64,
    /// So many records could have been sent, and were not, though the run is finished.
    pub(crate) strays: u64,
}

impl Judge {
    /// Before the first record.
    ///
    /// # Errors
    /// If no batch can hold a message.
    pub(crate) fn new(known: Known) -> Result<Self, Error> {
        Ok(Self {
            probe: Splitter::new(&known.envelope, known.limits)?,
            again: Again::new(known.envelope.clone(), known.texts.clone())?,
            known,
            is_done: false,
            invalid: 0,
            unclear: 0,
            strays: 0,
        })
    }

    /// What was made of a record that could be read.
    pub(crate) fn message(&mut self, message: &Message<'_>) -> Verdict {
        if self.is_behind(message.position.record) {
            return Verdict::Aside(PASSED_OVER, BEHIND.into());
        }
        let known = &mut self.known;
        let has_texts = known.has_texts;
        let probe = &mut self.probe;
        let can_be_sent = || !has_texts || probe.push(message).is_ok();
        if let Screened::PassedOver(reason) = known.screen.admit_if(message, can_be_sent) {
            return Verdict::Aside(PASSED_OVER, why(reason).into());
        }
        if has_texts && let Err(error) = self.probe.push(message) {
            known.screen.take_back(message.to);
            return self.set_invalid(fault(&error));
        }
        if !has_texts || !known.has_numbers {
            return Verdict::Unsure;
        }
        self.is_done = known.screen.is_done();
        Verdict::Message
    }

    /// What is said of one that could not.
    pub(crate) fn invalid(&mut self, invalid: &Invalid<'_>) -> Verdict {
        let record = invalid.error.position().unwrap_or_default().record;
        if self.is_behind(record) {
            return Verdict::Aside(PASSED_OVER, BEHIND.into());
        }
        if self.known.screen.skips(record) {
            return Verdict::Aside(PASSED_OVER, why(Reason::Skipped).into());
        }
        self.set_invalid(fault(&invalid.error))
    }

    fn set_invalid(&mut self, why: impl Into<Cow<'static, str>>) -> Verdict {
        self.invalid += 1;
        Verdict::Aside(INVALID, why.into())
    }

    /// What is said of a record that was not sent, and of which it was not known whether it would be.
    pub(crate) fn unsent(&mut self) -> Verdict {
        self.unclear += 1;
        if self.unsent_are_invalid() {
            return self
                .set_invalid("No message could be made of it; why is not known without the text");
        }
        let (status, why) = match self.known.has_texts {
            true => (
                PASSED_OVER,
                "It was passed over; why is not known without the suppressed numbers",
            ),
            false => (
                UNCLEAR,
                "It was not sent: it is invalid, or it was passed over",
            ),
        };
        Verdict::Aside(status, why.into())
    }

    /// Whether it is known of all who were passed over.
    const fn unsent_are_invalid(&self) -> bool {
        self.known.has_numbers && (self.known.has_texts || !self.known.is_unique)
    }

    /// What is said of a record in the range of a batch, if it cannot be told whether it is in the batch.
    pub(crate) fn unclear(&mut self) -> Verdict {
        self.unclear += 1;
        let why = "Whether it was sent is not known";
        Verdict::Aside(UNCLEAR, why.into())
    }

    /// What is said of a record in no batch; `is_passed` if the run has come further.
    pub(crate) fn outside(&mut self, verdict: Verdict, is_passed: bool) -> Verdict {
        let Some(invalid) = self.known.invalid else {
            return match verdict {
                Verdict::Unsure if is_passed => self.unsent(),
                verdict => verdict,
            };
        };
        // The run has come to its end: behind so many there are none that it could make nothing of.
        let is_more = !is_passed && self.unsent_are_invalid() && self.invalid >= invalid;
        match verdict {
            Verdict::Unsure if !is_more => self.unsent(),
            Verdict::Unsure | Verdict::Message => {
                self.strays += 1;
                let why = "It is in no batch of the run, which is finished";
                Verdict::Aside(UNCLEAR, why.into())
            }
            aside @ Verdict::Aside(..) => aside,
        }
    }

    fn is_behind(&self, record: u64) -> bool {
        self.is_done || self.known.end.is_some_and(|end| record > end)
    }
}

const fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Skipped => "It is among the first records, which were skipped",
        Reason::Suppressed => "Its number is suppressed",
        Reason::Duplicate => "Its number was in the list before",
        _ => "It was passed over",
    }
}

/// What is wrong with a record; its position is told beside it.
fn fault(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Record { fault, .. } => fault.to_string(),
        other => other.to_string(),
    }
}

/// Everything is known: all messages have this default text, and nobody was passed over.
#[cfg(test)]
pub(crate) fn knowing(text: Option<&str>) -> Known {
    let from = batchcast::PhoneNumber::parse("+16505550100").unwrap();
    let mut envelope = Envelope::new(from);
    if let Some(text) = text {
        envelope = envelope.with_text(batchcast::Text::new(text.to_owned()).unwrap());
    }
    Known {
        envelope,
        limits: Limits::default(),
        texts: Texts::Known,
        has_texts: true,
        has_numbers: true,
        screen: Screen::new(),
        is_unique: false,
        end: None,
        invalid: None,
    }
}
