//! The loop over the records of a block, the same for all who go through a list.

use fearless_simd::{Level, Simd, dispatch};
use prefetch_index::prefetch_index;

use super::{Invalid, Parse, Record, Records};
use crate::error::Error;
use crate::message::Message;
use crate::position::Position;

/// How many bytes of a block are gone through at a time, unless the visitor says. Two such pieces, and what is made of
/// them, are in the cache next to the core.
const PIECE_BYTES: usize = 16 * 1024;

/// The size of a line of the cache.
const CACHE_LINE: usize = 64;

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

/// A part of a block that is gone through at once.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// All of the block from here on.
    rest: &'a [u8],
    /// How many bytes of that are the piece.
    len: usize,
    /// Nothing follows it in the input.
    last: bool,
    /// The offset in the input.
    start: u64,
}

impl<'a> Piece<'a> {
    pub(super) fn bytes(&self) -> &'a [u8] {
        &self.rest[..self.len]
    }

    pub(super) const fn is_last(&self) -> bool {
        self.last
    }

    /// Asks memory for a part of the next piece, with each record of this one: when its turn comes, all of it is there. To check
    /// that bytes are UTF-8 takes less time than to wait for them.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within a block, which is in memory"
    )]
    fn ask_for_next(&self, record: Position) {
        // Wrong if the caller's `start` is: then nothing is won, and nothing happens.
        let next = (record.byte.wrapping_sub(self.start) as usize).wrapping_add(self.len);
        prefetch_index(self.rest, next);
        prefetch_index(self.rest, next.wrapping_add(CACHE_LINE));
    }

    /// The record that ends `read` bytes behind the piece's beginning, as it stands, without its line end.
    #[cold]
    fn last_record(&self, read: usize, error: &Error) -> &'a [u8] {
        let read = self.rest.get(..read).unwrap_or_default();
        let byte = error.position().map_or(u64::MAX, |position| position.byte);
        let at = usize::try_from(byte.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let record = read.get(at..).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        record.strip_suffix(b"\r").unwrap_or(record)
    }
}

/// Shows the records of a block to a visitor, piece by piece.
#[inline]
pub(super) fn visit<P: Parse, V: Visitor>(
    parser: &mut P,
    bytes: &[u8],
    last: bool,
    start: u64,
    visitor: &mut V,
) -> Result<Visited, V::Error> {
    let ahead = visitor.ahead();
    let size = if ahead > 0 { ahead } else { PIECE_BYTES };
    let mut consumed = 0;
    let mut shown: usize = 0;
    loop {
        let end = bytes.len().min(shown.saturating_add(size));
        if ahead > 0 {
            visitor.look_ahead(&bytes[shown..end]);
        }
        shown = end;
        let is_end = end == bytes.len();
        let piece = Piece {
            rest: &bytes[consumed..],
            len: end - consumed,
            last: last && is_end,
            start: start + consumed as u64,
        };
        let visited = parser.visit_piece(piece, visitor)?;
        consumed += visited.consumed;
        if is_end || visited.enough {
            return Ok(Visited {
                consumed,
                enough: visited.enough,
            });
        }
    }
}

/// Shows the records of a piece to a visitor, in a loop that is compiled for these vectors with all that is inlined into it.
#[inline]
pub(super) fn each<R: Records, V: Visitor>(
    vectors: Level,
    mut records: R,
    piece: Piece<'_>,
    visitor: &mut V,
) -> Result<Visited, V::Error> {
    dispatch!(vectors, simd => visit_with(simd, &mut records, piece, visitor))
}

/// Messages in the shape that exporters commonly write, one behind the other.
pub(super) trait Run {
    /// Whether memory is asked for the next piece. Where records are short, that would take longer than to wait.
    const ASKS: bool = true;

    /// The next one; `None` if the next record is none, or there is no further.
    fn next_common<S: Simd>(&mut self, simd: S) -> Option<Message<'_>>;

    /// Shows them to a visitor as long as it takes them. The answer to the last.
    // A loop of its own: it need not look at what else a record may be, and has the message in registers, which is worth
    // as much time as it takes to parse a phone number. So is what is needed for each record, if it is the loop's own.
    #[inline(always)]
    fn show<S: Simd, V: Visitor>(
        &mut self,
        simd: S,
        piece: Piece<'_>,
        visitor: &mut V,
    ) -> Result<Answer, V::Error> {
        while let Some(message) = self.next_common(simd) {
            if Self::ASKS {
                piece.ask_for_next(message.position);
            }
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
    piece: Piece<'_>,
    visitor: &mut V,
) -> Result<Visited, V::Error> {
    let mut enough = false;
    while !enough {
        let mut answer = records.visit_common(simd, piece, visitor)?;
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
                let input = piece.last_record(records.consumed(), &error);
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
