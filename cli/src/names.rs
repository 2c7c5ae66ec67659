//! The names that are looked for in a list: a second look at its records, which is over once each was there.
//!
//! A header that lacks a column is an error, but a key may be missing in some records of NDJSON and not in others: what none
//! of many has is likely not meant so. A long list is not looked at to its end for that, which would take longer than to
//! send it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use batchcast::input::{Format, MAX_RECORD_BYTES, RECIPIENT_NAMES};
use indicatif::HumanCount;
use memchr::{memchr, memmem};
use serde::de::IgnoredAny;

use crate::config::List;
use crate::{suppress, terminal};

/// Where the records' own texts are, unless it is said.
const TEXT: &str = "text";
const QUOTED_TEXT: &[u8] = b"\"text\"";

/// In so many records of NDJSON keys are looked for.
const LOOKED_AT: usize = 10_000;

/// What is looked for, and what was found of it.
pub(crate) struct Names {
    format: Format,
    /// The fields of the text that were in no record yet.
    missing: Vec<Missing>,
    /// Where a recipient may be, in records of NDJSON until one was there, or one that differs by its case only.
    recipient: Vec<String>,
    /// A key in which none is looked for, and the name that it differs from by its case only.
    unlike: Option<(String, String)>,
    /// The columns in which the recipient may be, that first in which it is taken to be; `None` if it was said where it is.
    columns: Option<Vec<String>>,
    /// What the records' own texts are called.
    text: String,
    /// The fields of the text.
    fields: Vec<String>,
    /// Whether the list has texts of its own; `None` if that does not matter, or is counted otherwise.
    has_texts: Option<bool>,
    /// Whether what is taken for a list of numbers begins with something else; `None` if that was said to be one.
    begins_otherwise: Option<bool>,
    /// Whether the header of a table was there.
    has_header: bool,
    /// How many records were there, as far as they were looked at.
    records: usize,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// Whether all of the list was looked at, and not only as much as was wanted of it.
    is_over: bool,
}

struct Missing {
    name: String,
    /// A name that differs by its case only.
    alike: Option<String>,
}

impl Names {
    /// What is looked for in the list.
    pub(crate) fn of(list: &List, format: Format) -> Self {
        let mut fields: Vec<_> = match &list.template {
            Some(wanted) => wanted.template.fields().collect(),
            None => Vec::new(),
        };
        fields.sort_unstable();
        fields.dedup();
        // What is one of the fields is no text of a record's own, and one that was asked for surprises nobody.
        let is_text = |field: &&str| field.eq_ignore_ascii_case(TEXT);
        let has_own = list.text_field.is_none() && !fields.iter().any(is_text);
        let is_ndjson = format == Format::Ndjson;
        let text = list.text_field.as_deref().unwrap_or(TEXT);
        let to = match &list.to_field {
            Some(name) => vec![name.clone()],
            None => recipient_names(text),
        };
        let named = fields.iter().copied().map(ToOwned::to_owned).collect();
        let missing = fields
            .into_iter()
            .filter(|_| is_ndjson)
            .map(|name| Missing {
                name: name.to_owned(),
                alike: None,
            });
        Self {
            format,
            missing: missing.collect(),
            recipient: to,
            unlike: None,
            columns: list.to_field.is_none().then(Vec::new),
            text: text.to_owned(),
            fields: named,
            has_texts: (list.template.is_some() && has_own).then_some(false),
            begins_otherwise: list.format.is_none().then_some(false),
            has_header: false,
            records: 0,
            begun: Vec::new(),
            is_over: false,
        }
    }

    /// Those alone without which a list is hardly what is meant: one that nobody has planned may have texts of its own.
    pub(crate) fn needed(list: &List, format: Format) -> Self {
        Self {
            has_texts: None,
            columns: None,
            ..Self::of(list, format)
        }
    }

