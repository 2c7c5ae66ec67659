//! What a user would write with other libraries, and the floor: all from the same list to the same
//! chunks, which are handed on, owned, as ours are.

use std::borrow::Cow;

use batchcast::PhoneNumber;
use batchcast::encode::DEFAULT_CHUNK_BYTES;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{BLOCK, SENDER};

#[derive(Deserialize)]
struct Object<'a> {
    to: &'a str,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    to: &'a str,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Serialize)]
struct Entry<'a> {
    to: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    from: &'a str,
    messages: Vec<Entry<'a>>,
}

/// A buffer that is handed on, and another taken, whenever it is full.
struct Chunks<F> {
    buffer: Vec<u8>,
    /// The last one that was handed on.
    given: Bytes,
    hand_on: F,
}

impl<F: FnMut(Bytes)> Chunks<F> {
    /// What our chunks have: their size, and room for the entry that completes one.
    const CAPACITY: usize = DEFAULT_CHUNK_BYTES + 8 * 1024;

    fn new(hand_on: F) -> Self {
        Self {
            buffer: Vec::with_capacity(Self::CAPACITY),
            given: Bytes::new(),
            hand_on,
        }
    }

    #[inline]
    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.buffer);
        if self.buffer.len() >= DEFAULT_CHUNK_BYTES {
            let next = self.next();
            let full = Bytes::from(std::mem::replace(&mut self.buffer, next));
            self.given = full.clone();
            (self.hand_on)(full);
        }
    }

    /// An empty buffer: that of the chunk before if nobody has it any more, as with ours. Fresh memory takes as long
    /// as copying into it.
    #[inline(never)]
    fn next(&mut self) -> Vec<u8> {
        let mut given = std::mem::take(&mut self.given);
        if given.is_empty() || !given.is_unique() {
            return Vec::with_capacity(Self::CAPACITY);
        }
        given.truncate(1);
        let mut buffer = Vec::from(given);
        buffer.clear();
        buffer
    }

    fn end(mut self) {
        (self.hand_on)(self.buffer.into());
    }
}

/// A body of entries.
struct Entries<F> {
    chunks: Chunks<F>,
    separator: u8,
}

impl<F: FnMut(Bytes)> Entries<F> {
    fn new(text: Option<&str>, hand_on: F) -> Self {
        let mut chunks = Chunks::new(hand_on);
        chunks.write(|out| {
            out.extend_from_slice(b"{\"from\":\"");
            out.extend_from_slice(SENDER.as_bytes());
            out.push(b'"');
            if let Some(text) = text {
                out.extend_from_slice(b",\"text\":");
                serde_json::to_writer(&mut *out, text).unwrap();
            }
            out.extend_from_slice(b",\"messages\":");
        });
        let separator = b'[';
        Self { chunks, separator }
    }

    #[inline]
    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let separator = std::mem::replace(&mut self.separator, b',');
        self.chunks.write(|out| {
            out.push(separator);
            write(out);
        });
    }

    fn end(mut self) {
        self.chunks.write(|out| out.extend_from_slice(b"]}"));
        self.chunks.end();
    }
}

fn each_line(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    memchr::memchr_iter(b'\n', list).map(move |end| {
        let line = &list[at..end];
        at = end + 1;
        line
    })
}

