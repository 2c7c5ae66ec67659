//! A run that is gone on with: what was sent is passed over, and the list has to be the same.

use std::io::Cursor;

use batchcast::encode::Limits;
use batchcast::journal::{Header, Journal, JournalError, Shape, Status};
use batchcast::send::{DoubtPolicy, Event, FailureKind, Sender};
use batchcast::{Envelope, PhoneNumber};

use crate::support::{Bodies, Ended, House, Options, client, envelope, lines, within};

async fn with_faults(messages: usize, per_batch: u64, faults: &str) -> House {
    let house = House::new(messages, per_batch).await;
    house.sandbox.set_faults(faults.parse().unwrap());
    house
}

async fn resume_with(house: &House, input: Vec<u8>) -> Ended {
    let sender = house.sender(Options::default()).await;
    within(sender.send_input(Cursor::new(input), lines())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_has_changed_is_refused() {
    let house = with_faults(12, 2, "batch 4: answer 403").await;
    house.run(Options::default()).await.unwrap_err();
    let creates = house.sandbox.stats().creates;
    let same = house.numbers();
    let lines_of = |numbers: &[String]| (numbers.join("\n") + "\n").into_bytes();
    let changed = {
        let mut numbers = same.clone();
        numbers[3] = "+14157779999".to_owned();
        lines_of(&numbers)
    };
    let moved = {
        let mut numbers = same.clone();
        numbers.swap(2, 3);
        lines_of(&numbers)
    };
    let cases = [
        ("changed", changed, "batch 2 "),
        ("another order", moved, "batch 2 "),
        (
            "one more before",
            [b"+14157779999\n".to_vec(), house.input()].concat(),
            "batch 1 ",
        ),
        ("shorter", lines_of(&same[..5]), "batch 3 "),
        ("empty", Vec::new(), "batch 1 "),
    ];
    for (what, input, batch) in cases {
        let stopped = resume_with(&house, input).await.unwrap_err();
        let shown = stopped.to_string();
        assert!(
            matches!(stopped.failure.kind(), FailureKind::Changed(_)),
            "{what}: {shown}"
        );
        assert!(
            shown.contains(batch) && shown.contains("list has changed"),
            "{what}: {shown}"
        );
        assert!(!stopped.is_passing());
        // The report is about the run, not only about what this process got to see.
        assert_eq!(
            stopped
                .report
                .accepted
                .iter()
                .map(|it| it.end() - it.start() + 1)
                .sum::<u64>(),
            6
        );
        assert_eq!(
            (stopped.report.messages, stopped.report.not_sent_from),
            (6, Some(7)),
            "{what}"
        );
    }
    assert_eq!(house.sandbox.stats().creates, creates, "nothing was sent");
    // What stands behind the last batch may be another: nobody has got it.
    let report = resume_with(&house, house.input()).await.unwrap();
    assert_eq!((report.replayed, report.batches), (3, 6));
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_has_become_longer_is_refused_before_anything_leaves() {
    // Each batch is full to the last byte, so one byte more makes two of it.
    let house = House::new(2, 1_000).await;
    let message =
        |number: &str, text: &str| format!("{{\"to\":\"{number}\",\"text\":\"{text}\"}}\n");
    let list = |text: &str| {
        let numbers = house.numbers();
        [message(&numbers[0], text), message(&numbers[1], text)].concat()
    };
    let head = r#"{"from":"+16505550100","messages":["#.len();
    let entry = r#"{"to":["+14157770000"],"text":"Hello"}"#.len();
    let max_bytes = (head + 2 * entry + 1 + "]}".len()) as u64;
    let limits = Limits::default().with_max_bytes(max_bytes);
    let envelope = || Envelope::new(PhoneNumber::parse("+16505550100").unwrap());
    let ndjson = || {
        batchcast::input::Parser::new(
            batchcast::input::Format::Ndjson,
            &batchcast::input::Fields::default(),
        )
    };
    let client = || {
        client(&house.sandbox.base_url(), Options::default())
            .build()
            .unwrap()
    };
    let sender = || Sender::new(client(), envelope()).limits(limits);

    let header = Header::new(Shape::new(&envelope(), limits), serde_json::Map::new());
    let journal = Journal::create(&house.journal(), &header).unwrap();
    let input = Cursor::new(list("Hello"));
    let report = sender()
        .journal(journal)
        .send_input(input, ndjson())
        .await
        .unwrap();
    assert_eq!(report.batches, 1);

    let (journal, state) = Journal::open(&house.journal()).unwrap();
    let input = Cursor::new(list("Hello!"));
    let sender = sender().resume(journal, state).on_event(|event| {
        assert!(!matches!(event, Event::Opened { .. }));
        Ok(())
    });
    let stopped = sender.send_input(input, ndjson()).await.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Changed(_)),
        "{stopped}"
    );
    assert_eq!(house.sandbox.stats().creates, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_text_or_limit_is_refused() {
    let house = with_faults(6, 2, "batch 2: answer 403").await;
    house.run(Options::default()).await.unwrap_err();
    let other_text = envelope().with_text(batchcast::Text::new("Hello").unwrap());
    for (envelope, limits) in [
        (other_text, house.limits()),
        (envelope(), Limits::default()),
    ] {
        let (journal, state) = Journal::open(&house.journal()).unwrap();
        let client = client(&house.sandbox.base_url(), Options::default())
            .build()
            .unwrap();
        let sender = Sender::new(client, envelope)
            .limits(limits)
            .resume(journal, state);
        let ended = sender.send_input(Cursor::new(house.input()), lines()).await;
        let stopped = ended.unwrap_err();
        assert!(
            matches!(stopped.failure.kind(), FailureKind::Changed(_)),
            "{stopped}"
        );
        // It is about the whole run, of which an earlier process has sent a batch.
        assert_eq!(stopped.report.accepted, [1..=2]);
        assert_eq!(stopped.report.not_sent_from, Some(3));
    }
    house.run(Options::default()).await.unwrap();
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_made_for_something_else_is_refused_before_anything_leaves() {
    let house = House::new(4, 2).await;
    let shape = |limits| Shape::new(&envelope(), limits);
    let create = |name: &str, shape| {
        let header = Header::new(shape, serde_json::Map::new());
        Journal::create(&house.dir().join(name), &header).unwrap()
    };
    let other_text = envelope().with_text(batchcast::Text::new("Hello").unwrap());
    let sender = || house.plain(Options::default());
    drop(create("one", shape(house.limits())));
    let (_, state) = Journal::open(&house.dir().join("one")).unwrap();
    for sender in [
        sender().journal(create("limits", shape(Limits::default()))),
        sender().journal(create("text", Shape::new(&other_text, house.limits()))),
        // What is known of one run does not make another one go on.
        sender().resume(create("run", shape(house.limits())), state),
    ] {
        let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
        let stopped = ended.unwrap_err();
        assert!(
            matches!(stopped.failure.kind(), FailureKind::Changed(_)),
            "{stopped}"
        );
    }
    assert_eq!(house.sandbox.stats().creates, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_another_process_has_is_not_opened() {
    let house = House::new(2, 2).await;
    let _running = house.sender(Options::default()).await;
    let error = Journal::open(&house.journal()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_between_batches_are_filled() {
    // Several on their way: some are accepted though one before them is not.
    let house = with_faults(
        40,
        2,
        "batch 3: answer 403; batch 6: answer 403; batch 9: answer 403",
    )
    .await;
    let options = Options {
        in_flight: 4,
        ..Options::default()
    };
    let mut processes = 0;
    while let Err(stopped) = house.run(options).await {
        assert!(stopped.to_string().contains("403"), "{stopped}");
        processes += 1;
        assert!(processes < 10);
    }
    assert!(processes >= 1);
    house.assert_exactly_once();
    // A finished run that is resumed sends nothing.
    let creates = house.sandbox.stats().creates;
    let report = house.run(options).await.unwrap();
    assert_eq!(report.replayed, report.batches);
    assert_eq!(house.sandbox.stats().creates, creates);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_split_goes_on_in_its_parts() {
    let ways = [
        (1, Bodies::Spooled),
        (3, Bodies::Spooled),
        (1, Bodies::Reread),
        (1, Bodies::Gone),
    ];
    for (in_flight, bodies) in ways {
        let is_kept = bodies != Bodies::Gone;
        let house = House::with(1_500, 1_000_000, |sandbox| sandbox.max_body_bytes(20_000)).await;
        // The second part is not accepted by this process.
        let faults = if is_kept {
            "batch 3: answer 403"
        } else {
            "batch 99: answer 403"
        };
        house.sandbox.set_faults(faults.parse().unwrap());
        let options = Options {
            in_flight,
            bodies,
            ..Options::default()
        };
        let mut processes = 1;
        while let Err(stopped) = house.run(options).await {
            assert!(
                stopped
                    .to_string()
                    .contains(if is_kept { "403" } else { "413" }),
                "{stopped}"
            );
            processes += 1;
            assert!(processes < 20);
        }
        assert!(processes > 1);
        house.assert_exactly_once();
        let state = Journal::read(&house.journal()).unwrap();
        assert!(
            state.max_bytes.is_some_and(|limit| limit <= 25_000),
            "{:?}",
            state.max_bytes
        );
        let settled = state.batches.iter().filter(|batch| batch.status.is_held());
        assert!(
            settled
                .clone()
                .all(|batch| matches!(batch.status, Status::Accepted { .. }))
        );
        // The learned limit is kept to: further batches are not split one by one.
        assert!(
            house.sandbox.stats().creates < 16,
            "{}",
            house.sandbox.stats().creates
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learned_limit_holds_for_all_that_follow() {
    let limit = 20_000;
    let house = House::with(45_000, 1_000_000, |sandbox| sandbox.max_body_bytes(limit)).await;
    let client = client(&house.sandbox.base_url(), Options::default())
        .build()
        .unwrap();
    // Batches of which the server would refuse every one.
    let sender = Sender::new(client, envelope()).limits(Limits::default().with_max_bytes(30_000));
    let report = sender
        .send_input(Cursor::new(house.input()), lines())
        .await
        .unwrap();
    house.assert_exactly_once();
    let refused = house.sandbox.stats().creates - report.batches;
    assert!(
        // Without the lesson it would be each of some forty. A few batches are encoded ahead of it, and a refusal
        // that is lost with its connection is a further try.
        refused <= 16,
        "{refused} of {} were too large",
        house.sandbox.stats().creates
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_last_bytes_never_left_is_withdrawn() {
    // The answer is there before the last bytes leave, which the handler holds back until then; it is a race by
    // nature, so it is only looked at which words are in the journal when it was won.
    for _ in 0..5 {
        let house = with_faults(2, 2, "batch: answer 503 early=75").await;
        house
            .run_until_done(Options {
                policy: DoubtPolicy::Resend,
                ..Options::default()
            })
            .await;
        house.assert_exactly_once();
        let text = std::fs::read_to_string(house.journal()).unwrap();
        assert!(!text.contains("\"status\":0"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_signal_in_a_resumed_run_leaves_a_true_report() {
    let house = with_faults(20, 2, "batch 8: answer 403").await;
    house.run(Options::default()).await.unwrap_err();
    let sender = house
        .sender(Options::default())
        .await
        .stop_when(std::future::ready(()));
    let ended = sender.send_input(Cursor::new(house.input()), lines()).await;
    house.check(&ended);
    assert_eq!(ended.unwrap_err().report.messages, 14);
    house.run(Options::default()).await.unwrap();
    house.assert_exactly_once();
}
