//! The loop over the records of a block, the same for all who go through a list.

use fearless_simd::{Level, Simd, dispatch};

use super::{Invalid, Parse, Record, Records};
use crate::error::Error;
use crate::message::Message;

/// What is done with the records of a list, see [`Parse::visit`].
pub trait Visitor {
    /// Why it gives the list up. An input that is spoilt as a whole is such a reason.
    type Error: From<Error>;

    /// How many bytes at a time it wants to [look ahead](Self::look_ahead); 0 if it does not. It is asked once a block.
    fn ahead(&self) -> usize {
        0
    }

    /// Is shown the bytes that come next, as many as it wants, before the records in them: for those who look each
    /// recipient up, and would wait for memory. What a block left is shown again as a part of the next one.
    fn look_ahead(&mut self, bytes: &[u8]) {
        let _unwanted = bytes;
    }

    /// Takes the next message.
    ///
    /// Worth an `#[inline(always)]` wherever it is implemented: a message that is handed on in memory takes several
    /// times as long as one that stays in registers.
    ///
    /// # Errors
    /// If the list is to be given up.
    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Self::Error>;

    /// Takes the next record that is no message, or a message that it has [refused](Answer::Refused) itself.
    ///
    /// # Errors
    /// If the list is to be given up.
    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Self::Error>;
}

/// What a [`Visitor`] says to a message.
#[derive(Debug)]
#[must_use]
pub enum Answer {
    /// It is done with.
    Taken,
    /// It cannot be sent, and why: an error at the message's position. It comes back as an [`Invalid`].
    Refused(Error),
    /// It is done with, and what follows it in the list is of no interest.
    Enough,
}

/// How far a visitor went through a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what was not consumed has to stand at the front of the next block"]
pub struct Visited {
    /// How many bytes of the block are done with.
    pub consumed: usize,
    /// Whether the visitor has [enough](Answer::Enough).
    pub enough: bool,
}

/// Shows the records of a block to a visitor, piece by piece if it wants to look ahead.
#[inline]
pub(super) fn visit<P: Parse, V: Visitor>(
    parser: &mut P,
    bytes: &[u8],
    last: bool,
    start: u64,
    visitor: &mut V,
) -> Result<Visited, V::Error> {
    let ahead = visitor.ahead();
    let mut consumed = 0;
    let mut shown: usize = 0;
    // A block that is not looked at in advance is one piece, so that there is one loop over records.
    loop {
        let end = match ahead {
            0 => bytes.len(),
            _ => bytes.len().min(shown.saturating_add(ahead)),
        };
        if ahead > 0 {
            visitor.look_ahead(&bytes[shown..end]);
        }
        shown = end;
        let is_end = end == bytes.len();
        let at = start + consumed as u64;
        let visited = parser.visit_piece(&bytes[consumed..end], last && is_end, at, visitor)?;
        consumed += visited.consumed;
        if is_end || visited.enough {
            return Ok(Visited {
                consumed,
                enough: visited.enough,
            });
        }
    }
}

/// Shows the records of a block, or of a part of it, to a visitor, in a loop that is compiled for these vectors with all that
/// is inlined into it.
#[inline]
pub(super) fn each<R: Records, V: Visitor>(
    vectors: Level,
    mut records: R,
    bytes: &[u8],
    start: u64,
    visitor: &mut V,
) -> Result<Visited, V::Error> {
    dispatch!(vectors, simd => visit_with(simd, &mut records, bytes, start, visitor))
}

/// Messages in the shape that exporters commonly write, one behind the other.
pub(super) trait Run {
    /// The next one; `None` if the next record is none, or there is no further.
    fn next_common<S: Simd>(&mut self, simd: S) -> Option<Message<'_>>;

    /// Shows them to a visitor as long as it takes them. The answer to the last.
    // A loop of its own: it need not look at what else a record may be, and has the message in registers, which is worth
    // as much time as it takes to parse a phone number. So is what is needed for each record, if it is the loop's own.
    #[inline(always)]
    fn show<S: Simd, V: Visitor>(&mut self, simd: S, visitor: &mut V) -> Result<Answer, V::Error> {
        while let Some(message) = self.next_common(simd) {
            let answer = visitor.message(&message)?;
            if !matches!(answer, Answer::Taken) {
                return Ok(answer);
            }
        }
        Ok(Answer::Taken)
    }
}

#[inline(always)]
fn visit_with<S: Simd, R: Records, V: Visitor>(
    simd: S,
    records: &mut R,
    bytes: &[u8],
    start: u64,
    visitor: &mut V,
) -> Result<Visited, V::Error> {
    let mut enough = false;
    while !enough {
        let mut answer = records.visit_common(simd, visitor)?;
        if let Answer::Taken = answer {
            answer = match records.next()? {
                Some(Record::Message(ref message)) => visitor.message(message)?,
                Some(Record::Invalid(invalid)) => {
                    visitor.invalid(invalid)?;
                    Answer::Taken
                }
                None => break,
            };
        }
        match answer {
            Answer::Taken => {}
            Answer::Refused(error) => {
                let read = bytes.get(..records.consumed()).unwrap_or_default();
                let input = last_record(read, start, &error);
                visitor.invalid(Invalid { error, input })?;
            }
            Answer::Enough => enough = true,
        }
    }
    Ok(Visited {
        consumed: records.consumed(),
        enough,
    })
}

/// The record that `read` ends with, as it stands, without its line end. `read` begins at byte `start` of the list.
#[cold]
fn last_record<'b>(read: &'b [u8], start: u64, error: &Error) -> &'b [u8] {
    let byte = error.position().map_or(u64::MAX, |position| position.byte);
    let at = usize::try_from(byte.saturating_sub(start)).unwrap_or(usize::MAX);
    let record = read.get(at..).unwrap_or_default();
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}
