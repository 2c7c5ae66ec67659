//! Sends records of one's own, from a database cursor or a queue, as a stream of messages.
//!
//! ```sh
//! # Somewhere else: cargo run --release -- sandbox --listen 127.0.0.1:8080
//! RC_SERVER_URL=http://127.0.0.1:8080 RC_ACCESS_TOKEN=sandbox cargo run --example custom_source
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example may")]

use std::error::Error;
use std::io;

use batchcast::send::{Client, Credentials, Sender};
use batchcast::{Envelope, Message, PhoneNumber, Text};
use futures::{Stream, StreamExt, TryStreamExt, stream};

/// What one's own database has.
struct Customer {
    phone: &'static str,
    name: &'static str,
    points: u32,
}

/// Stands for a cursor: rows come one by one, as they are asked for, or it fails.
fn customers() -> impl Stream<Item = io::Result<Customer>> {
    let row = |phone, name, points| Customer {
        phone,
        name,
        points,
    };
    stream::iter([
        row("+14155550100", "Ana", 120),
        row("+12125550101", "Bob", 80),
        row("not a number", "Eve", 10),
        row("+13105550102", "Zoë", 310),
    ])
    .map(Ok)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let base_url = std::env::var("RC_SERVER_URL").map_err(|_| "set RC_SERVER_URL")?;
    let token = std::env::var("RC_ACCESS_TOKEN").map_err(|_| "set RC_ACCESS_TOKEN")?;
    let client = Client::builder(&base_url, Credentials::access_token(token)).build()?;
    let envelope = Envelope::new(PhoneNumber::parse("+16505550100")?);

    let messages = customers().try_filter_map(async |customer| {
        let Ok(to) = PhoneNumber::parse(customer.phone) else {
            eprintln!("{} has no usable number", customer.name);
            return Ok(None);
        };
        let text = format!("Hi {}, you have {} points.", customer.name, customer.points);
        let text = Text::new(text).ok();
        Ok(text.map(|text| Message::new(to).with_text(text)))
    });
    // A cursor that fails is not the end of the list.
    let sender = Sender::new(client, envelope);
    let report = sender.try_send_stream(messages).await?;
    println!("{} messages in {} batches", report.messages, report.batches);
    Ok(())
}
