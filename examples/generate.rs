//! Writes a list of recipients to stdout: the same list for the same arguments, in any format, with texts
//! that have quotes, line breaks, accents and emoji. For demonstrations, tests and benchmarks.
//!
//! ```sh
//! cargo run --release --example generate -- 1000000 ndjson > list.ndjson
//! ```

#![expect(clippy::print_stderr, reason = "an example may")]

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: generate COUNT [lines|ndjson|csv] [plain|escapes|unicode|mixed]

  COUNT   how many recipients
  format  lines: a number a line (the default); ndjson, csv: with a text of its own for each
  texts   plain: ASCII; escapes: with quotes and line breaks; unicode: accents, Chinese, emoji;
          mixed: some of each (the default)";

const NAMES: [&str; 8] = ["Ana", "Bob", "Chloé", "Dmitri", "Eve", "José", "Mei", "Zoë"];
const PLAIN: [&str; 4] = [
    "your order is on its way and arrives tomorrow between 10 and 12. Reply STOP to opt out.",
    "your appointment is on Monday at 9:30. Reply C to confirm or R to reschedule it.",
    "your table for four is booked. We look forward to seeing you on Friday evening!",
    "your code for this week's offer is SPRING25, good for everything in the shop.",
];
const ESCAPES: [&str; 2] = [
    "the driver says: \"I ring twice.\"\nTrack it: https://example.com/t?id=1\\2",
    "today only:\n\t1. coffee\n\t2. \"the usual\"\nSee you!",
];
const UNICODE: [&str; 3] = [
    "¡tu pedido está en camino! Llegará mañana por la tarde, señora. 🚚📦",
    "您的订单已发货,预计明天送达。感谢您的支持!",
    "fermé le 1ᵉʳ mai — à bientôt 👋🏽",
];

#[derive(Clone, Copy)]
enum Format {
    Lines,
    Ndjson,
    Csv,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse().ok());
    let format = match arguments.next().as_deref() {
        None | Some("lines") => Some(Format::Lines),
        Some("ndjson") => Some(Format::Ndjson),
        Some("csv") => Some(Format::Csv),
        Some(_) => None,
    };
    let texts = match arguments.next().as_deref() {
        None | Some("mixed") => Some([&PLAIN[..], &ESCAPES, &UNICODE].concat()),
        Some("plain") => Some(PLAIN.to_vec()),
        Some("escapes") => Some(ESCAPES.to_vec()),
        Some("unicode") => Some(UNICODE.to_vec()),
        Some(_) => None,
    };
    let (Some(count), Some(format), Some(texts)) = (count, format, texts) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match write(count, format, &texts) {
        // Whoever reads the list may have seen enough of it.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn write(count: u64, format: Format, texts: &[&str]) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(256 * 1024, io::stdout().lock());
    if let Format::Csv = format {
        out.write_all(b"to,first_name,text\n")?;
    }
    let mut random = Random(0x5eed);
    for index in 0..count {
        let number = number(index);
        let name = random.choose(&NAMES);
        let text = format!("Hi {name}, {}", random.choose(texts));
        match format {
            Format::Lines => writeln!(out, "{number}")?,
            Format::Ndjson => {
                let text = serde_json::to_string(&text)?;
                writeln!(out, r#"{{"to":"{number}","text":{text}}}"#)?;
            }
            Format::Csv => {
                let text = text.replace('"', "\"\"");
                writeln!(out, r#"{number},{name},"{text}""#)?;
            }
        }
    }
    out.flush()
}

/// A number of its own for each of the first 6.4 billion, with area code and exchange from 200 on.
fn number(index: u64) -> String {
    // The factor has no divisor in common with the count of numbers, so no number comes twice.
    const NUMBERS: u64 = 800 * 800 * 10_000;
    let index = (index % NUMBERS) * 2_654_435_761 % NUMBERS;
    let (area, rest) = (index / 8_000_000, index % 8_000_000);
    format!(
        "+1{}{}{:04}",
        200 + area,
        200 + rest / 10_000,
        rest % 10_000
    )
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn choose<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let index = usize::try_from(z % from.len() as u64).expect("less than the length");
        from[index]
    }
}
