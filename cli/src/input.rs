//! Opening a list, and finding out what format it has.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, IsTerminal as _, Read, Seek as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use batchcast::Text;
use batchcast::input::{Format, Parser};

use crate::common_text;
use crate::config::List;
use crate::fail::Usage;
use crate::steady::Steady;
use crate::unpack::{Consumed, Unpacked, unpack};
use crate::{foreign, terminal};

/// How much of a list is looked at to find out its format.
const MAX_AHEAD: usize = 64 * 1024;

/// A list that is open, and of which nothing has been read.
pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    /// How much of it was read, if it is compressed.
    pub(crate) consumed: Consumed,
    /// What the operating system knows about it; `None` if it was not asked.
    pub(crate) metadata: Option<Metadata>,
    /// How many bytes it has, if that is known.
    pub(crate) size: Option<u64>,
    /// The file that it is, and where in that it begins, if it can be read again.
    file: Option<(File, u64)>,
}

impl Source {
    /// Opens the list.
    pub(crate) fn open(list: &List) -> Result<Self> {
        Self::of_path(list.file.as_deref())
    }

    /// Opens the list at this path; none is standard input.
    pub(crate) fn of_path(path: Option<&Path>) -> Result<Self> {
        match path {
            Some(path) => {
                Self::file(path).with_context(|| format!("cannot open {}", path.display()))
            }
            None => Self::stdin().context("cannot open standard input"),
        }
    }

    /// The file that it is, and where in that it begins, for one who reads it again. It may be compressed.
    pub(crate) fn take_file(&mut self) -> Option<(File, u64)> {
        self.file.take()
    }

    /// All of it, from its beginning, unpacked.
    pub(crate) fn into_reader(self) -> Result<impl Read + Send + use<>> {
        let unpacked = unpack(self.reader, &self.consumed).context("cannot read the list")?;
        Ok(Cursor::new(unpacked.ahead).chain(unpacked.rest))
    }

    fn file(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            bail!("it is a directory");
        }
        Self::of(file, metadata)
    }

    fn of(mut file: File, metadata: Metadata) -> Result<Self> {
        if !metadata.is_file() {
            return Ok(Self {
                reader: Box::new(file),
                consumed: Consumed::default(),
                metadata: Some(metadata),
                size: None,
                file: None,
            });
        }
        // Standard input may stand somewhere in the middle.
        let start = file.stream_position()?;
        let again = file.try_clone()?;
        Ok(Self {
            reader: Box::new(Steady::new(file)?),
            consumed: Consumed::default(),
            size: Some(metadata.len().saturating_sub(start)),
            metadata: Some(metadata),
            file: Some((again, start)),
        })
    }

    fn stdin() -> Result<Self> {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            terminal::note(
                "batchcast: reading the list from the terminal, until Ctrl-D; see --help for others",
            );
        }
        // As a file it has a size, if it is one, and no lock and no second buffer.
        #[cfg(unix)]
        {
            use std::os::fd::AsFd as _;
            let file = File::from(stdin.as_fd().try_clone_to_owned()?);
            let metadata = file.metadata()?;
            Self::of(file, metadata)
        }
        #[cfg(not(unix))]
        Ok(Self {
            reader: Box::new(stdin),
            consumed: Consumed::default(),
            metadata: None,
            size: None,
            file: None,
        })
    }

    /// Reads as far as it must to know the format, and the text that the records have in common, if they do. Gives the
    /// list from its beginning with its parser.
    pub(crate) fn parse(
        self,
        list: &List,
    ) -> Result<(impl Read + Send + use<>, Parser, Option<Text<'static>>)> {
        let unpacked = unpack(self.reader, &self.consumed).context("cannot read the list")?;
        let Unpacked {
            mut ahead,
            rest: mut reader,
        } = unpacked;
        if let Err(error) = read_ahead(&mut reader, &mut ahead) {
            // Told by whoever comes to it, as any error further on is.
            reader = Box::new(Failed(Some(error)));
        }
        if let Some(other) = foreign::of(&ahead) {
            return Err(foreign::error(other));
        }
        let format = list.format.unwrap_or_else(|| {
            let name = list.file.as_deref().map(unpacked_name);
            Format::detect(name.as_deref(), &ahead, list.to_field.as_deref())
        });
        // An empty list is a list of any format.
        let is_blank = ahead.trim_ascii().is_empty();
        if format == Format::Lines && !is_blank {
            if list.template.is_some() {
                return Err(Usage::error(
                    "the text has fields such as {{name}}, and the list is one of numbers, which has none: give a \
                     list with a column or a key for each field, as CSV or NDJSON (if it is one, say so with \
                     --format; a literal {{ is written {{{{)",
                ));
            }
            if list.fields_are_typed {
                return Err(Usage::error(
                    "--to-field and --text-field: the list is one of numbers, which has no fields \
                     (if it is not, say what it is with --format)",
                ));
            }
            if list.envelope.text().is_none() {
                return Err(Usage::error(
                    "no text: the list is one of numbers, so --text or --text-file is needed \
                     (if it is not, say what it is with --format)",
                ));
            }
        }
        let mut parser = Parser::new(format, &list.fields());
        if let Some(wanted) = &list.template
            && !is_blank
        {
            parser = parser.with_template(wanted.template.clone())?;
        }
        let common = match format {
            Format::Lines => None,
            _ => common_text::find(
                list,
                Parser::new(format, &list.fields()),
                &mut reader,
                &mut ahead,
            )?,
        };
        Ok((Cursor::new(ahead).chain(reader), parser, common))
    }
}

