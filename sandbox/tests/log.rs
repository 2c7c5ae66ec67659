//! What must never be seen in logs. One test in a process of its own: it takes the global subscriber, since a scoped
//! one can miss events that another thread sees first.

mod common;

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use common::{Api, BATCHES, GOOD, MESSAGES, TOKENS};
use tracing::field::{Field, Visit};
use tracing::span;

/// Keeps every field of every event of this process's own crates.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("batchcast_sandbox")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Line(&mut self.0.lock().expect("no panic")));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line<'l>(&'l mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0, "{field}={value:?}").expect("a string");
    }
}

#[tokio::test]
async fn the_log_names_requests_and_nothing_else() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).expect("the only one");
    let api = Api::start().await;
    api.create(GOOD).await;
    api.post(GOOD.replace("+16505550100", "16505550100")).await;
    api.post(GOOD.replace("Bob", "")).await;
    api.get(&format!("{MESSAGES}?phoneNumber=%2B14155550100"))
        .await;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", "the-jwt"),
    ];
    for path in [TOKENS, BATCHES, "/restapi/+14155550100"] {
        let request = api
            .bare("POST", path)
            .basic_auth("the-id", Some("the-secret"))
            .form(&form);
        request.send().await.expect("an answer");
    }
    let log = log.0.lock().expect("no panic");
    assert_eq!(log.matches("message=answered").count(), 7, "{log}");
    assert!(
        log.contains("status=201") && log.contains("CMN-101"),
        "{log}"
    );
    for secret in [
        "Hello",
        "Bob",
        "5550100",
        "the-jwt",
        "the-id",
        "the-secret",
        common::TOKEN,
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
