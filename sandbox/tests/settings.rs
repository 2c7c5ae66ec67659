//! What can be set: the clock, the spelling of times, the limits, what `batchSize` counts; opt-outs; what was accepted.

mod common;

use std::time::Duration;

use batchcast_sandbox::fault::{Fault, FaultRule};
use batchcast_sandbox::{BatchSize, OptOut, RateLimit, RetryAfter, Sandbox};
use common::{Api, BATCHES, GOOD, OPT_OUTS, error_of};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::Response;
use serde_json::{Value, json};

/// A time of HTTP.
fn http_date(answer: &Response, header: &str) -> Timestamp {
    let date = answer.headers()[header].to_str().expect("ASCII");
    let date = rfc2822::parse(date).expect("a date");
    assert!(
        answer.headers()[header]
            .to_str()
            .expect("ASCII")
            .ends_with(" GMT")
    );
    date.timestamp()
}

async fn get(api: &Api, path: &str) -> Response {
    api.request("GET", path).send().await.expect("an answer")
}

#[tokio::test]
async fn the_clock_may_be_wrong_and_agrees_with_itself() {
    for skew in [-3600, 0, 3600] {
        let api = Api::with(Sandbox::builder().clock_skew(skew)).await;
        let before = Timestamp::now() + SignedDuration::from_secs(skew);
        let batch = api.create(GOOD).await;
        let list = get(&api, BATCHES).await;
        let date = http_date(&list, "date");
        let after = Timestamp::now() + SignedDuration::from_secs(skew);
        let created: Timestamp = batch["creationTime"]
            .as_str()
            .expect("a time")
            .parse()
            .expect("RFC 3339");
        assert!((before..=after).contains(&created), "{skew}");
        // Seconds are cut off.
        assert!(
            (before - SignedDuration::from_secs(1)..=after).contains(&date),
            "{skew}"
        );
        // The default period ends now, by that clock.
        let list: Value = list.json().await.expect("JSON");
        assert_eq!(list["records"].as_array().map(Vec::len), Some(1));
        let by_our_clock = format!(
            "{BATCHES}?dateFrom={}",
            before - SignedDuration::from_secs(skew)
        );
        let found = api.get(&by_our_clock).await["records"] != json!([]);
        assert_eq!(found, skew >= 0, "{skew}");
    }
}

#[tokio::test]
async fn times_are_written_with_the_offset_that_is_set() {
    for (offset, digits, length) in [("Z", 0, 20), ("+05:30", 6, 32), ("-08:00", 0, 25)] {
        let builder = Sandbox::builder().utc_offset(offset.parse().expect("an offset"));
        let api = Api::with(builder.fraction_digits(digits)).await;
        let before = Timestamp::now() - SignedDuration::from_secs(1);
        let batch = api.create(GOOD).await;
        let list = api.get(BATCHES).await;
        for time in [
            &batch["creationTime"],
            &batch["lastModifiedTime"],
            &list["records"][0]["creationTime"],
        ] {
            let time = time.as_str().expect("a time");
            assert!(time.ends_with(offset) && time.len() == length, "{time}");
            let time: Timestamp = time.parse().expect("RFC 3339");
            assert!((before..=Timestamp::now()).contains(&time));
        }
    }
}

#[tokio::test]
async fn the_batch_size_may_count_the_rejected() {
    for (what, size) in [(BatchSize::Accepted, 1), (BatchSize::Sent, 2)] {
        let rule = "suffix:5550100".parse().expect("a rule");
        let api = Api::with(Sandbox::builder().batch_size(what).reject(rule)).await;
        let batch = api
            .create(GOOD.replace("+14155550100", "+14155550101"))
            .await;
        assert_eq!(
            (
                &batch["batchSize"],
                batch["rejected"].as_array().map(Vec::len)
            ),
            (&size.into(), Some(1))
        );
        let listed = &api.get(BATCHES).await["records"][0];
        assert_eq!(
            (&listed["batchSize"], &listed["rejected"]),
            (&size.into(), &json!([]))
        );
        assert_eq!(api.sandbox.stats().messages, 1);
    }
}

