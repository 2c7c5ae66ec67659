//! Tokens and rate limits.

mod common;

use std::time::Duration;

use batchcast_sandbox::{RateLimit, Sandbox};
use common::{Api, BATCHES, GOOD, TOKENS, error_of};
use reqwest::Response;
use serde_json::Value;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

type Form<'a> = &'a [(&'a str, &'a str)];

async fn ask(api: &Api, id: &str, secret: &str, form: Form<'_>) -> Response {
    api.bare("POST", TOKENS)
        .basic_auth(id, Some(secret))
        .form(form)
        .send()
        .await
        .expect("an answer")
}

async fn token(api: &Api) -> String {
    let answer = ask(
        api,
        "id",
        "secret",
        &[("grant_type", GRANT), ("assertion", "a.b.c")],
    )
    .await;
    assert_eq!(answer.status(), 200);
    let grant: Value = answer.json().await.expect("JSON");
    grant["access_token"].as_str().expect("a token").to_owned()
}

async fn call(api: &Api, token: &str) -> Response {
    let request = api
        .bare("POST", BATCHES)
        .bearer_auth(token)
        .header("content-type", "application/json");
    request.body(GOOD).send().await.expect("an answer")
}

#[tokio::test]
async fn a_jwt_buys_a_token() {
    let api = Api::start().await;
    let answer = ask(
        &api,
        "id",
        "secret",
        &[("grant_type", GRANT), ("assertion", "a.b.c")],
    )
    .await;
    assert_eq!(answer.headers()["x-rate-limit-group"], "Auth");
    assert_eq!(answer.headers()["x-rate-limit-limit"], "5");
    assert_eq!(answer.headers()["x-rate-limit-remaining"], "4");
    let grant: Value = answer.json().await.expect("JSON");
    assert_eq!(
        (&grant["token_type"], &grant["expires_in"]),
        (&"bearer".into(), &3600.into())
    );
    assert!(grant["scope"].is_string() && grant["owner_id"].is_string());
    let token = grant["access_token"].as_str().expect("a token");
    assert_eq!(call(&api, token).await.status(), 201);
    assert_eq!(api.sandbox.stats().tokens, 1);
}

