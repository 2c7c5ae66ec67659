//! Invariants of the encoder and the splitter, with serde_json as the judge.

use std::num::NonZeroU64;

use batchcast::encode::{Batch, BatchEncoder, ClosedBatch, Fit, Limits, Push, Splitter};
use batchcast::{Envelope, ErrorKind, Message, PhoneNumber, Position, RecordError, Text};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A batch as serde_json writes it, with the members in the order of the API guide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    from: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    text: Option<String>,
    messages: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    to: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    text: Option<String>,
}

impl Entry {
    fn message(&self, position: Position) -> Message<'_> {
        let message = Message::new(PhoneNumber::parse(&self.to[0]).unwrap()).at(position);
        match &self.text {
            Some(text) => message.with_text(Text::new(text.as_str()).unwrap()),
            None => message,
        }
    }
}

impl Body {
    fn len(&self) -> u64 {
        serde_json::to_vec(self).unwrap().len() as u64
    }

    fn envelope(&self) -> Envelope {
        let envelope = Envelope::new(PhoneNumber::parse(&self.from).unwrap());
        match &self.text {
            Some(text) => envelope.with_text(Text::new(text.clone()).unwrap()),
            None => envelope,
        }
    }

    /// What a splitter has to make of it: measured on whole bodies, entry by entry, the slow way.
    fn split(&self, limits: Limits) -> (Vec<Self>, Vec<usize>) {
        let empty = Self {
            messages: Vec::new(),
            ..self.clone()
        };
        let most = limits.max_messages().map_or(u64::MAX, Into::into);
        let fits =
            |body: &Self| body.len() <= limits.max_bytes() && body.messages.len() as u64 <= most;
        let mut bodies: Vec<Self> = Vec::new();
        let mut too_large = Vec::new();
        for (index, entry) in self.messages.iter().enumerate() {
            let mut entry = entry.clone();
            // What is in the head is not repeated.
            entry.text = entry.text.filter(|own| self.text.as_ref() != Some(own));
            let mut alone = empty.clone();
            alone.messages.push(entry.clone());
            if !fits(&alone) {
                too_large.push(index);
                continue;
            }
            if let Some(last) = bodies.last_mut() {
                last.messages.push(entry.clone());
                if fits(last) {
                    continue;
                }
                last.messages.pop();
            }
            bodies.push(alone);
        }
        (bodies, too_large)
    }
}

/// The bodies that the splitter makes, whole, and which messages it refused.
fn run(body: &Body, limits: Limits, chunk_bytes: usize) -> (Vec<(Vec<u8>, Batch)>, Vec<usize>) {
    let mut splitter = Splitter::new(&body.envelope(), limits)
        .unwrap()
        .with_chunk_bytes(chunk_bytes);
    let mut open = Vec::new();
    let mut bodies = Vec::new();
    let mut refused = Vec::new();
    let mut close = |open: &mut Vec<u8>, closed: ClosedBatch| {
        open.extend([closed.rest, closed.tail].concat());
        bodies.push((std::mem::take(open), closed.batch));
    };
    for (index, entry) in body.messages.iter().enumerate() {
        let position = Position {
            record: index as u64 + 1,
            line: index as u64 + 2,
            byte: 0,
        };
        match splitter.push(&entry.message(position)) {
            Ok(Push::Buffered) => {}
            Ok(Push::Chunk(chunk)) => {
                assert!(chunk.len() >= chunk_bytes);
                open.extend(chunk);
            }
            Ok(Push::Batch(closed)) => close(&mut open, closed),
            Err(error) => {
                assert_eq!(error.position(), Some(position));
                let ErrorKind::Record { fault, .. } = error.kind() else {
                    panic!("{error}")
                };
                assert!(matches!(fault, RecordError::EntryTooLarge { .. }));
                refused.push(index);
            }
        }
        if index % 7 == 3 {
            open.extend(splitter.flush().unwrap_or_default());
            assert!(splitter.flush().is_none());
        }
    }
    if let Some(closed) = splitter.finish() {
        close(&mut open, closed);
    }
    assert!(open.is_empty());
    (bodies, refused)
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "\\+1[2-9][0-9]{9}",
        1 => "\\+[1-9][0-9]{6,14}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{1,12}",
        1 => any::<char>().prop_map(String::from),
        1 => Just("\"\\\n\u{0}\u{1f}".to_owned()),
        1 => Just("👋🏽é€\u{2028}\u{7f}".to_owned()),
    ];
    let text = proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat());
    text.prop_filter("nothing to read", |text| !text.trim().is_empty())
}

