//! Compressed lists: gzip and zstd, known by their first bytes, unpacked as they are read.
//!
//! Memory is bounded whatever the list: gzip looks back 32 KiB, and of zstd a window of up to [`MAX_WINDOW_LOG`] is
//! taken, which covers what `zstd` writes up to its level 16 (3 is what it takes by itself). zstd's own library is used: it refuses
//! a larger window before it takes the memory, where the decoder in Rust takes up to 100 MB of it.
//!
//! A stream that is cut off or damaged is a read error, as if the disk had failed: the batch that was open is not sent, and
//! what was sent before stands in the journal. gzip has its checksum behind all of its data: damage that
//! looks like data is found only there.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::steady::Changed;

/// How much is read at once of what is compressed.
const BUFFER: usize = 64 * 1024;

/// The largest window of zstd that is taken: 4 MiB. With the next one a send would take more than its 24 MiB.
const MAX_WINDOW_LOG: u32 = 22;

/// A way in which a list is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// What its first bytes may be, and which of their bits count.
    const MAGICS: &[(Self, &[u8], &[u8])] = &[
        (Self::Gzip, &[0x1f, 0x8b, 0x08], &[0xff; 3]),
        (Self::Zstd, &[0x28, 0xb5, 0x2f, 0xfd], &[0xff; 4]),
        // A frame to be skipped, with which some programs begin.
        (
            Self::Zstd,
            &[0x50, 0x2a, 0x4d, 0x18],
            &[0xf0, 0xff, 0xff, 0xff],
        ),
    ];

    /// The packing whose bytes these begin with, or, if they are too few, may begin with.
    fn of(first: &[u8]) -> Option<Self> {
        let begins = |&&(_, magic, mask): &&(Self, &[u8], &[u8])| {
            let mut pairs = first.iter().zip(magic.iter().zip(mask));
            pairs.all(|(byte, (wanted, mask))| byte & mask == *wanted)
        };
        let mut magics = Self::MAGICS.iter();
        magics.find(begins).map(|&(packing, _, _)| packing)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What went wrong, in words that say what to do about it. What the operating system says stays as it is, and that the
    /// file was written over.
    fn explain(self, error: io::Error) -> io::Error {
        let name = self.name();
        let is_said = error.raw_os_error().is_some() || Changed::is(&error);
        if error.kind() == ErrorKind::Interrupted || is_said {
            return error;
        }
        if error.kind() == ErrorKind::UnexpectedEof {
            let told = format!("the {name} stream is cut off: the list is not whole");
            return io::Error::new(ErrorKind::UnexpectedEof, told);
        }
        let said = error.to_string();
        let told = if said.contains("too much memory") {
            format!(
                "its {name} window is larger than 4 MiB: compress it with level 16 or less and without --long, or unpack \
                 it into a pipe (zstd -dc)"
            )
        } else {
            format!("the {name} stream is damaged: {said}")
        };
        io::Error::new(ErrorKind::InvalidData, told)
    }
}

/// A list that is unpacked, if it is to be.
pub(crate) struct Unpacked {
    /// What was read of it already: all of this stands before the rest.
    pub(crate) ahead: Vec<u8>,
    pub(crate) rest: Box<dyn Read + Send>,
}

/// Reads as far as it must to know whether a list is compressed, and how. What is read is noted in `consumed`.
pub(crate) fn unpack(
    mut reader: Box<dyn Read + Send>,
    consumed: &Consumed,
) -> io::Result<Unpacked> {
    let mut ahead = Vec::new();
    let mut block = vec![0; BUFFER];
    // A pipe may give a byte at a time. What cannot be compressed is not waited for.
    while ahead.len() < 4 && Packing::of(&ahead).is_some() {
        match reader.read(&mut block) {
            Ok(0) => break,
            Ok(read) => ahead.extend_from_slice(&block[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let packing = if ahead.len() < 3 {
        None
    } else {
        Packing::of(&ahead)
    };
    let Some(packing) = packing else {
        let rest = reader;
        return Ok(Unpacked { ahead, rest });
    };
    consumed.0.packed.store(true, Ordering::Relaxed);
    let bytes = Cursor::new(ahead).chain(reader);
    let bytes = Counted {
        reader: BufReader::with_capacity(BUFFER, bytes),
        consumed: consumed.clone(),
    };
    let consumed = consumed.clone();
    let rest: Box<dyn Read + Send> = match packing {
        Packing::Gzip => explained(packing, MultiGzDecoder::new(bytes), consumed),
        Packing::Zstd => explained(packing, zstd(bytes)?, consumed),
    };
    let ahead = Vec::new();
    Ok(Unpacked { ahead, rest })
}

fn zstd<R: BufRead>(bytes: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(bytes)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    Ok(decoder)
}

fn explained(
    packing: Packing,
    reader: impl Read + Send + 'static,
    consumed: Consumed,
) -> Box<dyn Read + Send> {
    Box::new(Explained {
        packing,
        reader,
        consumed,
    })
}

/// A reader whose errors say what to do about them, and that counts what it gives.
struct Explained<R> {
    packing: Packing,
    reader: R,
    consumed: Consumed,
}

impl<R: Read> Read for Explained<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into);
        let read = read.map_err(|error| self.packing.explain(error))?;
        self.consumed.0.given.add(read);
        Ok(read)
    }
}

/// How much of a list is done with, as it lies on the disk. Of one that is not compressed, as much as has gone through the parser.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consumed(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    packed: AtomicBool,
    /// What was unpacked, and what came out of it: more than has gone through the parser, because it is read ahead.
    taken: Count,
    given: Count,
}

