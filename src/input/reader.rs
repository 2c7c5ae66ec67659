//! Reading an input, in blocks or record by record. The only module of [`input`](super) that does I/O.

use std::fmt;
use std::io::{ErrorKind as IoErrorKind, Read};

use memchr::memchr;

use super::{MAX_REST, Parse, Parser, ParserRecords, Record, Records, Visitor};
use crate::error::{Error, ErrorKind};

/// The size of a block, in bytes, unless another is chosen.
pub const DEFAULT_BLOCK_BYTES: usize = 256 * 1024;

/// A piece of an input, in memory that is used again and again.
///
/// There is room in front for what a parser left of the block before, so that this block's own bytes
/// need not be moved.
pub struct Block {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
    last: bool,
}

impl Block {
    /// An empty block that takes at most `size` bytes of the input, at least 1. It takes up 64 KiB
    /// more than that.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self {
            memory: vec![0; MAX_REST + size.max(1)].into(),
            start: MAX_REST,
            end: MAX_REST,
            last: false,
        }
    }

    /// What is in it.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Whether the input ends with it.
    #[must_use]
    #[inline]
    pub const fn last(&self) -> bool {
        self.last
    }

    /// Puts in front what a parser left of the block before. For what a parser of this crate leaves
    /// there is always room, once a block; for more, room is made.
    pub fn prepend(&mut self, rest: &[u8]) {
        if rest.len() > self.start {
            self.make_room(rest.len());
        }
        let end = self.start;
        self.start -= rest.len();
        self.memory[self.start..end].copy_from_slice(rest);
    }

    #[cold]
    fn make_room(&mut self, more: usize) {
        let mut memory = vec![0; more];
        memory.extend_from_slice(&self.memory);
        self.memory = memory.into();
        self.start += more;
        self.end += more;
    }
}

impl Default for Block {
    fn default() -> Self {
        Self::new(DEFAULT_BLOCK_BYTES)
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Block({} bytes, last: {})",
            self.end - self.start,
            self.last
        )
    }
}

/// An input in blocks.
///
/// The blocks belong to the caller and may travel between threads: one that reads, one that parses.
///
/// ```
/// use batchcast::input::{Block, Blocks, Fields, Format, Parse, Parser, Records};
///
/// let mut blocks = Blocks::new(&b"+14155550100\n+14155550101\n"[..]);
/// let mut parser = Parser::new(Format::Lines, &Fields::default());
/// // Two blocks take turns: what is left of the one is put in front of the other.
/// let (mut block, mut spare) = (Block::new(20), Block::new(20));
/// let mut messages = 0;
/// blocks.fill(&mut block)?;
/// loop {
///     let mut records = parser.block(block.bytes(), block.last());
///     while records.next()?.is_some() {
///         messages += 1;
///     }
///     let consumed = records.consumed();
///     if block.last() {
///         break;
///     }
///     blocks.fill(&mut spare)?;
///     spare.prepend(&block.bytes()[consumed..]);
///     std::mem::swap(&mut block, &mut spare);
/// }
/// assert_eq!(messages, 2);
/// # Ok::<(), batchcast::Error>(())
/// ```
pub struct Blocks<R> {
    read: R,
    byte: u64,
}

impl<R: Read> Blocks<R> {
    /// Begins to read.
    pub const fn new(read: R) -> Self {
        Self { read, byte: 0 }
    }

    /// Fills a block with what one read gives: a slow producer is not waited for to fill it up. What
    /// was in the block before is gone. At the end of the input the block is empty, and the
    /// [`last`](Block::last).
    ///
    /// # Errors
    /// [`ErrorKind::Read`] if reading fails.
    pub fn fill(&mut self, block: &mut Block) -> Result<(), Error> {
        let len = loop {
            match self.read.read(&mut block.memory[MAX_REST..]) {
                Ok(len) => break len,
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(source) => {
                    let byte = self.byte;
                    return Err(ErrorKind::Read { byte, source }.into());
                }
            }
        };
        self.byte += len as u64;
        block.start = MAX_REST;
        block.end = MAX_REST + len;
        block.last = len == 0;
        Ok(())
    }

