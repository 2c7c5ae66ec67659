//! Each fault, as a client sees it on the wire, and what of its request the sandbox has accepted.

mod common;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use batchcast_sandbox::fault::{Effect, Ending, Fault, FaultPlan, FaultRule, Offset, Reply, Then};
use batchcast_sandbox::{Sandbox, Stats};
use common::{
    Api, BATCHES, GOOD, MESSAGES, STATUSES, TOKENS, connect, error_of, head, numbered, send,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    answer: String,
    end: Ending,
}

impl Seen {
    fn status(&self) -> &str {
        let status = self.answer.strip_prefix("HTTP/1.1 ");
        status.and_then(|rest| rest.get(..3)).unwrap_or("none")
    }

    fn body(&self) -> &str {
        self.answer.split_once("\r\n\r\n").expect("a whole head").1
    }
}

/// Reads until the connection ends.
async fn see(stream: &mut TcpStream) -> Seen {
    let mut answer = Vec::new();
    let end = match stream.read_to_end(&mut answer).await {
        Ok(_) => Ending::Close,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ending::Reset,
        Err(error) => panic!("{error}"),
    };
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Seen { answer, end }
}

/// The whole of a good request, as one would be that keeps the connection.
fn request(body: &str) -> String {
    head(&format!("Content-Length: {}\r\n", body.len())) + body
}

/// The same in chunks.
fn chunked(body: &str) -> String {
    let (first, second) = body.split_at(body.len() / 2);
    let mut request = head("Transfer-Encoding: chunked\r\n");
    for chunk in [first, second] {
        request += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
    }
    request + "0\r\n\r\n"
}

/// Sends all of `bytes` to a sandbox that does not close of itself, and sees what comes of it.
async fn exchange(api: &Api, bytes: impl AsRef<[u8]>) -> Seen {
    let mut stream = connect(api.address()).await;
    // Where it is reset before all is written.
    let _ = stream.write_all(bytes.as_ref()).await;
    see(&mut stream).await
}

fn fault(text: &str) -> FaultRule {
    text.parse().expect(text)
}

fn counted(stats: Stats) -> (u64, u64) {
    (stats.batches, stats.faults)
}

const ENDINGS: [Ending; 2] = [Ending::Reset, Ending::Close];

#[tokio::test]
async fn a_request_is_cut_off_at_every_byte_and_never_accepted() {
    let api = Api::with(Sandbox::builder().rate_limit(None)).await;
    let mut cuts = 0;
    for request in [request(GOOD), chunked(GOOD)] {
        for ending in ENDINGS {
            for after in 0..=request.len() as u64 {
                let after = Offset::Wire(after);
                api.sandbox.push_fault(Effect::CutRequest { after, ending });
                let seen = exchange(&api, &request).await;
                let answer = String::new();
                assert_eq!(
                    seen,
                    Seen {
                        answer,
                        end: ending
                    },
                    "{after:?}"
                );
                cuts += 1;
            }
        }
    }
    assert_eq!(counted(api.sandbox.stats()), (0, cuts));
    api.create(GOOD).await;
}

