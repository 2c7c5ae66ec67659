//! Uses the encoder alone, for those who have an HTTP client of their own: bodies are written to stdout,
//! one a line. Builds without tokio and reqwest (`--no-default-features`).
//!
//! ```sh
//! printf '+14155550100\n+12125550101\n' |
//!     cargo run -p batchcast --no-default-features --example own_transport
//! ```

#![expect(clippy::print_stderr, reason = "an example may")]

use std::error::Error;
use std::io::{self, Write};

use batchcast::encode::{ClosedBatch, Limits, Push, Splitter};
use batchcast::input::{Fields, Format, Parser, Reader, Record};
use batchcast::{Envelope, PhoneNumber, Text};

fn main() -> Result<(), Box<dyn Error>> {
    let envelope =
        Envelope::new(PhoneNumber::parse("+16505550100")?).with_text(Text::new("Hello \"Team\"")?);
    let limits = Limits::default().with_max_bytes(1_000_000);
    let mut splitter = Splitter::new(&envelope, limits)?;

    let parser = Parser::new(Format::Lines, &Fields::default());
    let mut recipients = Reader::new(io::stdin().lock(), parser);
    let mut out = io::stdout().lock();
    while let Some(record) = recipients.next()? {
        match record {
            Record::Message(message) => match splitter.push(&message)? {
                Push::Buffered => {}
                // Here a client sends a chunk of the request's body ...
                Push::Chunk(chunk) => out.write_all(&chunk)?,
                // ... and here the request ends, and the next one begins.
                Push::Batch(closed) => end(&mut out, &closed)?,
            },
            Record::Invalid(invalid) => eprintln!("passed over: {}", invalid.error),
            _ => {}
        }
    }
    if let Some(closed) = splitter.finish() {
        end(&mut out, &closed)?;
    }
    Ok(())
}

fn end(out: &mut impl Write, closed: &ClosedBatch) -> io::Result<()> {
    out.write_all(&closed.rest)?;
    out.write_all(&closed.tail)?;
    writeln!(out)?;
    let batch = closed.batch;
    eprintln!(
        "batch {}: {} messages, {} bytes",
        batch.number, batch.messages, batch.bytes
    );
    Ok(())
}