#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Consumed {
    /// Whether the list is compressed; known once it is unpacked.
    pub(crate) fn is_packed(&self) -> bool {
        self.0.packed.load(Ordering::Relaxed)
    }

    /// How many bytes of the list are done with as it lies on the disk, if `parsed` bytes of its content are.
    pub(crate) fn of(&self, parsed: u64) -> u64 {
        if !self.is_packed() {
            return parsed;
        }
        let (taken, given) = (self.0.taken.get(), self.0.given.get());
        // Its parts are taken to be packed alike.
        let done = u128::from(taken) * u128::from(parsed) / u128::from(given.max(1));
        u64::try_from(done).unwrap_or(taken).min(taken)
    }
}

/// Counts what is taken of a buffer.
struct Counted<R> {
    reader: R,
    consumed: Consumed,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.consumed.0.taken.add(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.consumed.0.taken.add(bytes);
        self.reader.consume(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;
    use crate::steady::Steady;

    /// Gives a byte at a time.
    struct Slow(Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let len = into.len().min(1);
            self.0.read(&mut into[..len])
        }
    }

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let consumed = Consumed::default();
        let len = bytes.len() as u64;
        let list = unpack(Box::new(Slow(Cursor::new(bytes))), &consumed)?;
        let mut all = list.ahead;
        let mut rest = list.rest;
        rest.read_to_end(&mut all)?;
        if consumed.is_packed() {
            let parsed = all.len() as u64;
            assert_eq!(consumed.of(parsed), len);
            // It was read ahead, and is not done with for that.
            assert_eq!(consumed.of(0), 0);
            assert_eq!(consumed.of(parsed / 2), len * (parsed / 2) / parsed);
        }
        Ok(all)
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 1).unwrap()
    }

    #[test]
    fn what_is_in_it_comes_out() {
        let content = b"+14155550100\n+14155550101\n";
        let skipped = [
            &[0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..],
            &zstd(content),
        ]
        .concat();
        let members = [gzip(&content[..5]), gzip(b""), gzip(&content[5..])].concat();
        let frames = [zstd(&content[..5]), zstd(&content[5..])].concat();
        for bytes in [
            content.to_vec(),
            gzip(content),
            zstd(content),
            skipped,
            members,
            frames,
        ] {
            assert_eq!(read(bytes).unwrap(), content);
        }
        // Not compressed, and not waited for more.
        for bytes in [
            &b""[..],
            b"+",
            b"(650",
            b"\x1f",
            b"\x1f\x8b",
            b"\x28\xb5",
            b"P",
        ] {
            assert_eq!(read(bytes.to_vec()).unwrap(), bytes);
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let content = b"+14155550100\n".repeat(20);
        for bytes in [gzip(&content), zstd(&content)] {
            for len in 4..bytes.len() {
                let error = read(bytes[..len].to_vec()).unwrap_err();
                assert!(
                    error.to_string().contains("stream is cut off"),
                    "{len}: {error}"
                );
            }
        }
    }

    #[test]
    fn damage_is_an_error() {
        let content = b"+14155550100\n".repeat(20);
        let mut gzip = gzip(&content);
        let checksum = gzip.len() - 6;
        gzip[checksum] ^= 1;
        let trailing = [zstd(&content), b"garbage".to_vec()].concat();
        for bytes in [gzip, trailing] {
            let error = read(bytes).unwrap_err();
            assert!(error.to_string().contains("damaged"), "{error}");
        }
    }

    #[test]
    fn a_list_that_is_written_over_is_not_called_damaged() {
        // Larger than what is read at once, also when it is compressed.
        let content: Vec<u8> = (0..200_000_u32)
            .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.gz");
        std::fs::write(&path, gzip(&content)).unwrap();
        let steady = Steady::new(File::open(&path).unwrap()).unwrap();
        let mut rest = unpack(Box::new(steady), &Consumed::default()).unwrap().rest;
        rest.read_exact(&mut [0; 1_000]).unwrap();
        std::fs::write(&path, "").unwrap();
        let error = io::copy(&mut rest, &mut io::sink()).unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("the list has changed"), "{told}");
    }

    #[test]
    fn a_window_that_takes_too_much_memory_is_refused() {
        let packed = |level: i32, window: Option<u32>| {
            let mut encoder = zstd::Encoder::new(Vec::new(), level).unwrap();
            if let Some(window) = window {
                encoder.window_log(window).unwrap();
            }
            encoder.write_all(b"+14155550100\n").unwrap();
            encoder.flush().unwrap();
            encoder.finish().unwrap()
        };
        for level in [1, 3, 16] {
            assert_eq!(read(packed(level, None)).unwrap(), b"+14155550100\n");
        }
        for (level, window) in [(17, None), (1, Some(23)), (1, Some(27))] {
            let error = read(packed(level, window)).unwrap_err();
            assert!(error.to_string().contains("--long"), "{error}");
        }
    }
}
