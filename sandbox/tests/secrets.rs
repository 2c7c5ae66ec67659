//! What must never be seen in answers and debug outputs: secrets, texts and numbers.

mod common;

use batchcast_sandbox::Sandbox;
use common::{Api, GOOD};

#[tokio::test]
async fn an_error_repeats_neither_text_nor_number() {
    let api = Api::start().await;
    for body in [
        GOOD.replace(r#""Hello""#, r#"{"secret words":1}"#),
        GOOD.replace(r#""Hello""#, r#""secret words" "#)
            .replace("}]}", "}"),
        GOOD.replace("+16505550100", "16505550100"),
        GOOD.replace(r#"["+12125550100"]"#, r#""+12125550100""#),
        GOOD.replace("Bob", &"secret words".repeat(100)),
    ] {
        let answer = api.post(body).await;
        assert_eq!(answer.status(), 400);
        let answer = answer.text().await.expect("a body");
        assert!(
            !answer.contains("secret words") && !answer.contains("5550100"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn debug_outputs_hold_no_secret() {
    let builder = Sandbox::builder()
        .credentials("the-id", "the-secret", "the-jwt")
        .access_token("the-token");
    let builder = builder.reject("numbers:+14155550123".parse().expect("a rule"));
    let mut shown = format!("{builder:?}");
    let sandbox = builder.start().await.expect("it starts");
    shown += &format!("{sandbox:?}");
    for secret in ["the-id", "the-secret", "the-jwt", "the-token", "5550123"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