    /// What is to be said of it, behind the last record.
    fn warnings(&self) -> Vec<String> {
        // Of an empty list there is nothing to say.
        if self.records == 0 {
            return Vec::new();
        }
        let none = if self.records >= LOOKED_AT {
            format!("none of the first {} records", HumanCount(LOOKED_AT as u64))
        } else if self.is_over {
            "no record".to_owned()
        } else {
            "no record that was read".to_owned()
        };
        let missing = self.missing.iter().map(|Missing { name, alike }| {
            let help = match alike {
                Some(alike) => format!(" (there is {alike}: upper and lower case count)"),
                None => String::new(),
            };
            format!("{none} has the field {name} of the text{help}")
        });
        let texts = (self.has_texts == Some(true)).then(|| {
            format!(
                "the list has texts of its own, in {TEXT}: where that is not empty it is sent instead of --text"
            )
        });
        let unlike = self.unlike.iter().map(|(key, name)| {
            format!("the records have {key}, and not {name}: upper and lower case count (--to-field {key})")
        });
        let columns = match self.columns.as_deref() {
            Some([taken, others @ ..]) if !others.is_empty() => Some(format!(
                "the numbers are taken from {taken}, and there is {} as well (--to-field NAME takes them from there)",
                others.join(", ")
            )),
            _ => None,
        };
        let otherwise = (self.begins_otherwise == Some(true)).then(|| {
            "the list is read as one of numbers, and its first line is none: --format csv reads a table with names of \
             columns"
                .to_owned()
        });
        let found = otherwise.into_iter().chain(columns).chain(unlike);
        let found = found.chain(missing);
        found.chain(texts).collect()
    }

    fn is_done(&self) -> bool {
        match self.format {
            Format::Ndjson => {
                let has_names = self.missing.is_empty() && self.recipient.is_empty();
                (has_names || self.records >= LOOKED_AT) && self.has_texts != Some(false)
            }
            Format::Csv => self.records > 0 || (self.has_texts.is_none() && self.columns.is_none()),
            _ => self.records > 0 || self.begins_otherwise.is_none(),
        }
    }

    /// Looks at the next bytes of the list; there are none at its end.
    fn see(&mut self, mut bytes: &[u8]) {
        if bytes.is_empty() {
            let last = std::mem::take(&mut self.begun);
            self.line(&last);
            self.is_over = true;
        }
        while let (false, Some(len)) = (self.is_done(), memchr(b'\n', bytes)) {
            let (line, rest) = bytes.split_at(len);
            bytes = &rest[1..];
            if self.begun.is_empty() {
                self.line(line);
            } else {
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(line);
                self.line(&begun);
            }
        }
        // Of what is too long for a record a part is kept that is none.
        let room = (MAX_RECORD_BYTES + 1).saturating_sub(self.begun.len());
        self.begun
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return;
        }
        match self.format {
            Format::Csv if self.has_header => self.records += 1,
            Format::Csv => self.header(line),
            Format::Ndjson => self.object(line),
            _ => self.number(line),
        }
    }

    fn number(&mut self, line: &[u8]) {
        if !line.trim_ascii().starts_with(b"#") {
            self.records += 1;
            let is_other = Format::sniff(line) != Format::Lines;
            self.begins_otherwise = self.begins_otherwise.map(|_| is_other);
        }
    }

    fn header(&mut self, line: &[u8]) {
        let names = suppress::names(line);
        if names.iter().any(|name| !name.is_empty()) {
            self.has_header = true;
            let has_texts = names.iter().any(|name| name.eq_ignore_ascii_case(TEXT));
            self.has_texts = self.has_texts.map(|_| has_texts);
            if self.columns.is_some() {
                self.columns = Some(self.candidates(&names));
            }
        }
    }

    /// Of these columns, that in which the recipient is, and the others in which it would be looked for, but for those that
    /// the text has.
    fn candidates(&self, columns: &[String]) -> Vec<String> {
        let called = |name: &String| {
            let is_alike = |&column: &usize| columns[column].eq_ignore_ascii_case(name);
            let mut alike: Vec<_> = (0..columns.len()).filter(is_alike).collect();
            // One that is called exactly so goes before.
            alike.sort_by_key(|&column| columns[column] != *name);
            alike
        };
        // Whatever its name is, nobody's number is looked for in it.
        let own = called(&self.text).first().copied();
        let found = self.recipient.iter().flat_map(called);
        let mut found = found.filter(|column| Some(*column) != own);
        // It is taken from there whether or not the text has it.
        let taken = found.next();
        let is_in_text = |column: &usize| {
            let mut fields = self.fields.iter();
            fields.any(|field| field.eq_ignore_ascii_case(&columns[*column]))
        };
        let others = found.filter(|column| !is_in_text(column));
        let all = taken.into_iter().chain(others);
        all.map(|column| columns[column].clone()).collect()
    }

    fn object(&mut self, line: &[u8]) {
        self.records += 1;
        let Self {
            missing,
            recipient,
            has_texts,
            ..
        } = self;
        // Further on only for a text of a record's own, of which there may be few, and each goes to somebody.
        if self.records > LOOKED_AT && memmem::find(line, QUOTED_TEXT).is_none() {
            return;
        }
        // What is no object is told by whoever reads the list.
        let Ok(keys) = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(line) else {
            return;
        };
        missing.retain_mut(|Missing { name, alike }| {
            let is_alike = |key: &&String| key.eq_ignore_ascii_case(name);
            *alike = alike.take().or_else(|| keys.keys().find(is_alike).cloned());
            !keys.contains_key(name.as_str())
        });
        *has_texts = has_texts.map(|has_one| has_one || keys.contains_key(TEXT));
        if recipient.iter().any(|name| keys.contains_key(name)) {
            recipient.clear();
        }
        let like = |name: &String| {
            let key = keys.keys().find(|key| key.eq_ignore_ascii_case(name))?;
            Some((key.clone(), name.clone()))
        };
        if let Some(unlike) = recipient.iter().find_map(like) {
            self.unlike = Some(unlike);
            recipient.clear();
        }
    }
}