/// Does not parse: it has its numbers already.
pub(crate) fn serde_json_numbers(numbers: &[&str], text: &str, hand_on: impl FnMut(Bytes)) {
    let mut entries = Entries::new(Some(text), hand_on);
    for number in numbers {
        let (to, text) = ([*number], None);
        entries.write(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    entries.end();
}

pub(crate) fn serde_json(list: &[u8], hand_on: impl FnMut(Bytes)) {
    let mut entries = Entries::new(None, hand_on);
    for line in each_line(list) {
        let object: Object<'_> = serde_json::from_slice(line).unwrap();
        let (to, text) = ([object.to], object.text.as_deref());
        entries.write(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    entries.end();
}

/// All in memory, as who does not stream does it.
pub(crate) fn serde_json_whole(list: &[u8], mut hand_on: impl FnMut(Bytes)) {
    let objects: Vec<Object<'_>> = each_line(list)
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let entries = objects.iter().map(|object| Entry {
        to: [object.to],
        text: object.text.as_deref(),
    });
    let body = Body {
        from: SENDER,
        messages: entries.collect(),
    };
    hand_on(serde_json::to_vec(&body).unwrap().into());
}

pub(crate) fn sonic_rs(list: &[u8], hand_on: impl FnMut(Bytes)) {
    let mut entries = Entries::new(None, hand_on);
    for line in each_line(list) {
        let object: Object<'_> = sonic_rs::from_slice(line).unwrap();
        let (to, text) = ([object.to], object.text.as_deref());
        entries.write(|out| sonic_rs::to_writer(out, &Entry { to, text }).unwrap());
    }
    entries.end();
}

pub(crate) fn simd_json(list: &[u8], hand_on: impl FnMut(Bytes)) {
    let mut entries = Entries::new(None, hand_on);
    let mut buffers = simd_json::Buffers::default();
    let mut scratch = Vec::new();
    for line in each_line(list) {
        // It parses in place.
        scratch.clear();
        scratch.extend_from_slice(line);
        let object: Object<'_> =
            simd_json::serde::from_slice_with_buffers(&mut scratch, &mut buffers).unwrap();
        let (to, text) = ([object.to], object.text.as_deref());
        entries.write(|out| simd_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    entries.end();
}

pub(crate) fn csv_serde_json(list: &[u8], hand_on: impl FnMut(Bytes)) {
    let mut entries = Entries::new(None, hand_on);
    let mut reader = csv::Reader::from_reader(list);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).unwrap() {
        let to = PhoneNumber::parse(&record[1]).unwrap();
        let (to, text) = ([to.as_str()], Some(&record[2]));
        entries.write(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    entries.end();
}

/// A text made for each record of the list, which the csv crate reads.
pub(crate) fn csv_format_serde_json(list: &[u8], rest: &str, hand_on: impl FnMut(Bytes)) {
    let mut entries = Entries::new(None, hand_on);
    let mut reader = csv::Reader::from_reader(list);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).unwrap() {
        let to = PhoneNumber::parse(&record[1]).unwrap();
        let text = format!("Hi {}, {rest}", &record[2]);
        let (to, text) = ([to.as_str()], Some(&*text));
        entries.write(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    entries.end();
}

/// The same of NDJSON.
pub(crate) fn serde_json_format(list: &[u8], rest: &str, hand_on: impl FnMut(Bytes)) {
    let mut entries = Entries::new(None, hand_on);
    for line in each_line(list) {
        let Named { to, name } = serde_json::from_slice(line).unwrap();
        let to = PhoneNumber::parse(to).unwrap();
        let text = format!("Hi {name}, {rest}");
        let (to, text) = ([to.as_str()], Some(&*text));
        entries.write(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    entries.end();
}

/// Check UTF-8, find each line, copy it into the chunk: what no way from lines to a body can do without.
pub(crate) fn floor(list: &[u8], hand_on: impl FnMut(Bytes)) {
    let mut chunks = Chunks::new(hand_on);
    let mut at = 0;
    while at < list.len() {
        let end = list.len().min(at + BLOCK);
        let block = &list[at..end];
        let lines = memchr::memrchr(b'\n', block).map_or(block, |last| &block[..=last]);
        assert!(simdutf8::basic::from_utf8(lines).is_ok());
        for line in each_line(lines) {
            chunks.write(|out| out.extend_from_slice(line));
        }
        at += lines.len();
    }
    chunks.end();
}

/// Copies the list as it is into chunks.
pub(crate) fn copy(list: &[u8], hand_on: impl FnMut(Bytes)) {
    let mut chunks = Chunks::new(hand_on);
    for piece in list.chunks(DEFAULT_CHUNK_BYTES) {
        chunks.write(|out| out.extend_from_slice(piece));
    }
    chunks.end();
}