#[tokio::test]
async fn a_token_is_good_expired_or_unknown() {
    let api = Api::start().await;
    let unknown = call(&api, "somebody-elses").await;
    assert_eq!(
        unknown.headers()["www-authenticate"],
        "Bearer realm=\"RingCentral REST API\""
    );
    assert_eq!(
        error_of(unknown).await,
        (401, "OAU-129".to_owned(), String::new())
    );
    let none = api.bare("GET", BATCHES).send().await.expect("an answer");
    assert_eq!(error_of(none).await.1, "AGW-402");
    let basic = api
        .bare("GET", BATCHES)
        .basic_auth("id", Some("secret"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(error_of(basic).await.1, "AGW-402");

    let api = Api::with(Sandbox::builder().token_lifetime(Duration::ZERO)).await;
    let token = token(&api).await;
    assert_eq!(
        error_of(call(&api, &token).await).await,
        (401, "OAU-128".to_owned(), String::new())
    );
    assert_eq!(api.sandbox.stats().batches, 0);
    // The ready one never expires.
    assert_eq!(call(&api, common::TOKEN).await.status(), 201);

    let api = Api::with(Sandbox::builder().token_lifetime(Duration::MAX)).await;
    let token = self::token(&api).await;
    assert_eq!(call(&api, &token).await.status(), 201);
}

#[tokio::test]
async fn the_token_endpoint_tells_mistakes_apart() {
    let api = Api::with(Sandbox::builder().credentials("id", "secret", "a.b.c")).await;
    let good = [("grant_type", GRANT), ("assertion", "a.b.c")];
    let cases: [(&str, &str, Form<'_>, u16, &str); 8] = [
        ("id", "secret", &good, 200, ""),
        ("other", "secret", &good, 401, "invalid_client"),
        ("id", "other", &good, 401, "invalid_client"),
        (
            "id",
            "secret",
            &[("grant_type", GRANT), ("assertion", "x")],
            400,
            "invalid_grant",
        ),
        (
            "id",
            "secret",
            &[("grant_type", "password"), ("assertion", "a.b.c")],
            400,
            "unsupported_grant_type",
        ),
        (
            "id",
            "secret",
            &[("grant_type", GRANT)],
            400,
            "invalid_request",
        ),
        (
            "id",
            "secret",
            &[("assertion", "a.b.c")],
            400,
            "invalid_request",
        ),
        (
            "id",
            "secret",
            &[good[0], good[1], good[1]],
            400,
            "invalid_request",
        ),
    ];
    for (id, secret, form, status, error) in cases {
        let answer = ask(&api, id, secret, form).await;
        assert_eq!(answer.status(), status, "{error}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["error"].as_str().unwrap_or_default(), error);
        if status != 200 {
            assert!(body["errorCode"].is_string() && body["error_description"].is_string());
            let body = body.to_string();
            assert!(!body.contains("secret") && !body.contains("a.b.c"));
        }
    }
    let answer = api
        .bare("POST", TOKENS)
        .form(&good)
        .send()
        .await
        .expect("an answer");
    assert_eq!(error_of(answer).await.1, "OAU-123");
    let answer = api
        .bare("POST", TOKENS)
        .basic_auth("id", Some("secret"))
        .body("x")
        .send()
        .await
        .expect("an answer");
    assert_eq!(error_of(answer).await.0, 415);
    let long = "x".repeat(70_000);
    let answer = ask(&api, "id", "secret", &[("assertion", &long)]).await;
    assert_eq!(error_of(answer).await.0, 400);
}

#[tokio::test]
async fn without_set_credentials_any_do_but_none() {
    let api = Api::start().await;
    let good = [("grant_type", GRANT), ("assertion", "x")];
    assert_eq!(ask(&api, "any", "thing", &good).await.status(), 200);
    assert_eq!(ask(&api, "", "thing", &good).await.status(), 401);
    assert_eq!(ask(&api, "any", "", &good).await.status(), 401);
    assert_eq!(
        ask(
            &api,
            "any",
            "thing",
            &[("grant_type", GRANT), ("assertion", "")]
        )
        .await
        .status(),
        400
    );
}

#[tokio::test]
async fn an_enforced_limit_answers_429() {
    let limit = RateLimit::enforced(2, Duration::from_secs(90));
    let api = Api::with(Sandbox::builder().rate_limit(limit)).await;
    for remaining in ["1", "0"] {
        let answer = call(&api, common::TOKEN).await;
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers()["x-rate-limit-remaining"], remaining);
        assert_eq!(answer.headers()["x-rate-limit-window"], "90");
    }
    let answer = call(&api, common::TOKEN).await;
    assert_eq!(answer.headers()["retry-after"], "90");
    assert_eq!(answer.headers()["x-rate-limit-remaining"], "0");
    assert_eq!(
        error_of(answer).await,
        (429, "CMN-301".to_owned(), String::new())
    );
    assert_eq!(api.sandbox.stats().batches, 2);
    // The other group is counted apart.
    for _ in 0..5 {
        token(&api).await;
    }
    let answer = ask(&api, "id", "secret", &[]).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"60".parse().expect("a value"))
    );
}

#[tokio::test]
async fn an_announced_limit_refuses_nothing() {
    let limit = RateLimit::announced(2, Duration::from_secs(60));
    let api = Api::with(Sandbox::builder().rate_limit(limit)).await;
    for _ in 0..5 {
        let answer = call(&api, common::TOKEN).await;
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers()["x-rate-limit-remaining"], "1");
    }
    let api = Api::with(Sandbox::builder().rate_limit(None)).await;
    let answer = call(&api, common::TOKEN).await;
    assert!(
        answer
            .headers()
            .keys()
            .all(|name| !name.as_str().starts_with("x-rate-limit"))
    );
}