#[tokio::test]
async fn what_was_accepted_can_be_looked_at() {
    let api = Api::with(Sandbox::builder().reject("every:3".parse().expect("a rule"))).await;
    let third = r#",{"to":["+12125550101"]}]}"#;
    let body = GOOD.strip_suffix("]}").expect("the end of it").to_owned() + third;
    let mut ids = Vec::new();
    for hidden in [true, false] {
        if hidden {
            api.sandbox
                .push_fault("hide 9 lists".parse::<Fault>().expect("a fault"));
        }
        let batch = api.create(body.clone()).await;
        ids.push(batch["id"].as_str().expect("an id").to_owned());
    }
    let accepted = api.sandbox.accepted();
    let found: Vec<&str> = accepted.iter().map(|batch| batch.id.as_str()).collect();
    assert_eq!(found, ids);
    for batch in &accepted {
        assert_eq!(
            (batch.from.as_str(), batch.accepted, batch.rejected),
            ("+16505550100", 2, 1)
        );
        let recipients: Vec<&str> = batch.recipients().collect();
        assert_eq!(recipients, ["+14155550100", "+12125550100"]);
        let texts: Vec<_> = batch
            .messages
            .iter()
            .map(|message| message.text.as_deref())
            .collect();
        assert_eq!(texts, [Some("Hello"), Some("Bob")]);
    }
    let shown = format!("{accepted:?} {:?}", accepted[0].messages);
    assert!(
        !shown.contains("5550100") && !shown.contains("Bob"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_penalty_is_announced_and_its_violations_are_counted() {
    let minute = Duration::from_secs(60);
    for (form, absent) in [
        (RetryAfter::Seconds, false),
        (RetryAfter::Date, false),
        (RetryAfter::Absent, true),
    ] {
        let limit = RateLimit::enforced(1, minute)
            .penalty(Duration::from_secs(90))
            .retry_after(form);
        let api = Api::with(Sandbox::builder().rate_limit(limit).clock_skew(7200)).await;
        assert_eq!(
            get(&api, BATCHES).await.headers()["x-rate-limit-remaining"],
            "0"
        );
        for violations in [0, 1, 2] {
            let before = Timestamp::now();
            let answer = get(&api, BATCHES).await;
            assert_eq!(answer.headers().contains_key("retry-after"), !absent);
            match form {
                RetryAfter::Seconds => assert_eq!(answer.headers()["retry-after"], "90"),
                RetryAfter::Date => {
                    let date = http_date(&answer, "retry-after");
                    let from = before + SignedDuration::from_secs(7290);
                    assert!((from..=from + SignedDuration::from_mins(1)).contains(&date));
                }
                RetryAfter::Absent => {}
            }
            assert_eq!(answer.headers()["x-rate-limit-remaining"], "0");
            assert_eq!(error_of(answer).await.0, 429);
            assert_eq!(api.sandbox.stats().violations, violations);
        }
    }
}

#[tokio::test]
async fn a_429_of_a_fault_begins_a_penalty_too() {
    let limits = [
        (RateLimit::enforced(50, Duration::from_secs(60)), 429),
        (RateLimit::default(), 201),
    ];
    // Also one that does not say how long.
    let faults = ["answer 429 retry-after=30", "answer 429"];
    let cases = limits
        .into_iter()
        .flat_map(|case| faults.map(|fault| (case, fault)));
    for ((limit, status), fault) in cases {
        let api = Api::with(Sandbox::builder().rate_limit(limit)).await;
        api.sandbox
            .push_fault(fault.parse::<Fault>().expect("a fault"));
        let answer = api.post(GOOD).await;
        let said = answer.headers().get("retry-after");
        let said = said.map(|value| value.to_str().expect("a value"));
        let to_be_said = fault.split_once("retry-after=").map(|(_, seconds)| seconds);
        assert_eq!((answer.status().as_u16(), said), (429, to_be_said));
        assert_eq!(api.sandbox.stats().violations, 0);
        assert_eq!(api.post(GOOD).await.status(), status);
        assert_eq!(api.sandbox.stats().violations, 1);
        // Other groups, and other answers, are none of it.
        let rule: FaultRule = "token: answer 503 retry-after=30".parse().expect("a rule");
        api.sandbox.push_fault(rule);
        for status in [503, 415] {
            let answer = api
                .bare("POST", common::TOKENS)
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status(), status);
        }
        assert_eq!(api.sandbox.stats().violations, 1);
    }
}

#[tokio::test]
async fn the_token_endpoint_has_a_limit_of_its_own() {
    let limit = RateLimit::enforced(1, Duration::from_secs(60)).penalty(Duration::ZERO);
    let api = Api::with(Sandbox::builder().auth_rate_limit(limit)).await;
    for (status, remaining) in [(415, "0"), (429, "1"), (415, "0")] {
        let answer = api
            .bare("POST", common::TOKENS)
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.headers()["x-rate-limit-remaining"]
                    .to_str()
                    .expect("ASCII")
            ),
            (status, remaining)
        );
    }
    assert_eq!(api.get(BATCHES).await["records"], json!([]));
}

