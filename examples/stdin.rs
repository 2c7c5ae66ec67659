//! Streams numbers from stdin to the API, a number a line.
//!
//! ```sh
//! # Somewhere else: cargo run --release -- sandbox --listen 127.0.0.1:8080
//! export RC_SERVER_URL=http://127.0.0.1:8080 RC_ACCESS_TOKEN=sandbox
//! cargo run --example stdin -- +16505550100 'Hello Team' < numbers.txt
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example may")]

use std::error::Error;

use batchcast::input::{Fields, Format, Parser};
use batchcast::send::{Client, Credentials, DEFAULT_BASE_URL, Event, Sender};
use batchcast::{Envelope, PhoneNumber, Text};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: stdin FROM TEXT < numbers".into());
    };
    let envelope = Envelope::new(from.parse::<PhoneNumber>()?).with_text(Text::new(text)?);

    let base_url = std::env::var("RC_SERVER_URL");
    let base_url = base_url.as_deref().unwrap_or(DEFAULT_BASE_URL);
    let token = std::env::var("RC_ACCESS_TOKEN").map_err(|_| "set RC_ACCESS_TOKEN")?;
    let client = Client::builder(base_url, Credentials::access_token(token)).build()?;

    let sender = Sender::new(client, envelope).on_event(|event| {
        match event {
            Event::Invalid(invalid) => eprintln!("passed over: {}", invalid.error),
            Event::Rejected(reject) => eprintln!("rejected: {reject:?}"),
            Event::Accepted(receipt) => {
                println!("batch {} is {}", receipt.batch.number, receipt.id);
            }
            _ => {}
        }
        Ok(())
    });
    let parser = Parser::new(Format::Lines, &Fields::default());
    // A send that stops is an error that says why; its report says what became of which records.
    let report = sender.send_input(std::io::stdin(), parser).await?;
    println!(
        "{} messages in {} batches, {} rejected, {} invalid",
        report.messages, report.batches, report.rejected, report.invalid
    );
    Ok(())
}