fn body(has_default_text: bool) -> impl Strategy<Value = Body> {
    let default = if has_default_text {
        text().prop_map(Some).boxed()
    } else {
        Just(None).boxed()
    };
    default.prop_flat_map(|default| {
        let own = match &default {
            Some(default) => prop_oneof![
                2 => proptest::option::of(text()),
                1 => Just(Some(default.clone())),
            ]
            .boxed(),
            None => text().prop_map(Some).boxed(),
        };
        let entry = (number(), own).prop_map(|(to, text)| Entry { to: vec![to], text });
        let entries = proptest::collection::vec(entry, 0..40);
        (number(), entries).prop_map(move |(from, messages)| Body {
            from,
            text: default.clone(),
            messages,
        })
    })
}

fn check(body: &Body, limits: Limits, chunk_bytes: usize) {
    let (expected, too_large) = body.split(limits);
    let (bodies, refused) = run(body, limits, chunk_bytes);
    assert_eq!(refused, too_large);
    // The greedy twin's bodies are within the limits, maximal, and in the input's order; equal bytes
    // are therefore all of that, and are what serde_json parses.
    let ours: Vec<_> = bodies.iter().map(|(bytes, _)| bytes.clone()).collect();
    let theirs: Vec<_> = expected
        .iter()
        .map(|body| serde_json::to_vec(body).unwrap())
        .collect();
    assert_eq!(ours, theirs);

    for (index, (bytes, batch)) in bodies.iter().enumerate() {
        assert!(bytes.len() as u64 <= limits.max_bytes());
        assert_eq!(batch.bytes, bytes.len() as u64);
        assert_eq!(batch.number, index as u64 + 1);
        let parsed: Body = serde_json::from_slice(bytes).unwrap();
        assert_eq!(batch.messages, parsed.messages.len() as u64);
        if let Some((next, _)) = bodies.get(index + 1) {
            let next: Body = serde_json::from_slice(next).unwrap();
            let mut more = parsed.clone();
            more.messages.push(next.messages[0].clone());
            let full = limits
                .max_messages()
                .is_some_and(|most| batch.messages == most.get());
            assert!(full || more.len() > limits.max_bytes(), "not maximal");
        }
        // Positions: with the refused ones left out, the batches follow one another.
        let before: u64 = bodies[..index]
            .iter()
            .map(|(_, batch)| batch.messages)
            .sum();
        let kept: Vec<u64> = (0..body.messages.len())
            .filter(|index| !refused.contains(index))
            .map(|index| index as u64 + 1)
            .collect();
        let before = usize::try_from(before).unwrap();
        let count = usize::try_from(batch.messages).unwrap();
        assert_eq!(batch.first.record, kept[before]);
        assert_eq!(batch.last.record, kept[before + count - 1]);
        assert_eq!(batch.last.line, kept[before + count - 1] + 1);
    }
}

