//! What it costs to pass people over: the way from a list's bytes to bodies, plain and with a screen. The ways take
//! turns in one process: figures of separate runs do not compare on a machine that is shared.
//!
//! `cargo bench --bench screen [-- LIST [WAY]]` prints for each way its time a record, and its ratio to the plain way: the
//! median of the rounds, and their range. The recipients are random numbers in no order, the worst case, as are those that
//! are suppressed.

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use batchcast::encode::{Limits, Push, Splitter};
use batchcast::input::{Answer, Csv, Fields, Invalid, Lines, Ndjson, Parse, Visitor};
use batchcast::screen::{NumberSet, Screen, Verdict};
use batchcast::{Envelope, Error, Message, PhoneNumber};
use common::{ASCII, BLOCK, NAMES, consume};

const RECORDS: u64 = 1_000_000;
const ROUNDS: usize = 5;
/// How often each way runs in a round; the quickest counts.
const TURNS: usize = 5;

/// Number `index` of an endless list of random ones.
fn number(index: u64) -> PhoneNumber {
    // SplitMix64.
    let mut mixed = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let digits = 2_000_000_000 + (mixed ^ mixed >> 31) % 8_000_000_000;
    PhoneNumber::parse(&format!("+1{digits}")).unwrap()
}

fn list(mut write: impl FnMut(&mut String, &str, &str)) -> Vec<u8> {
    let mut list = String::new();
    for (index, name) in (0..RECORDS).zip(NAMES.iter().cycle()) {
        write(&mut list, number(index).as_str(), name);
    }
    list.into_bytes()
}

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let (filter, way) = (arguments.next(), arguments.next());
    let wanted = |name: &str| filter.as_ref().is_none_or(|filter| name.contains(filter));
    let is_test = std::env::args().any(|arg| arg == "--test");
    // One in a hundred recipients, and as many others as make up the rest.
    let suppressed = |count: u64| {
        let listed = (0..RECORDS).step_by(100).map(number);
        let others = (RECORDS..RECORDS + count).map(number);
        let numbers: NumberSet = listed.chain(others).collect();
        println!(
            "{} numbers are suppressed, in {:.1} MiB",
            numbers.len(),
            numbers.memory_bytes() as f64 / f64::from(1 << 20)
        );
        numbers
    };
    let many = if is_test { 10_000 } else { 10_000_000 };
    let few = || suppressed(90_000);
    let ways: [(&str, &dyn Fn() -> Screen); 4] = [
        ("suppress 100 thousand", &|| Screen::new().suppress(few())),
        ("suppress 10 million", &|| {
            Screen::new().suppress(suppressed(many))
        }),
        ("unique", &|| Screen::new().unique()),
        ("unique, suppress 100 thousand", &|| {
            Screen::new().unique().suppress(few())
        }),
    ];
    let screens: Vec<(&str, Screen)> = ways
        .iter()
        .filter(|(name, _)| way.as_ref().is_none_or(|way| way == name))
        .map(|(name, screen)| (*name, screen()))
        .collect();
    assert!(
        !screens.is_empty(),
        "{way:?} is none of the ways that are printed"
    );
    if wanted("lines") {
        let list = list(|list, number, _| writeln!(list, "{number}").unwrap());
        let envelope = common::envelope(Some("Hello Team"));
        compare("lines", Lines::new, &list, &envelope, &screens);
    }
    if wanted("ndjson") {
        let list = list(|list, number, name| {
            writeln!(list, r#"{{"to":"{number}","text":"Hi {name}, {ASCII}"}}"#).unwrap();
        });
        let parser = || Ndjson::new(&Fields::default());
        compare("ndjson", parser, &list, &common::envelope(None), &screens);
    }
    if wanted("csv and template") {
        let list = list(|list, number, name| {
            if list.is_empty() {
                list.push_str("to,name\n");
            }
            writeln!(list, "{number},{name}").unwrap();
        });
        let parser = || Csv::new(&Fields::default()).with_template(common::template(ASCII));
        compare(
            "csv and template",
            parser,
            &list,
            &common::envelope(None),
            &screens,
        );
    }
}

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn compare<P: Parse>(
    list: &str,
    parser: impl Fn() -> P,
    bytes: &[u8],
    envelope: &Envelope,
    screens: &[(&str, Screen)],
) {
    let mut seconds = vec![Vec::new(); screens.len() + 1];
    for _ in 0..ROUNDS {
        let mut quickest = vec![f64::INFINITY; screens.len() + 1];
        for _ in 0..TURNS {
            let mut measure = |way: usize, run: &mut dyn FnMut() -> u64| {
                let started = Instant::now();
                let passed_over = run();
                quickest[way] = quickest[way].min(started.elapsed().as_secs_f64());
                assert_eq!(passed_over > 0, way > 0);
            };
            measure(0, &mut || {
                common::encode(parser(), bytes, envelope, consume);
                0
            });
            for (way, (_, screen)) in (1..).zip(screens) {
                // That of a list is made once, but it is not for nothing.
                let mut screen = screen.clone();
                measure(way, &mut || encode(parser(), bytes, envelope, &mut screen));
            }
        }
        for (all, quickest) in seconds.iter_mut().zip(quickest) {
            all.push(quickest);
        }
    }
    let plain = seconds[0].clone();
    let names = std::iter::once("plain").chain(screens.iter().map(|(name, _)| *name));
    for (name, seconds) in names.zip(seconds) {
        let nanos = median(seconds.clone()) * 1e9 / RECORDS as f64;
        let ratios: Vec<_> = seconds
            .iter()
            .zip(&plain)
            .map(|(way, plain)| way / plain)
            .collect();
        let (least, most) = ratios
            .iter()
            .fold((f64::INFINITY, 0_f64), |(least, most), &ratio| {
                (least.min(ratio), most.max(ratio))
            });
        println!(
            "{list:<18}{name:<32}{nanos:>8.1} ns a record{:>8.2} ({least:.2} to {most:.2})",
            median(ratios)
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// As the sender does it. Says how many were passed over.
fn encode<P: Parse>(mut parser: P, input: &[u8], envelope: &Envelope, screen: &mut Screen) -> u64 {
    let splitter = Splitter::new(envelope, Limits::default()).unwrap();
    let mut screened = Screened { screen, splitter };
    let mut at = 0;
    while at < input.len() {
        let end = input.len().min(at + BLOCK);
        let visited = parser.visit(
            &input[at..end],
            end == input.len(),
            at as u64,
            &mut screened,
        );
        at += visited.unwrap().consumed;
    }
    let Screened { screen, splitter } = screened;
    let closed = splitter.finish().unwrap();
    hand_on(Push::Batch(closed));
    screen.passed_over().total()
}

fn hand_on(pushed: Push) {
    match pushed {
        Push::Buffered => {}
        Push::Chunk(chunk) => consume(chunk),
        Push::Batch(closed) => {
            consume(closed.rest);
            consume(closed.tail);
        }
    }
}

/// What is passed over is not encoded.
struct Screened<'s> {
    screen: &'s mut Screen,
    splitter: Splitter,
}

impl Visitor for Screened<'_> {
    type Error = Error;

    fn ahead(&self) -> usize {
        self.screen.ahead()
    }

    fn look_ahead(&mut self, bytes: &[u8]) {
        self.screen.look_ahead(bytes);
    }

    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
        if self.screen.admit(message) == Verdict::Admitted {
            match self.splitter.push(message)? {
                Push::Buffered => {}
                pushed => hand_on(pushed),
            }
        }
        Ok(Answer::Taken)
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
        Err(invalid.error)
    }
}