#[tokio::test]
async fn no_more_of_a_request_is_waited_for_than_the_cut_says() {
    let api = Api::with(Sandbox::builder().rate_limit(None)).await;
    let request = chunked(GOOD);
    let head = request.find("\r\n\r\n").expect("a head") + 4;
    let line = request.find('\n').expect("a line") + 1;
    for (after, sent) in [
        (Offset::Wire(0), line),
        (Offset::Wire(150), 150),
        (Offset::Body(0), head),
        (Offset::Body(7), head + 7),
    ] {
        let ending = Ending::Reset;
        api.sandbox.push_fault(Effect::CutRequest { after, ending });
        let mut stream = connect(api.address()).await;
        send(&mut stream, &request[..sent - 1]).await;
        // It is not cut yet: it is still there when another has been served.
        api.listed().await;
        assert_eq!(
            stream.try_read(&mut [0]).expect_err("open").kind(),
            ErrorKind::WouldBlock
        );
        send(&mut stream, &request[sent - 1..sent]).await;
        assert_eq!(see(&mut stream).await.end, Ending::Reset, "{after:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_shorter_than_the_cut_is_served() {
    let api = Api::with(Sandbox::builder().fault(fault("any always: reset after 100000"))).await;
    for _ in 0..3 {
        api.create(GOOD).await;
    }
    assert_eq!(counted(api.sandbox.stats()), (3, 0));
}

#[tokio::test]
async fn an_answer_is_cut_off_at_every_byte_and_its_batch_accepted() {
    let api = Api::with(Sandbox::builder().rate_limit(None)).await;
    for ending in ENDINGS {
        let mut lengths = Vec::new();
        for after in 0.. {
            let felt = api.sandbox.stats().faults;
            api.sandbox.push_fault(Effect::CutAnswer { after, ending });
            let mut stream = connect(api.address()).await;
            // hyper closes behind an answer that is not cut off.
            let request = request(GOOD).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
            send(&mut stream, request).await;
            let seen = see(&mut stream).await;
            if api.sandbox.stats().faults == felt {
                assert_eq!((seen.status(), seen.end), ("201", Ending::Close));
                assert!(seen.body().ends_with('}'));
                break;
            }
            assert_eq!(seen.end, ending, "{after}");
            lengths.push(seen.answer.len() as u64);
        }
        let whole = lengths.len() as u64;
        assert!(whole > 400, "{whole}");
        assert_eq!(lengths, (0..whole).collect::<Vec<_>>());
        let stats = api.sandbox.stats();
        assert_eq!(stats.batches, stats.creates);
        assert_eq!(stats.messages, 2 * stats.batches);
    }
}

#[tokio::test]
async fn an_answer_can_fail_in_other_ways_once_the_batch_is_accepted() {
    let api = Api::start().await;
    for (text, status, part) in [
        ("answer garbage accepted", "none", "this is no HTTP"),
        (
            "answer 201 accepted body=text then=close",
            "201",
            "Accepted",
        ),
        (
            "answer 201 accepted body=broken then=close",
            "201",
            r#"{"from":"+16505550100","batchSize":1,"pr"#,
        ),
        (
            "answer 201 accepted body=no-id then=close",
            "201",
            r#""batchSize":1"#,
        ),
        ("answer 201 accepted body=empty then=close", "201", ""),
        ("answer 200 accepted then=close", "200", "{}"),
        (
            "answer 502 accepted body=html then=close",
            "502",
            "<center>nginx</center>",
        ),
        (
            "answer 500 accepted then=close",
            "500",
            r#""errorCode":"CMN-203""#,
        ),
        (
            "answer 504 accepted body=html then=close, delay 1ms",
            "504",
            "504 Gateway Timeout",
        ),
    ] {
        api.sandbox.push_fault(text.parse::<Fault>().expect(text));
        let seen = exchange(&api, request(GOOD)).await;
        assert_eq!((seen.status(), seen.end), (status, Ending::Close), "{text}");
        assert!(seen.answer.contains(part), "{}", seen.answer);
    }
    assert_eq!(counted(api.sandbox.stats()), (9, 10));
    // A batch that is wrong is not accepted, whatever the fault says.
    api.sandbox.push_fault(Reply::status(502).accepted());
    assert_eq!(api.post(GOOD.replace("+1650", "1650")).await.status(), 400);
    assert_eq!(counted(api.sandbox.stats()), (9, 10));
}

#[tokio::test]
async fn late_answers_are_what_is_asked_for_and_nothing_is_accepted() {
    let api = Api::start().await;
    for (text, status, parts) in [
        ("answer 401", 401, &["OAU-128"][..]),
        ("answer 401 code=OAU-149", 401, &["OAU-149"]),
        ("answer 403", 403, &["CMN-401"]),
        ("answer 411", 411, &["411 Length Required", "nginx"]),
        ("answer 413", 413, &["413 Request Entity Too Large"]),
        ("answer 429 retry-after=5", 429, &["CMN-301"]),
        ("answer 500", 500, &["CMN-203"]),
        ("answer 503 body=html", 503, &["503 Service Unavailable"]),
        ("answer 307 location=http://127.0.0.1:1/", 307, &[]),
        ("answer 201", 201, &["{}"]),
        ("answer 200 header=X-Name:value", 200, &["{}"]),
    ] {
        api.sandbox.push_fault(text.parse::<Fault>().expect(text));
        // The connection is kept, and used again by the next.
        let answer = api.post(GOOD).await;
        assert_eq!(answer.status(), status, "{text}");
        let headers = answer.headers();
        assert!(headers.contains_key("rcrequestid") && !headers.contains_key("connection"));
        let expected = match status {
            307 => ("location", "http://127.0.0.1:1/"),
            429 => ("retry-after", "5"),
            200 => ("x-name", "value"),
            _ => ("x-rate-limit-group", "Light"),
        };
        assert_eq!(headers[expected.0], expected.1, "{text}");
        let body = answer.text().await.expect("a whole body");
        assert!(parts.iter().all(|part| body.contains(part)), "{body}");
        assert!(status != 307 || body.is_empty());
    }
    let stats = api.sandbox.stats();
    assert_eq!((stats.batches, stats.connections), (0, 1));
    assert_eq!(stats.body_bytes, 0);
}

#[tokio::test]
async fn an_early_answer_comes_before_the_rest_of_the_body() {
    let api = Api::start().await;
    let body = numbered(100);
    for (then, early) in [
        (None, 0),
        (Some(Then::Close), 100),
        (Some(Then::Reset), 100),
        (Some(Then::Keep), 100),
    ] {
        for status in [401, 403, 411, 413, 429, 500, 503, 201] {
            let mut reply = Reply::status(status).early(early);
            if let Some(then) = then {
                reply = reply.then(then);
            }
            api.sandbox.push_fault(reply);
            let mut stream = connect(api.address()).await;
            send(
                &mut stream,
                head(&format!("Content-Length: {}\r\n", body.len())),
            )
            .await;
            if early > 0 {
                send(&mut stream, &body[..99]).await;
                // It is not there before.
                api.create(GOOD).await;
                assert_eq!(
                    stream.try_read(&mut [0]).expect_err("no answer").kind(),
                    ErrorKind::WouldBlock
                );
                send(&mut stream, &body[99..100]).await;
            }
            let answer = common::answer_head(&mut stream).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            let keeps = then == Some(Then::Keep);
            assert_eq!(!keeps, answer.contains("connection: close"), "{answer}");
            match then {
                None | Some(Then::Close) => {
                    // All that is still sent is read, until the sandbox has closed.
                    send(
                        &mut stream,
                        &body.as_bytes()[usize::try_from(early).expect("small")..],
                    )
                    .await;
                    assert_eq!(see(&mut stream).await.end, Ending::Close);
                }
                Some(Then::Reset) => assert_eq!(see(&mut stream).await.end, Ending::Reset),
                Some(Then::Keep) => {
                    send(&mut stream, &body[100..]).await;
                    let length = answer.split("content-length: ").nth(1).expect("a length");
                    let length = length
                        .split('\r')
                        .next()
                        .expect("a line")
                        .parse()
                        .expect("a number");
                    stream
                        .read_exact(&mut vec![0; length])
                        .await
                        .expect("a body");
                    // The same connection serves the next request.
                    send(
                        &mut stream,
                        request(GOOD).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
                    )
                    .await;
                    let seen = see(&mut stream).await;
                    assert_eq!((seen.status(), seen.end), ("201", Ending::Close));
                }
            }
        }
    }
    let stats = api.sandbox.stats();
    // Those that were made to look whether an answer is there already, and those on kept connections.
    assert_eq!((stats.batches, stats.faults), (24 + 8, 32));
    assert_eq!(stats.messages, 2 * stats.batches);
}

#[tokio::test]
async fn what_is_slow_takes_its_time_and_arrives() {
    let api = Api::start().await;
    let request = request(GOOD).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let pace = 4_000;
    for (text, least) in [
        (
            format!("slow {pace}"),
            request.len() as f64 / f64::from(pace) - 0.01,
        ),
        (
            "stall after 20 for 40ms, stall after body 3 for 40ms".to_owned(),
            0.08,
        ),
        ("delay 60ms".to_owned(), 0.06),
    ] {
        api.sandbox.push_fault(text.parse::<Fault>().expect(&text));
        let begun = Instant::now();
        let seen = exchange(&api, &request).await;
        assert!(begun.elapsed() >= Duration::from_secs_f64(least), "{text}");
        assert_eq!((seen.status(), seen.end), ("201", Ending::Close));
    }
    assert_eq!(counted(api.sandbox.stats()), (3, 4));
}

#[tokio::test]
async fn what_is_held_back_is_never_answered() {
    let api = Api::start().await;
    let mut open = Vec::new();
    for (text, accepted) in [
        ("stall after body 3", 0),
        ("stall after 10", 0),
        ("hold answer", 1),
    ] {
        let before = api.sandbox.stats().batches;
        api.sandbox.push_fault(text.parse::<Fault>().expect(text));
        let mut stream = connect(api.address()).await;
        send(&mut stream, request(GOOD)).await;
        // Nobody waits for a request that cannot be carried out any more.
        api.sandbox.settled().await.expect("a connection");
        assert_eq!(
            stream.try_read(&mut [0]).expect_err("no answer").kind(),
            ErrorKind::WouldBlock
        );
        assert_eq!(api.sandbox.stats().batches - before, accepted, "{text}");
        open.push(stream);
    }
    // Nor does a shutdown.
    let stopped = tokio::time::timeout(Duration::from_secs(4), api.sandbox.shutdown());
    stopped.await.expect("it does not wait");
}

#[tokio::test]
async fn a_batch_may_be_hidden_for_some_lists() {
    let api = Api::start().await;
    api.sandbox
        .push_fault("hide 2 lists".parse::<Fault>().expect("a fault"));
    let id = api.create(GOOD).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("{BATCHES}/{id}");
    for _ in 0..2 {
        // Neither by its id nor by its messages; only the list counts.
        let answer = api.request("GET", &path).send().await.expect("an answer");
        assert_eq!(error_of(answer).await.1, "CMN-102");
        assert_eq!(
            api.get(MESSAGES).await["records"].as_array().map(Vec::len),
            Some(0)
        );
        assert_eq!(api.get(STATUSES).await["delivered"]["count"], 0);
        assert!(api.listed().await.is_empty());
        assert_eq!(api.sandbox.accepted().len(), 1);
    }
    assert_eq!(api.listed().await, [id]);
    assert_eq!(api.get(&path).await["batchSize"], 2);
    assert_eq!(
        api.get(MESSAGES).await["records"].as_array().map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn a_batch_may_be_hidden_for_a_time() {
    let api = Api::start().await;
    api.sandbox
        .push_fault("hide for 50ms".parse::<Fault>().expect("a fault"));
    let begun = Instant::now();
    api.create(GOOD).await;
    while api.listed().await.is_empty() {}
    assert!(begun.elapsed() >= Duration::from_millis(50));
    api.sandbox
        .push_fault("hide for 1000m".parse::<Fault>().expect("a fault"));
    api.create(GOOD).await;
    assert_eq!(api.listed().await.len(), 1);
}

async fn token(api: &Api) -> reqwest::Result<String> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", "a.b.c"),
    ];
    let request = api.bare("POST", TOKENS).basic_auth("id", Some("secret"));
    let grant: serde_json::Value = request.form(&form).send().await?.json().await?;
    Ok(grant["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

#[tokio::test]
async fn tokens_expire_when_told() {
    let api = Api::start().await;
    let call = async |token: &str| {
        let request = api.bare("GET", BATCHES).bearer_auth(token);
        request.send().await.expect("an answer")
    };
    let first = token(&api).await.expect("a token");
    assert_eq!(call(&first).await.status(), 200);
    api.sandbox.expire_tokens();
    assert_eq!(error_of(call(&first).await).await.1, "OAU-128");
    let second = token(&api).await.expect("a token");
    assert_eq!(call(&second).await.status(), 200);
    api.sandbox.push_fault(fault("list: expire"));
    assert_eq!(error_of(call(&second).await).await.1, "OAU-128");
    assert_eq!(error_of(call(&second).await).await.1, "OAU-128");
    // The ready one is good all the same.
    assert_eq!(call(common::TOKEN).await.status(), 200);
}

#[tokio::test]
async fn every_route_can_fail() {
    let api = Api::start().await;
    let id = api.create(GOOD).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for (route, path) in [
        ("list", BATCHES.to_owned()),
        ("get", format!("{BATCHES}/{id}")),
        ("messages", format!("{MESSAGES}?batchId={id}")),
        ("statuses", STATUSES.to_owned()),
        ("opt-outs", common::OPT_OUTS.to_owned()),
        ("any", BATCHES.to_owned()),
    ] {
        let plan: FaultPlan = format!("{route}: answer 503; {route} 2: reset answer after 100")
            .parse()
            .expect("a plan");
        api.sandbox.set_faults(plan);
        // No fault of theirs.
        if route != "any" {
            api.create(GOOD).await;
        }
        let get = async || api.request("GET", &path).send().await;
        assert_eq!(get().await.expect("an answer").status(), 503, "{route}");
        assert!(get().await.is_err(), "{route}");
        assert_eq!(get().await.expect("an answer").status(), 200, "{route}");
    }
    api.sandbox.set_faults(
        "token: reset after 50; token: close answer"
            .parse()
            .expect("a plan"),
    );
    assert!(token(&api).await.is_err());
    assert!(token(&api).await.is_err());
    assert!(!token(&api).await.expect("a token").is_empty());
    // The second was given out, and never arrived.
    assert_eq!(api.sandbox.stats().tokens, 2);
}

#[tokio::test]
async fn settled_means_that_nothing_more_is_accepted() {
    let api = Api::start().await;
    api.sandbox
        .push_fault("slow 8000".parse::<Fault>().expect("a fault"));
    let mut stream = connect(api.address()).await;
    let request = request(GOOD).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    send(&mut stream, request).await;
    api.sandbox.settled().await.expect("a connection");
    let stats = api.sandbox.stats();
    assert_eq!((stats.batches, stats.connections), (1, 1));
    assert_eq!(see(&mut stream).await.status(), "201");
}

/// Whatever happens, a request is carried out once or not at all, and is if its client is told so.
#[tokio::test]
async fn random_faults_lose_and_double_nothing() {
    let rules = Sandbox::builder()
        .rate_limit(None)
        .fault(FaultRule::random(7, 0.8));
    let api = Api::with(rules).await;
    let mut told = HashSet::new();
    for n in 0..300 {
        let number = format!("+1415{:07}", n);
        let request = api.batch(GOOD.replace("+14155550100", &number));
        let answer = request.timeout(Duration::from_secs(20)).send().await;
        let Ok(answer) = answer else { continue };
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        if body["id"].is_string() {
            told.insert(number);
        }
    }
    let stats = api.sandbox.stats();
    assert!(stats.faults > 200 && told.len() > 50, "{stats:?}");
    let accepted = api.sandbox.accepted();
    let firsts: HashSet<String> = accepted
        .iter()
        .map(|batch| batch.messages[0].to.clone())
        .collect();
    assert_eq!(firsts.len(), accepted.len());
    assert!(told.is_subset(&firsts));
    assert!(firsts.len() > told.len(), "some were lost on the way back");
    api.sandbox.set_faults(FaultPlan::new());
    api.create(GOOD).await;
}