proptest! {
    #[test]
    fn bodies_are_what_the_naive_twin_makes(
        (has_default, body) in any::<bool>().prop_flat_map(|has| (Just(has), body(has))),
        slack in 0_u64..600,
        most in proptest::option::of(1_u64..12),
        chunk_bytes in 1_usize..300,
    ) {
        let _ = has_default;
        let smallest = Body {
            messages: vec![Entry {
                to: vec!["+1234567".to_owned()],
                text: body.text.is_none().then(|| "x".to_owned()),
            }],
            ..body.clone()
        };
        let mut limits = Limits::default().with_max_bytes(smallest.len() + slack);
        if let Some(most) = most.and_then(NonZeroU64::new) {
            limits = limits.with_max_messages(most);
        }
        check(&body, limits, chunk_bytes);
    }

    #[test]
    fn the_digest_tells_inputs_apart_and_nothing_else(
        body in body(true),
        chunks in (1_usize..300, 1_usize..300),
    ) {
        prop_assume!(!body.messages.is_empty());
        let limits = Limits::default();
        let digest = |body: &Body, chunk| run(body, limits, chunk).0[0].1.digest;
        prop_assert_eq!(digest(&body, chunks.0), digest(&body, chunks.1));
        let mut other = body.clone();
        other.messages[0].text = Some("another text".to_owned());
        prop_assume!(other != body);
        prop_assert_ne!(digest(&body, chunks.0), digest(&other, chunks.0));
    }
}

/// Three entries of known size, and every limit round where one, two and three of them fit.
#[test]
fn every_limit_round_the_boundaries() {
    let entry = |to: &str| Entry {
        to: vec![to.to_owned()],
        text: None,
    };
    let body = Body {
        from: "+16505550100".to_owned(),
        text: Some("Hello \"Team\"".to_owned()),
        messages: vec![
            entry("+14155550100"),
            entry("+123456789012345"),
            entry("+1234567"),
        ],
    };
    let smallest = Body {
        messages: vec![entry("+1234567")],
        ..body.clone()
    };
    for max_bytes in smallest.len()..=body.len() + 2 {
        for chunk_bytes in [1, 16, 64, 1_000] {
            check(
                &body,
                Limits::default().with_max_bytes(max_bytes),
                chunk_bytes,
            );
        }
    }
}

#[test]
fn a_limit_that_holds_nothing_is_refused_at_once() {
    for text in [None, Some("Hi".to_owned())] {
        let smallest = Body {
            from: "+16505550100".to_owned(),
            messages: vec![Entry {
                to: vec!["+1234567".to_owned()],
                text: text.is_none().then(|| "x".to_owned()),
            }],
            text,
        };
        let at = |max_bytes| {
            Splitter::new(
                &smallest.envelope(),
                Limits::default().with_max_bytes(max_bytes),
            )
        };
        let mut splitter = at(smallest.len()).unwrap();
        let _ = splitter
            .push(&smallest.messages[0].message(Position::of_record(1)))
            .expect("the smallest message fits exactly");
        let error = at(smallest.len() - 1).unwrap_err();
        assert!(matches!(
            *error.kind(),
            ErrorKind::LimitTooSmall { max_bytes, needed } if needed == max_bytes + 1
        ));
    }
}

#[test]
fn a_message_without_any_text_is_an_error_and_harms_nothing() {
    let number = PhoneNumber::parse("+14155550100").unwrap();
    let envelope = Envelope::new(number);
    let mut batch = BatchEncoder::new(&envelope, Limits::default()).unwrap();
    let error = batch
        .push(&Message::new(number).at(Position::of_record(7)))
        .unwrap_err();
    assert_eq!(error.position(), Some(Position::of_record(7)));
    assert!(error.to_string().contains("no text"));
    let text = Text::new("own").unwrap();
    assert_eq!(
        batch.push(&Message::new(number).with_text(text)).unwrap(),
        Fit::Added
    );
    assert_eq!(batch.finish().unwrap().batch.messages, 1);
}

#[test]
fn a_full_batch_stays_as_it_was() {
    let number = PhoneNumber::parse("+14155550100").unwrap();
    let envelope = Envelope::new(number).with_text(Text::new("Hi").unwrap());
    let limits = Limits::default().with_max_messages(NonZeroU64::MIN);
    let mut batch = BatchEncoder::new(&envelope, limits).unwrap();
    assert_eq!(batch.push(&Message::new(number)).unwrap(), Fit::Added);
    for _ in 0..2 {
        assert_eq!(batch.push(&Message::new(number)).unwrap(), Fit::Full);
    }
    let closed = batch.finish().unwrap();
    let bytes = [closed.rest, closed.tail].concat();
    assert_eq!(closed.batch.bytes, bytes.len() as u64);
    let body: Body = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(body.messages.len(), 1);
}

