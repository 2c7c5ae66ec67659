//! A batch that the server found too large, cut into smaller ones between its entries, from its spool.

use std::io::{self, BufRead, BufReader, Read};

use crate::encode::digest::Digest;

/// A part of a body: some of its entries, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where its first entry begins and its last one ends, in bytes from the body's start.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) messages: u64,
    /// As [`Batch::digest`](crate::encode::Batch::digest) would be.
    pub(super) digest: u64,
}

/// Cuts a body without its tail, whose entries begin after `head` bytes, into pieces whose entries take at most
/// `max_entries` bytes; a single larger entry is a piece of its own.
pub(super) fn cut(body: impl Read, head: u64, max_entries: u64) -> io::Result<Vec<Piece>> {
    let mut body = BufReader::with_capacity(64 * 1024, body);
    io::copy(&mut body.by_ref().take(head), &mut io::sink())?;
    let mut pieces: Vec<Piece> = Vec::new();
    let mut digest = Digest::new();
    let mut entries = Entries::new(body, head);
    while let Some((start, entry)) = entries.next()? {
        let end = start + entry.len() as u64;
        match pieces.last_mut() {
            Some(piece) if end - piece.start <= max_entries => {
                digest.write(b",");
                digest.write(entry);
                piece.end = end;
                piece.messages += 1;
            }
            last => {
                if let Some(piece) = last {
                    piece.digest = digest.finish();
                }
                digest = Digest::new();
                digest.write(b"[");
                digest.write(entry);
                pieces.push(Piece {
                    start,
                    end,
                    messages: 1,
                    digest: 0,
                });
            }
        }
    }
    if let Some(piece) = pieces.last_mut() {
        piece.digest = digest.finish();
    }
    Ok(pieces)
}

/// Finds the objects of an array that the encoder has written.
struct Entries<R> {
    body: R,
    /// How many bytes were read.
    at: u64,
    entry: Vec<u8>,
}

impl<R: BufRead> Entries<R> {
    const fn new(body: R, at: u64) -> Self {
        let entry = Vec::new();
        Self { body, at, entry }
    }

    /// The next entry, and where it begins.
    fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.entry.clear();
        let mut depth = 0_u32;
        let mut in_string = false;
        let mut is_escaped = false;
        loop {
            let block = self.body.fill_buf()?;
            if block.is_empty() {
                return Ok(None);
            }
            let mut used = 0;
            let mut is_whole = false;
            for &byte in block {
                used += 1;
                if depth == 0 && byte != b'{' {
                    continue;
                }
                self.entry.push(byte);
                if in_string {
                    match byte {
                        _ if is_escaped => is_escaped = false,
                        b'\\' => is_escaped = true,
                        b'"' => in_string = false,
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => in_string = true,
                    b'{' => depth += 1,
                    b'}' => {
                        depth -= 1;
                        if depth == 0 {
                            is_whole = true;
                            break;
                        }
                    }
                    _ => {}
                }
            }
            self.body.consume(used);
            self.at += used as u64;
            if is_whole {
                let start = self.at - self.entry.len() as u64;
                return Ok(Some((start, &self.entry)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode::{Limits, Push, Splitter};
    use crate::{Envelope, Message, PhoneNumber, Text};

    /// The only batch of these texts: its body without the tail, and its digest.
    fn body(envelope: &Envelope, texts: &[String], limits: Limits) -> Vec<(Vec<u8>, u64, u64)> {
        let mut splitter = Splitter::new(envelope, limits).unwrap();
        let mut bodies = Vec::new();
        let mut body = Vec::new();
        let to = PhoneNumber::parse("+14155550100").unwrap();
        for text in texts {
            let message = Message::new(to).with_text(Text::new(text.as_str()).unwrap());
            match splitter.push(&message).unwrap() {
                Push::Buffered => {}
                Push::Chunk(chunk) => body.extend(chunk),
                Push::Batch(closed) => {
                    body.extend(closed.rest);
                    bodies.push((
                        std::mem::take(&mut body),
                        closed.batch.messages,
                        closed.batch.digest,
                    ));
                }
            }
        }
        if let Some(closed) = splitter.finish() {
            body.extend(closed.rest);
            bodies.push((body, closed.batch.messages, closed.batch.digest));
        }
        bodies
    }

    proptest! {
        #[test]
        fn the_pieces_are_what_the_encoder_would_have_made(
            texts in proptest::collection::vec("[a-z\"\\\\{}\\[\\],é😀]{1,12}", 1..40),
            max_entries in 1_u64..600,
        ) {
            let envelope = Envelope::new(PhoneNumber::parse("+16505550100").unwrap());
            let whole = body(&envelope, &texts, Limits::default());
            let (whole, _, _) = &whole[0];
            let head = br#"{"from":"+16505550100","messages":"#;
            let pieces = cut(whole.as_slice(), head.len() as u64, max_entries).unwrap();
            let messages: u64 = pieces.iter().map(|piece| piece.messages).sum();
            prop_assert_eq!(messages, texts.len() as u64);
            let mut rest = texts.as_slice();
            for piece in &pieces {
                let len = piece.end - piece.start;
                prop_assert!(len <= max_entries || piece.messages == 1);
                #[expect(clippy::cast_possible_truncation)]
                let (these, others) = rest.split_at(piece.messages as usize);
                rest = others;
                let again = body(&envelope, these, Limits::default());
                let (again, _, digest) = &again[0];
                prop_assert_eq!(piece.digest, *digest);
                #[expect(clippy::cast_possible_truncation)]
                let entries = &whole[piece.start as usize..piece.end as usize];
                prop_assert_eq!([head.as_slice(), b"[", entries].concat(), again.clone());
            }
        }
    }

    #[test]
    fn whitespace_that_kept_the_body_alive_is_in_no_digest() {
        let plain = cut(r#"[{"a":1},{"b":2}"#.as_bytes(), 0, 100).unwrap();
        let kept = cut(r#"[{"a":1}   ,{"b":2} "#.as_bytes(), 0, 100).unwrap();
        assert_eq!(plain[0].digest, kept[0].digest);
        assert_eq!((kept[0].start, kept[0].end), (1, 19));
    }
}