/// What cannot be read any further.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The name that a list has without the extension that says how it is compressed.
pub(crate) fn unpacked_name(path: &Path) -> PathBuf {
    let is_packed = path.extension().is_some_and(|extension| {
        let packings = ["gz", "zst", "zstd"];
        packings
            .iter()
            .any(|packing| extension.eq_ignore_ascii_case(packing))
    });
    if is_packed {
        path.with_extension("")
    } else {
        path.to_owned()
    }
}

/// Reads until there is a line that tells the format, and no further than that needs.
pub(crate) fn read_ahead(reader: &mut impl Read, ahead: &mut Vec<u8>) -> io::Result<()> {
    let mut block = [0; 4 * 1024];
    while ahead.len() < MAX_AHEAD && !tells(ahead) {
        match reader.read(&mut block) {
            Ok(0) => break,
            Ok(read) => ahead.extend_from_slice(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether there is a whole line that is neither blank nor a comment.
fn tells(ahead: &[u8]) -> bool {
    let ahead = ahead.strip_prefix(b"\xef\xbb\xbf").unwrap_or(ahead);
    let whole = ahead
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|line| line.ends_with(b"\n"));
    whole
        .map(<[u8]>::trim_ascii)
        .any(|line| !matches!(line, [] | [b'#', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time, and fails if it is asked for more than it has.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Err(io::Error::other("asked for more"));
            };
            (into[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    #[test]
    fn a_pipe_that_pauses_after_a_line_is_not_waited_for() {
        let list = b"\xef\xbb\xbf# comment\n\n  \r\n+14155550100\n";
        let mut ahead = Vec::new();
        read_ahead(&mut Slow(list), &mut ahead).unwrap();
        assert_eq!(ahead, list);
    }

    #[test]
    fn looks_only_so_far() {
        let mut ahead = Vec::new();
        let mut endless = io::repeat(b'x');
        read_ahead(&mut endless, &mut ahead).unwrap();
        assert_eq!(ahead.len(), MAX_AHEAD);
        let mut short: &[u8] = b"+14155550100";
        ahead.clear();
        read_ahead(&mut short, &mut ahead).unwrap();
        assert_eq!(ahead, b"+14155550100");
    }
}
