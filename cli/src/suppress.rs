//! Lists of numbers that are to get no message.

use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use batchcast::input::{Fields, Format, Parser, Reader, Record, Template};
use batchcast::screen::NumberSet;
use batchcast::{Error, ErrorKind, HeaderError, PhoneNumber, RecordError, Region};

use crate::config::refuse_stream;
use crate::foreign;
use crate::input::{Source, read_ahead, unpacked_name};

/// Of a list of opt-outs, what each record has beside its number. A mark between them, as neither may be there: nothing but
/// white space is no text.
const SENDER_AND_STATUS: &str = "{{from|}};{{status|}}";

/// Why a record that cannot be read is not just passed over.
const WHY: &str = "nothing was sent, because whoever is meant there could get a message";

/// What to do about numbers in two columns, or under two keys.
const ONE_PLACE: &str = "give a list with one of them, or a list for each, by --suppress again";

/// Puts the numbers of a list into `numbers`: those that are to get no message of `from`. They are written as those of the
/// recipients are: by E.164, or as people in a region do it. The list may be compressed.
///
/// # Errors
/// If the list cannot be read, or any record of it.
pub(crate) fn read(
    path: &Path,
    from: PhoneNumber,
    region: Option<Region>,
    numbers: &mut NumberSet,
) -> Result<()> {
    refuse_stream("--suppress", path)?;
    let list = Source::of_path(Some(path)).context("--suppress")?;
    let list = list.into_reader().context("--suppress")?;
    let name = unpacked_name(path);
    let take = |number| _ = numbers.insert(number);
    let format = |ahead: &[u8]| Format::detect(Some(&name), ahead, None);
    read_from(list, format, from, region, take)
        .with_context(|| format!("--suppress: {}", path.display()))
}

/// Takes each number of a list that is open, and whose format is told by its first bytes.
pub(crate) fn read_from(
    mut list: impl Read,
    format: impl FnOnce(&[u8]) -> Format,
    from: PhoneNumber,
    region: Option<Region>,
    mut take: impl FnMut(PhoneNumber),
) -> Result<()> {
    let mut ahead = Vec::new();
    read_ahead(&mut list, &mut ahead)?;
    if let Some(other) = foreign::of(&ahead) {
        return Err(foreign::error(other));
    }
    let format = format(&ahead);
    let names = match format {
        Format::Csv => names(&ahead),
        _ => Vec::new(),
    };
    // One that is empty may be what is left of a download that has failed.
    if format == Format::Csv && names.iter().all(String::is_empty) {
        bail!("it is empty, and has not even a header; {WHY}");
    }
    let names_senders = names_senders(format, &names);
    // Of two places only one would be read, and who stands in the other could get a message.
    let mut fields = Fields::default().unambiguous();
    if let Some(region) = region {
        fields = fields.region(region);
    }
    let parser = if names_senders {
        // The template goes before a text that a record has, if it is made of the same field.
        let fields = fields.text("status");
        Parser::new(format, &fields).with_template(Template::parse(SENDER_AND_STATUS)?)?
    } else {
        Parser::new(format, &fields)
    };
    let mut reader = Reader::new(Cursor::new(ahead).chain(list), parser);
    // In words of its own: the flags that help with the recipients' list do not help with this one.
    while let Some(record) = reader.next().map_err(|error| fatal(&error))? {
        let message = match record {
            Record::Message(message) => message,
            Record::Invalid(invalid) => {
                let help = match (invalid.error.kind(), region) {
                    (
                        ErrorKind::Record {
                            fault: RecordError::PhoneNumber(_),
                            ..
                        },
                        None,
                    ) => " (--region US, or CA, reads its numbers as people write them there)",
                    (
                        ErrorKind::Record {
                            fault: RecordError::TwoRecipientKeys { .. },
                            ..
                        },
                        _,
                    ) => &format!(" ({ONE_PLACE})"),
                    _ => "",
                };
                bail!("{}; {WHY}{help}", invalid.error)
            }
            _ => continue,
        };
        let counts = match &message.text {
            Some(text) if names_senders => is_opted_out(&text.to_plain(), from)
                .map_err(|fault| anyhow!("{}: {fault}; {WHY}", message.position))?,
            _ => true,
        };
        if counts {
            take(message.to);
        }
    }
    Ok(())
}

/// The names of the columns.
pub(crate) fn names(ahead: &[u8]) -> Vec<String> {
    let ahead = ahead.strip_prefix(b"\xef\xbb\xbf").unwrap_or(ahead);
    // Behind what may stand before it.
    let is_header = |line: &&[u8]| match *line {
        [] => false,
        line if line.eq_ignore_ascii_case(b"sep=,") => false,
        [b'#', ..] => line.contains(&b','),
        _ => true,
    };
    let mut lines = ahead.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let header = String::from_utf8_lossy(lines.find(is_header).unwrap_or_default());
    let names = header.split(',');
    names
        .map(|name| name.trim().trim_matches('"').to_owned())
        .collect()
}

