//! What becomes of accepted messages: who gets them, what they cost, and when that is known.
//!
//! Nothing depends on time or chance: what fails is chosen by rule, and a batch goes on when it is looked at.

use std::fmt;
use std::str::FromStr;

use crate::reject::{ParseRuleError, RejectRule};
use crate::store::{Batch, Message};

/// What becomes of some accepted messages.
///
/// A rule is parsed from `WHAT=WHICH`. `WHAT` is a code, such as `SMS-CAR-411`, with which they fail, or `Sent`: they are
/// handed on, and the carrier says no more. `WHICH` is spelt as a [`RejectRule`]; `every:N` counts the accepted messages
/// of a batch.
///
/// A code of the carriers (`SMS-CAR-…`) is a `DeliveryFailed`, any other a `SendingFailed`.
///
/// ```
/// use batchcast_sandbox::DeliveryRule;
/// assert!("SMS-CAR-411=every:50".parse::<DeliveryRule>().is_ok());
/// assert!("Sent=suffix:7".parse::<DeliveryRule>().is_ok());
/// assert!("SMS-CAR-411".parse::<DeliveryRule>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRule {
    fate: Fate,
    which: RejectRule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Sent,
    Fails(String),
}

impl FromStr for DeliveryRule {
    type Err = ParseDeliveryError;

    fn from_str(text: &str) -> Result<Self, ParseDeliveryError> {
        let (what, which) = text.split_once('=').ok_or(ParseDeliveryError::What)?;
        let is_code = |what: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            what.starts_with("SMS-") && what.bytes().all(plain)
        };
        let fate = match what {
            "Sent" => Fate::Sent,
            code if is_code(code) => Fate::Fails(code.to_owned()),
            _ => return Err(ParseDeliveryError::What),
        };
        let which = which.parse().map_err(ParseDeliveryError::Which)?;
        Ok(Self { fate, which })
    }
}

/// The spelling that `FromStr` reads, except for lists of numbers.
impl fmt::Display for DeliveryRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fate {
            Fate::Sent => write!(f, "Sent={}", self.which),
            Fate::Fails(code) => write!(f, "{code}={}", self.which),
        }
    }
}

/// Why a text is not a [`DeliveryRule`]. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseDeliveryError {
    /// It is neither a code nor `Sent`, or there is no `=`.
    #[error("expected CODE=WHICH or Sent=WHICH, as in SMS-CAR-411=every:50")]
    What,
    /// What stands behind the `=` says no messages.
    #[error(transparent)]
    Which(ParseRuleError),
}

/// All rules, and what goes with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deliveries {
    /// The first one that fits counts.
    pub(crate) rules: Vec<DeliveryRule>,
    /// At which look a batch is completed. A look asks for one batch.
    pub(crate) looks: u64,
    /// What a segment costs.
    pub(crate) segment_cost: f64,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Delivery<'d> {
    pub(crate) status: &'static str,
    pub(crate) code: Option<&'d str>,
    pub(crate) segments: Option<u32>,
    pub(crate) cost: f64,
}

impl Deliveries {
    /// How many messages of a batch, the first ones, are dealt with.
    pub(crate) fn processed(&self, batch: &Batch) -> u64 {
        if batch.looks >= self.looks {
            return batch.size;
        }
        let share = u128::from(batch.size) * u128::from(batch.looks) / u128::from(self.looks);
        // Less than its size.
        u64::try_from(share).unwrap_or(batch.size)
    }

    pub(crate) fn status(&self, batch: &Batch) -> &'static str {
        if batch.looks >= self.looks {
            "Completed"
        } else {
            "Processing"
        }
    }

    pub(crate) fn of<'d>(&'d self, message: &Message<'_>) -> Delivery<'d> {
        let segments = message.text.map(segments);
        if message.ordinal >= self.processed(message.batch) {
            return Delivery {
                status: "Queued",
                code: None,
                segments,
                cost: 0.0,
            };
        }
        // What it was like is forgotten with the text: one segment at least.
        let cost = f64::from(segments.unwrap_or(1)) * self.segment_cost;
        let (status, code, cost) = match self.fate(message) {
            None => ("Delivered", None, cost),
            Some(Fate::Sent) => ("Sent", None, cost),
            Some(Fate::Fails(code)) if code.starts_with("SMS-CAR-") => {
                ("DeliveryFailed", Some(code.as_str()), cost)
            }
            // Nothing was handed on, and nothing is charged.
            Some(Fate::Fails(code)) => ("SendingFailed", Some(code.as_str()), 0.0),
        };
        Delivery {
            status,
            code,
            segments,
            cost,
        }
    }

    fn fate(&self, message: &Message<'_>) -> Option<&Fate> {
        if self.rules.is_empty() {
            return None;
        }
        let to = message.to.to_string();
        let fits = |rule: &&DeliveryRule| rule.which.rejects(message.ordinal + 1, &to);
        self.rules.iter().find(fits).map(|rule| &rule.fate)
    }
}

/// Segments, roughly: all of ASCII is taken for GSM-7, all else for UCS-2.
fn segments(text: &str) -> u32 {
    let units = text.encode_utf16().count();
    let (single, part) = if text.is_ascii() {
        (160, 153)
    } else {
        (70, 67)
    };
    let segments = if units <= single {
        1
    } else {
        units.div_ceil(part)
    };
    u32::try_from(segments).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read_back() {
        for text in ["SMS-CAR-411=every:50", "Sent=suffix:7"] {
            let rule: DeliveryRule = text.parse().expect(text);
            assert_eq!(rule.to_string(), text);
        }
        for text in ["", "x=every:1", "SMS-CAR 411=every:1", "SMS-CAR-411"] {
            assert_eq!(
                text.parse::<DeliveryRule>(),
                Err(ParseDeliveryError::What),
                "{text}"
            );
        }
        assert_eq!(
            "Sent=every:0".parse::<DeliveryRule>(),
            Err(ParseDeliveryError::Which(ParseRuleError::Every))
        );
    }
}