    /// Reads the input to its end, or until the visitor has [enough](super::Answer::Enough), and shows it the records.
    /// After each block but the last, `each_block` is told how many bytes have been read.
    ///
    /// # Errors
    /// What the visitor gives the list up for, and what spoils the whole input: [`ErrorKind::Read`] and
    /// [`ErrorKind::Header`].
    pub fn visit<V: Visitor>(
        &mut self,
        parser: &mut impl Parse,
        visitor: &mut V,
        mut each_block: impl FnMut(&V, u64),
    ) -> Result<(), V::Error> {
        // Two blocks take turns: what is left of the one is put in front of the other.
        let (mut block, mut spare) = (Block::default(), Block::default());
        // Where the block begins in the list.
        let mut start = 0;
        self.fill(&mut block)?;
        loop {
            let visited = parser.visit(block.bytes(), block.last(), start, visitor)?;
            if block.last() || visited.enough {
                return Ok(());
            }
            self.fill(&mut spare)?;
            spare.prepend(&block.bytes()[visited.consumed..]);
            std::mem::swap(&mut block, &mut spare);
            start += visited.consumed as u64;
            each_block(visitor, self.byte);
        }
    }

    /// How many bytes have been read.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.byte
    }
}

impl<R> fmt::Debug for Blocks<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blocks({} bytes read)", self.byte)
    }
}

/// An input record by record, for programs that need no more speed than that.
///
/// ```
/// use batchcast::input::{Fields, Format, Parser, Reader, Record};
///
/// let list = "to,text\n+14155550100,Hello Bob\nnobody,Hello\n";
/// let parser = Parser::new(Format::sniff(list.as_bytes()), &Fields::default());
/// let mut reader = Reader::new(list.as_bytes(), parser);
/// while let Some(record) = reader.next()? {
///     match record {
///         Record::Message(message) => assert_eq!(message.to.as_str(), "+14155550100"),
///         Record::Invalid(invalid) => assert_eq!(
///             invalid.error.to_string(),
///             "record 2 (line 3, byte 31): the phone number does not begin with '+' \
///              (E.164: '+', country code, number)"
///         ),
///         _ => unreachable!(),
///     }
/// }
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    blocks: Blocks<R>,
    block: Block,
    spare: Block,
    /// How much of the block is done with.
    at: usize,
    parser: Parser,
}

impl<R: Read> Reader<R> {
    /// Begins to read, in blocks of the default size.
    pub fn new(read: R, parser: Parser) -> Self {
        Self::with_block_bytes(read, parser, DEFAULT_BLOCK_BYTES)
    }

    /// Begins to read, in blocks of `size` bytes.
    pub fn with_block_bytes(read: R, parser: Parser, size: usize) -> Self {
        Self {
            blocks: Blocks::new(read),
            block: Block::new(size),
            spare: Block::new(size),
            at: 0,
            parser,
        }
    }

    /// Goes on with an input of which the parser has done with `byte` bytes, and `read` gives the rest.
    #[cfg(feature = "send")]
    pub(crate) fn behind(read: R, parser: Parser, byte: u64) -> Self {
        let mut reader = Self::new(read, parser);
        reader.blocks.byte = byte;
        reader
    }

    /// The next record; `None` at the end of the input.
    ///
    /// # Errors
    /// What spoils the whole input: [`ErrorKind::Read`] and [`ErrorKind::Header`].
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        // What is lent cannot be lent on from within a loop. So a record is first sought, then taken.
        let mut least = 0;
        let (end, next) = loop {
            let end = self.window(least);
            let mut records = self.records(end);
            let found = records.seek()?;
            let consumed = records.consumed();
            let start = self.at;
            self.at += consumed;
            if let Some(next) = found {
                break (end, start + next);
            }
            if end < self.block.bytes().len() {
                // A record of several lines: look twice as far.
                least = 2 * (end - self.at);
            } else if self.block.last() {
                return Ok(None);
            } else {
                self.refill()?;
            }
        };
        let start = std::mem::replace(&mut self.at, next);
        let last = self.is_last(end);
        let bytes = &self.block.bytes()[start..end];
        self.parser.block(bytes, last).into_next()
    }

    /// The end of at least `least` bytes, and of the line there. The parser is not handed all there is,
    /// because it is handed each record anew.
    fn window(&self, least: usize) -> usize {
        let bytes = self.block.bytes();
        let from = bytes.len().min(self.at + least);
        memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |len| from + len + 1)
    }

    fn is_last(&self, end: usize) -> bool {
        self.block.last() && end == self.block.bytes().len()
    }

    fn records(&mut self, end: usize) -> ParserRecords<'_> {
        let last = self.is_last(end);
        let bytes = &self.block.bytes()[self.at..end];
        self.parser.block(bytes, last)
    }

    fn refill(&mut self) -> Result<(), Error> {
        self.blocks.fill(&mut self.spare)?;
        self.spare.prepend(&self.block.bytes()[self.at..]);
        std::mem::swap(&mut self.block, &mut self.spare);
        self.at = 0;
        Ok(())
    }
}