#[test]
fn nothing_makes_no_batch() {
    let number = PhoneNumber::parse("+14155550100").unwrap();
    let mut splitter = Splitter::new(
        &Envelope::new(number).with_text(Text::new("Hi").unwrap()),
        Limits::default(),
    )
    .unwrap();
    assert!(splitter.flush().is_none());
    assert!(splitter.close_batch().is_none());
    assert!(splitter.finish().is_none());
}

#[test]
fn whitespace_from_outside_counts_against_the_limit() {
    let number = PhoneNumber::parse("+14155550100").unwrap();
    let envelope = Envelope::new(number).with_text(Text::new("Hi").unwrap());
    for (max_bytes, pads) in (150..220).flat_map(|max| (0..30).map(move |pads| (max, pads))) {
        let limits = Limits::default().with_max_bytes(max_bytes);
        let mut splitter = Splitter::new(&envelope, limits).unwrap();
        assert!(matches!(
            splitter.push(&Message::new(number)).unwrap(),
            Push::Buffered
        ));
        let mut bytes = splitter.flush().unwrap().len() as u64;
        for _ in 0..pads {
            if splitter.room() > 0 {
                splitter.pad(1);
                bytes += 1;
            }
        }
        let closed = loop {
            match splitter.push(&Message::new(number)).unwrap() {
                Push::Buffered => {}
                Push::Chunk(chunk) => bytes += chunk.len() as u64,
                Push::Batch(closed) => break closed,
            }
        };
        bytes += (closed.rest.len() + closed.tail.len()) as u64;
        assert_eq!(closed.batch.bytes, bytes, "{max_bytes} {pads}");
        let entry = r#",{"to":["+14155550100"]}"#.len() as u64;
        let full = max_bytes - entry + 1..=max_bytes;
        assert!(full.contains(&bytes), "{bytes} of {max_bytes}, {pads}");
    }
}

#[test]
fn a_text_that_stands_in_the_head_stands_nowhere_else() {
    let number = PhoneNumber::parse("+14155550100").unwrap();
    let plain = || Text::new("Say \"hi\"").unwrap();
    let json = || Text::from_json(r#"Say \"hi\""#).unwrap();
    let escaped = || Text::from_json(r#"Say \u0022hi\u0022"#).unwrap();
    let envelope = Envelope::new(number);
    for envelope in [
        envelope.clone().with_text(plain()),
        envelope.clone().with_text(json()),
        envelope.clone().with_common_text(plain()),
        envelope.with_common_text(json()),
    ] {
        let mut batch = BatchEncoder::new(&envelope, Limits::default()).unwrap();
        for text in [plain(), json(), escaped()] {
            let message = Message::new(number).with_text(text);
            assert_eq!(batch.push(&message).unwrap(), Fit::Added);
        }
        let closed = batch.finish().unwrap();
        let body: Body = serde_json::from_slice(&[closed.rest, closed.tail].concat()).unwrap();
        assert_eq!(body.text.as_deref(), Some("Say \"hi\""));
        let own: Vec<_> = body.messages.into_iter().map(|entry| entry.text).collect();
        // Escaped in another way it may stay: that costs bytes, and nothing else.
        assert_eq!(own, [None, None, Some("Say \"hi\"".to_owned())]);
    }
}

#[test]
fn a_common_text_is_no_text_for_those_without() {
    let number = PhoneNumber::parse("+14155550100").unwrap();
    let envelope = Envelope::new(number).with_common_text(Text::new("Hi").unwrap());
    let mut batch = BatchEncoder::new(&envelope, Limits::default()).unwrap();
    let error = batch.push(&Message::new(number)).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::Record {
            fault: RecordError::NoText,
            ..
        }
    ));
    assert!(batch.finish().is_none());
}