/// Where a recipient is looked for, if the records' own texts are called so.
fn recipient_names(text: &str) -> Vec<String> {
    let names = RECIPIENT_NAMES.iter().filter(|name| **name != text);
    names.map(ToString::to_string).collect()
}

/// A list that is looked at while it is read.
pub(crate) struct Watched<R> {
    list: R,
    found: Found,
}

impl<R> Watched<R> {
    /// Looks for these names in a list that nothing has been read of; gives besides what is found of them.
    pub(crate) fn new(list: R, names: Names) -> (Self, Found) {
        let found = Found(Arc::new(Mutex::new(names)));
        let watched = Self {
            list,
            found: found.clone(),
        };
        (watched, found)
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.list.read(into)?;
        self.found.look(&into[..read]);
        Ok(read)
    }
}

/// What is found in a list, which may be read by another thread.
#[derive(Clone)]
pub(crate) struct Found(Arc<Mutex<Names>>);

impl Found {
    /// Says it to whoever was told nothing before.
    pub(crate) fn warn(&self) {
        for told in self.warnings() {
            terminal::error(&format!("Warning: {told}"));
        }
    }

    /// What is to be said of it, behind the last record.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .warnings()
    }

    fn look(&self, bytes: &[u8]) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.is_done() {
            names.see(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use batchcast::input::{Csv, Parse as _, Record, Records as _, Template};

    use super::*;
    use crate::config;

    fn looked_for(format: Format, fields: &[&str]) -> Names {
        let missing = fields.iter().map(|&name| Missing {
            name: name.to_owned(),
            alike: None,
        });
        Names {
            format,
            missing: missing.collect(),
            recipient: Vec::new(),
            unlike: None,
            columns: None,
            text: TEXT.to_owned(),
            fields: Vec::new(),
            has_texts: Some(false),
            begins_otherwise: None,
            has_header: false,
            records: 0,
            begun: Vec::new(),
            is_over: false,
        }
    }

    fn seen(format: Format, fields: &[&str], list: &str, piece: usize) -> Vec<String> {
        let mut names = looked_for(format, fields);
        let mut pieces = list.as_bytes().chunks(piece).chain([&b""[..]]);
        pieces.by_ref().for_each(|bytes| {
            if !names.is_done() {
                names.see(bytes);
            }
        });
        names.warnings()
    }

    #[test]
    fn a_name_counts_wherever_it_stands_as_a_key() {
        for (list, told) in [
            ("\u{feff}{\"to\":\"x\",\"n\u{e9}\":null}", ""),
            ("no object\n{\"n\\u00e9\" : 1}\n", ""),
            (
                "{\"x\":\"n\u{e9}\",\"y\":{\"n\u{e9}\":1}}\n",
                "the field n\u{e9} of the text",
            ),
        ] {
            for piece in [1, 7, 100_000] {
                let found = seen(Format::Ndjson, &["n\u{e9}"], list, piece).join("\n");
                assert_eq!(found.is_empty(), told.is_empty(), "{found}");
                assert!(found.contains(told), "{found}");
            }
        }
        let found = seen(
            Format::Ndjson,
            &["a", "b"],
            "{\"A\":1}\n{\"a\":1,\"B\":2,\"text\":1}\n",
            5,
        );
        let [field, texts] = &found[..] else {
            panic!("{found:?}")
        };
        assert!(
            field.contains("field b ") && field.contains("there is B:"),
            "{field}"
        );
        assert!(texts.contains("instead of --text"), "{texts}");
    }

    #[test]
    fn what_was_not_read_is_not_spoken_of() {
        let mut names = looked_for(Format::Ndjson, &["a"]);
        names.see(b"{\"b\":1}\n{\"b\":");
        let told = "no record that was read has the field a of the text";
        assert_eq!(names.warnings(), [told]);
        names.see(b"2}");
        names.see(b"");
        assert_eq!(names.warnings(), ["no record has the field a of the text"]);
    }

    #[test]
    fn of_a_long_list_the_first_records_tell() {
        let others = |count| "{\"to\":\"x\",\"b\":\"a\\n\"}\n".repeat(count);
        let said = |last: &str, has_texts: Option<bool>, before: usize| {
            let mut names = looked_for(Format::Ndjson, &["a"]);
            names.has_texts = has_texts;
            let list = format!("{}{last}\n", others(before));
            names.see(list.as_bytes());
            (names.warnings().join("\n"), names.is_done())
        };
        let untold = "none of the first 10,000 records has the field a of the text";
        let last = "{\"a\":1}";
        assert_eq!(said(last, None, LOOKED_AT - 1), (String::new(), true));
        assert_eq!(said(last, None, LOOKED_AT), (untold.to_owned(), true));
        // Who plans is told of a single text of a record's own, wherever it is.
        let (told, is_done) = said("{\"text\":\"Hi\"}", Some(false), 2 * LOOKED_AT);
        assert!(
            told.contains(untold) && told.contains("instead of --text"),
            "{told}"
        );
        assert!(is_done);
        assert!(!said("{\"b\":\"text\"}", Some(false), 2 * LOOKED_AT).1);
    }

    #[test]
    fn nothing_is_said_of_an_empty_list() {
        for (format, list) in [
            (Format::Ndjson, ""),
            (Format::Ndjson, "\u{feff}\n \r\n"),
            (Format::Csv, "to,text"),
        ] {
            assert_eq!(seen(format, &["name"], list, 3), [""; 0]);
        }
    }

    #[test]
    fn a_header_says_whether_there_are_texts() {
        for (list, has_texts) in [
            ("# mine\n\nto,\"Text\"\ntext,\n", true),
            ("to,name\nx,text\ntext,text\n", false),
        ] {
            assert_eq!(!seen(Format::Csv, &[], list, 4).is_empty(), has_texts);
        }
    }

    #[test]
    fn the_recipient_is_in_the_column_that_the_parser_takes() {
        for (header, text, fields, found) in [
            ("phone,mobile,cell", None, "", "phone,mobile,cell"),
            // Who names one in the text knows of it; the numbers are taken from where they are.
            ("mobile,phone,cell", None, "{{phone}}", "phone,mobile,cell"),
            ("phone,Mobile,cell", None, "{{mobile}}", "phone,cell"),
            (
                "phone,mobile,cell",
                Some("phone"),
                "{{phone}}",
                "mobile,cell",
            ),
            // Of two that differ by their case only, that which is called exactly so.
            ("Cell,phone,Phone", Some("phone"), "", "Cell"),
            ("Mobile,mobile", None, "", "mobile,Mobile"),
        ] {
            let template = Template::parse(&format!("Hi {fields}")).unwrap();
            let names = Names {
                text: text.unwrap_or(TEXT).to_owned(),
                recipient: recipient_names(text.unwrap_or(TEXT)),
                fields: template.fields().map(ToOwned::to_owned).collect(),
                ..looked_for(Format::Csv, &[])
            };
            let columns: Vec<_> = header.split(',').map(ToOwned::to_owned).collect();
            let told = names.candidates(&columns);
            assert_eq!(told.join(","), found, "{header}");

            let number = |column: usize| format!("+1650555010{column}");
            let numbers: Vec<_> = (0..columns.len()).map(number).collect();
            let list = format!("{header}\n{}\n", numbers.join(","));
            let fields = config::fields(None, text, None);
            let mut parser = Csv::new(&fields).with_template(template);
            let mut records = parser.block(list.as_bytes(), true);
            let Some(Record::Message(message)) = records.next().unwrap() else {
                panic!("{list}")
            };
            let taken = columns.iter().position(|column| *column == told[0]);
            assert_eq!(message.to.as_str(), number(taken.unwrap()), "{list}");
        }
    }
}