const OUT: [&str; 3] = [
    "+16505550100,+14155550100",
    "+16505550100,+14155550101,OptIn,Agent",
    "+16505550101,+14155550102,OptOut,Account",
];

fn opt_outs() -> impl Iterator<Item = OptOut> {
    OUT.iter().map(|text| text.parse().expect(text))
}

#[tokio::test]
async fn opt_outs_are_listed_in_pages_and_filtered() {
    let api = Api::with(Sandbox::builder().opt_outs(opt_outs())).await;
    let all = api.get(OPT_OUTS).await;
    assert_eq!(
        all["records"][0],
        json!({"from": "+16505550100", "to": "+14155550100", "status": "OptOut", "source": "Recipient"})
    );
    assert_eq!(all["records"][2]["source"], "Account");
    for (query, found) in [
        ("", 3),
        ("from=%2B16505550100", 2),
        ("to=%2B14155550102", 1),
        ("status=OptIn", 1),
        ("status=OptOut&from=%2B16505550101", 1),
        ("from=%2B16505550109", 0),
    ] {
        let list = api.get(&format!("{OPT_OUTS}?{query}")).await;
        assert_eq!(
            list["records"].as_array().map(Vec::len),
            Some(found),
            "{query}"
        );
    }
    let mut path = format!("{OPT_OUTS}?perPage=2");
    let mut seen = Vec::new();
    loop {
        let page = api.get(&path).await;
        seen.extend(
            page["records"]
                .as_array()
                .expect("records")
                .iter()
                .map(|record| record["to"].clone()),
        );
        let Some(next) = page["paging"]["nextPageToken"].as_str() else {
            break;
        };
        path = format!("{OPT_OUTS}?perPage=2&pageToken={next}");
    }
    assert_eq!(seen, ["+14155550100", "+14155550101", "+14155550102"]);
    let answer = get(&api, &format!("{OPT_OUTS}?status=Out")).await;
    assert_eq!(
        error_of(answer).await,
        (400, "CMN-101".to_owned(), "status".to_owned())
    );
    api.sandbox.set_opt_outs(opt_outs().take(1));
    assert_eq!(
        api.get(OPT_OUTS).await["records"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn opt_outs_come_as_csv_too() {
    let api = Api::with(Sandbox::builder().opt_outs(opt_outs())).await;
    for (query, lines) in [("", 4), ("?status=OptOut", 3), ("?perPage=1", 2)] {
        let request = api.request("GET", &format!("{OPT_OUTS}{query}"));
        let answer = request
            .header("accept", "text/csv")
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/csv;charset=utf-8");
        let csv = answer.text().await.expect("a text");
        assert!(csv.starts_with(
            "from,to,status,source\r\n+16505550100,+14155550100,OptOut,Recipient\r\n"
        ));
        assert_eq!(csv.matches("\r\n").count(), lines);
    }
}
