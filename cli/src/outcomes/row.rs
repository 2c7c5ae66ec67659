//! A row for each record of the list, and how it is written.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use crate::args::RowsArg;
use crate::cost::Cost;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a> {
    pub(crate) record: u64,
    pub(crate) line: u64,
    pub(crate) to: Option<&'a str>,
    pub(crate) batch: Option<u64>,
    pub(crate) batch_id: Option<&'a str>,
    pub(crate) message_id: Option<Cow<'a, str>>,
    pub(crate) status: &'a str,
    pub(crate) error_code: Option<&'a str>,
    pub(crate) description: Option<Cow<'a, str>>,
    pub(crate) segments: Option<u32>,
    pub(crate) cost: Option<Cost>,
}

/// The API rejected it, in its answer to the batch.
pub(crate) const REJECTED: &str = "Rejected";
/// It cannot be sent.
pub(crate) const INVALID: &str = "Invalid";
/// Nobody was to get anything for it.
pub(crate) const PASSED_OVER: &str = "PassedOver";
/// Nobody was sent anything for it yet.
pub(crate) const NOT_SENT: &str = "NotSent";
/// The answer to its batch is waited for.
pub(crate) const COMMITTED: &str = "Committed";
/// Its batch is in doubt.
pub(crate) const IN_DOUBT: &str = "InDoubt";
/// Its batch was in doubt, and was left so.
pub(crate) const SKIPPED: &str = "Skipped";
/// Its batch was accepted, and the API lists no message for it.
pub(crate) const NOT_LISTED: &str = "NotListed";

/// What became of it cannot be told, because something is not known that the list was sent with.
pub(crate) const UNCLEAR: &str = "Unclear";

/// Writes rows.
pub(crate) enum Rows<W: Write> {
    Csv(Box<Table<W>>),
    Ndjson(W),
}

/// A table whose header is written with its first row, or at its end.
pub(crate) struct Table<W: Write> {
    writer: csv::Writer<W>,
    has_header: bool,
}

/// The columns, in the order of [`Row`].
const COLUMNS: [&str; 11] = [
    "record",
    "line",
    "to",
    "batch",
    "batchId",
    "messageId",
    "status",
    "errorCode",
    "description",
    "segments",
    "cost",
];

impl<W: Write> Rows<W> {
    /// Nothing is written yet.
    pub(crate) fn new(format: RowsArg, out: W) -> Self {
        match format {
            RowsArg::Ndjson => Self::Ndjson(out),
            RowsArg::Csv => {
                let mut builder = csv::WriterBuilder::new();
                Self::Csv(Box::new(Table {
                    writer: builder.has_headers(false).from_writer(out),
                    has_header: false,
                }))
            }
        }
    }

    /// Writes a row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        match self {
            Self::Csv(table) => table.begun()?.serialize(row).map_err(io_error),
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")
            }
        }
    }

    /// There are no more: writes out what is buffered.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(table) => table.begun()?.flush(),
            Self::Ndjson(out) => out.flush(),
        }
    }
}

impl<W: Write> Table<W> {
    /// Its writer, behind the header.
    fn begun(&mut self) -> io::Result<&mut csv::Writer<W>> {
        if !std::mem::replace(&mut self.has_header, true) {
            self.writer.write_record(COLUMNS).map_err(io_error)?;
        }
        Ok(&mut self.writer)
    }
}

/// With its kind: a pipe that nobody reads any more is not what another error is.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe that nobody reads.
    struct Unread;

    impl Write for Unread {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_known_as_one() {
        for format in [RowsArg::Csv, RowsArg::Ndjson] {
            let mut rows = Rows::new(format, Unread);
            // More than is kept back.
            let written = (0..10_000).try_for_each(|_| rows.write(&row()));
            let written = written.and_then(|()| rows.flush());
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }

    fn row() -> Row<'static> {
        Row {
            record: 3,
            line: 4,
            to: Some("+14155550100"),
            batch: Some(1),
            batch_id: Some("id"),
            message_id: None,
            status: "DeliveryFailed",
            error_code: Some("SMS-CAR-411"),
            description: Some("not, \"assigned\"".into()),
            segments: Some(2),
            cost: Cost::of(0.015),
        }
    }

    #[test]
    fn both_formats_say_the_same() {
        let row = row();
        let (mut table, mut lines) = (Vec::new(), Vec::new());
        let mut rows = Rows::new(RowsArg::Csv, &mut table);
        rows.write(&row).unwrap();
        rows.flush().unwrap();
        drop(rows);
        let mut rows = Rows::new(RowsArg::Ndjson, &mut lines);
        rows.write(&row).unwrap();
        drop(rows);
        assert_eq!(
            String::from_utf8(table).unwrap(),
            "record,line,to,batch,batchId,messageId,status,errorCode,description,segments,cost\n\
             3,4,+14155550100,1,id,,DeliveryFailed,SMS-CAR-411,\"not, \"\"assigned\"\"\",2,0.015\n"
        );
        let json: serde_json::Value = serde_json::from_slice(&lines).unwrap();
        let object = json.as_object().unwrap();
        assert_eq!(object.len(), COLUMNS.len());
        assert!(COLUMNS.iter().all(|column| object.contains_key(*column)));
    }
}
