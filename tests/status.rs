//! Reading back, from the sandbox.
#![cfg(feature = "send")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use batchcast::input::{Fields, Format, Parser};
use batchcast::send::{Client, Credentials, FailureKind, Retry, Sender, WaitingFor};
use batchcast::status::{BatchPhase, DeliveryStatus, Readback, View};
use batchcast::{Envelope, PhoneNumber, Text};
use batchcast_sandbox::{Sandbox, SandboxBuilder};
use futures::TryStreamExt as _;

const TEXT: &str = "Hello Team";

/// A sandbox with a batch of so many messages in it, its client, and the batch's id.
async fn sent(builder: SandboxBuilder, messages: u64) -> (Sandbox, Client, String) {
    let sandbox = builder.start().await.unwrap();
    let credentials = Credentials::jwt("id", "secret", "jwt");
    let client = Client::builder(&sandbox.base_url(), credentials);
    let client = client.build().unwrap();
    let from = PhoneNumber::parse("+16505550100").unwrap();
    let envelope = Envelope::new(from).with_text(Text::new(TEXT).unwrap());
    let list: String = (0..messages)
        .map(|n| format!("+1212{:07}\n", 2_000_000 + n))
        .collect();
    let parser = Parser::new(Format::Lines, &Fields::default());
    let list = std::io::Cursor::new(list);
    Sender::new(client.clone(), envelope)
        .send_input(list, parser)
        .await
        .unwrap();
    let id = sandbox.accepted()[0].id.clone();
    (sandbox, client, id)
}

#[tokio::test]
async fn all_messages_are_listed_whatever_the_size_of_a_page() {
    let builder = Sandbox::builder()
        .rate_limit(None)
        .deliver("SMS-CAR-411=every:5".parse().unwrap())
        .segment_cost(0.5)
        .looks(2);
    let (sandbox, client, id) = sent(builder, 25).await;
    let readback = Readback::new(&client).page_size(10);
    let batch = readback.batch(&id).await.unwrap().unwrap();
    assert_eq!(
        (&batch.status, batch.processed_count),
        (&BatchPhase::Processing, Some(12))
    );
    let batch = readback.batch(&id).await.unwrap().unwrap();
    assert_eq!(
        (&batch.status, batch.cost),
        (&BatchPhase::Completed, Some(12.5))
    );
    let counts = readback.statuses(&batch).await.unwrap();
    assert_eq!((counts.delivered.count, counts.failed()), (20, 5));

    // The token is good no longer: another is asked for in the middle of the list.
    sandbox.expire_tokens();
    let mut pages = readback.messages(&batch, View::Detailed);
    let (mut sizes, mut seen) = (Vec::new(), HashSet::new());
    while let Some(page) = pages.next_page().await.unwrap() {
        sizes.push(page.len());
        for message in page {
            assert_eq!(message.text.as_deref(), Some(TEXT));
            assert_eq!(message.batch_id.as_ref(), Some(&id));
            seen.insert(message.to.unwrap());
        }
    }
    assert_eq!((sizes, seen.len()), (vec![10, 10, 5], 25));
    assert!(pages.next_page().await.unwrap().is_none());

    let stream = readback.messages(&batch, View::Simple).into_stream();
    let messages: Vec<_> = stream.try_collect().await.unwrap();
    let failed = messages
        .iter()
        .filter(|message| message.status == DeliveryStatus::DeliveryFailed);
    assert_eq!(failed.count(), 5);
    assert!(messages.iter().all(|message| message.text.is_none()));
}

#[tokio::test]
async fn the_rate_limit_is_kept_and_what_passes_is_asked_again() {
    let (sandbox, client, id) = sent(Sandbox::builder().rate_limit(None), 2).await;
    let waits = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&waits);
    let pause = Duration::from_millis(1);
    let readback = Readback::new(&client)
        .retry(Retry::default().pauses(pause, pause))
        .on_wait(move |what, _| {
            let counts = u64::from(what == WaitingFor::RateLimit);
            told.fetch_add(counts, Ordering::Relaxed);
        });
    let batch = readback.batch(&id).await.unwrap().unwrap();
    sandbox.set_faults(
        "messages: answer 429 retry-after=0; messages: answer 503; messages: reset answer"
            .parse()
            .unwrap(),
    );
    let page = readback
        .messages(&batch, View::Simple)
        .next_page()
        .await
        .unwrap();
    assert_eq!(page.unwrap().len(), 2);
    assert_eq!(waits.load(Ordering::Relaxed), 1);

    // What does not pass is told, and a batch that is not there is no failure.
    sandbox.set_faults("messages always: answer 403".parse().unwrap());
    let mut pages = readback.messages(&batch, View::Simple);
    let failure = pages.next_page().await.unwrap_err();
    assert!(matches!(failure.kind(), FailureKind::Answer(answer) if answer.status == 403));
    assert!(!failure.is_passing());
    for unknown in ["00000000-0000-4000-8000-000000000000", "../messages", ""] {
        assert_eq!(readback.batch(unknown).await.unwrap(), None);
    }
}

#[tokio::test]
async fn lists_are_asked_for_from_the_batch_on() {
    // The API's lists begin a day ago, unless they are told otherwise.
    let (sandbox, client, id) = sent(Sandbox::builder().rate_limit(None), 3).await;
    let readback = Readback::new(&client);
    let mut batch = readback.batch(&id).await.unwrap().unwrap();
    sandbox.age(Duration::from_secs(3 * 24 * 3_600));
    // Also of a batch of which only the id is known.
    for (created, found) in [
        (Some("2020-01-01T00:00:00Z"), 3),
        (Some("2099-01-01T00:00:00Z"), 0),
        (Some("some day"), 3),
        (None, 3),
    ] {
        batch.creation_time = created.map(str::to_owned);
        let counts = readback.statuses(&batch).await.unwrap();
        assert_eq!(counts.delivered.count, found);
        let page = readback
            .messages(&batch, View::Simple)
            .next_page()
            .await
            .unwrap();
        assert_eq!(page.unwrap().len() as u64, found);
    }
}