/// What ends the list.
fn fatal(error: &Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Header {
            fault: HeaderError::TwoRecipientColumns { .. },
            ..
        } => anyhow!("{error}; {WHY} ({ONE_PLACE})"),
        ErrorKind::Header {
            fault: HeaderError::NoColumn { .. },
            ..
        } => anyhow!(
            "{error} (name the column of the numbers to or phone, or give a list with a number a line)"
        ),
        _ => anyhow!("{error}"),
    }
}

/// Whether the records may say whose messages are not wanted, as the API's opt-outs do.
fn names_senders(format: Format, names: &[String]) -> bool {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    match format {
        // Each record for itself.
        Format::Ndjson => true,
        Format::Csv => has("from") && has("status"),
        _ => false,
    }
}

/// Whether a record says that no message of `from` is wanted. One that names no sender is about all of them.
fn is_opted_out(sender_and_status: &str, from: PhoneNumber) -> Result<bool> {
    let (sender, status) = sender_and_status.split_once(';').unwrap_or_default();
    match (sender, status) {
        (_, "OptIn") => Ok(false),
        ("", _) => Ok(true),
        (sender, "OptOut") => {
            let sender = PhoneNumber::parse(sender)
                .map_err(|fault| anyhow!("the field from is no sender: {fault}"))?;
            Ok(sender == from)
        }
        _ => bail!("the field status is neither OptOut nor OptIn"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "+16505550100";

    fn number(number: &str) -> PhoneNumber {
        PhoneNumber::parse(number).unwrap()
    }

    fn read(list: &str) -> Result<Vec<usize>> {
        let mut numbers = NumberSet::new();
        let take = |number| _ = numbers.insert(number);
        read_from(list.as_bytes(), Format::sniff, number(FROM), None, take)?;
        let found =
            (0..10).filter(|index| numbers.contains(number(&format!("+1415555010{index}"))));
        let found: Vec<_> = found.collect();
        assert_eq!(numbers.len(), found.len() as u64);
        Ok(found)
    }

    #[test]
    fn lists_of_all_kinds() {
        for (list, found) in [
            ("", vec![]),
            ("# none\n\n", vec![]),
            ("+14155550101\n# two\r\n +14155550102 ", vec![1, 2]),
            ("name,Phone number,town\nBob,+14155550103,x\n", vec![3]),
            ("\u{feff}phone\n+14155550104\n+14155550104\n", vec![4]),
            (
                "{\"to\":\"+14155550105\"}\n{\"mobile\":\"+14155550106\",\"text\":\"x\",\"status\":\"gold\"}\n",
                vec![5, 6],
            ),
        ] {
            assert_eq!(read(list).unwrap(), found, "{list}");
        }
    }

    #[test]
    fn a_table_without_a_header_is_what_is_left_of_one() {
        for list in ["", "\n# none\n"] {
            let told = read_from(list.as_bytes(), |_| Format::Csv, number(FROM), None, |_| ());
            assert!(told.unwrap_err().to_string().contains("empty"), "{list:?}");
        }
    }

    #[test]
    fn of_opt_outs_those_of_this_sender_count() {
        let csv = format!(
            "from,to,status,source\r\n{FROM},+14155550101,OptOut,Recipient\r\n{FROM},+14155550102,OptIn,Recipient\r\n\
             +16505550109,+14155550103,OptOut,Account\r\n,+14155550104,OptOut,\r\n"
        );
        assert_eq!(read(&csv).unwrap(), [1, 4]);
        assert_eq!(read(&format!("\n# of today\n{csv}")).unwrap(), [1, 4]);
        let row = |from: &str, to: u8, status: &str| {
            format!(r#"{{"from":"{from}","to":"+1415555010{to}","status":"{status}","text":"x"}}"#)
                + "\n"
        };
        let ndjson = row(FROM, 1, "OptOut")
            + &row(FROM, 2, "OptIn")
            + &row("+16505550109", 3, "OptOut")
            + "{\"to\":\"+14155550104\",\"status\":\"OptOut\"}\n";
        assert_eq!(read(&ndjson).unwrap(), [1, 4]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_with_its_place() {
        for (list, place) in [
            ("+14155550101\n4155550102\n", "line 2"),
            ("phone\n+14155550101\n\n(415) 555-0102\n", "line 4"),
            ("from,to,status\n+16505550100,+14155550101,Out\n", "line 2"),
            ("from,to,status\n6505550100,+14155550101,OptOut\n", "line 2"),
            ("name,city\nBob,Rome\n", "no column"),
            ("Name,Tel\n", "name the column of the numbers to or phone"),
            ("[{\"to\":\"+14155550101\"}]", "an object a line"),
            (
                "name,Phone,mobile\nBob,+14155550103,\n",
                "both Phone and mobile may",
            ),
            (
                "{\"phone\":\"+14155550101\"}\n{\"Mobile\":\"+14155550102\",\"phone\":\"+14155550101\"}\n",
                "line 2",
            ),
            ("{\"to\":\"+14155550101\"}\n{\"to\":\"+1415555", "line 2"),
            (
                "{\"from\":{},\"to\":\"+14155550101\",\"status\":\"OptOut\"}",
                "line 1",
            ),
        ] {
            let error = format!("{:#}", read(list).unwrap_err());
            assert!(error.contains(place), "{error}");
            assert!(!error.contains("5550"), "{error}");
        }
    }
}
