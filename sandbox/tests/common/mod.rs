//! What the tests share: a sandbox, a client, raw requests, batches.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::net::SocketAddr;

use batchcast_sandbox::{Sandbox, SandboxBuilder};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const TOKEN: &str = "test-token";
pub(crate) const BATCHES: &str = "/restapi/v1.0/account/~/a2p-sms/batches";
pub(crate) const MESSAGES: &str = "/restapi/v1.0/account/~/a2p-sms/messages";
pub(crate) const STATUSES: &str = "/restapi/v1.0/account/~/a2p-sms/statuses";
pub(crate) const OPT_OUTS: &str = "/restapi/v1.0/account/~/a2p-sms/opt-outs";
pub(crate) const TOKENS: &str = "/restapi/oauth/token";
pub(crate) const GOOD: &str = r#"{"from":"+16505550100","text":"Hello","messages":[{"to":["+14155550100"]},{"to":["+12125550100"],"text":"Bob"}]}"#;

/// A sandbox that takes [`TOKEN`], and a client for it.
pub(crate) struct Api {
    pub(crate) sandbox: Sandbox,
    client: Client,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(Sandbox::builder()).await
    }

    pub(crate) async fn with(builder: SandboxBuilder) -> Self {
        let sandbox = builder
            .access_token(TOKEN)
            .start()
            .await
            .expect("it starts");
        Self {
            sandbox,
            client: Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.sandbox.address()
    }

    /// A request without a token.
    pub(crate) fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method");
        self.client
            .request(method, format!("{}{path}", self.sandbox.base_url()))
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(TOKEN)
    }

    pub(crate) fn batch(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request("POST", BATCHES)
            .header("content-type", "application/json")
            .body(body)
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        self.batch(body).send().await.expect("an answer")
    }

    /// Creates a batch that must be accepted.
    pub(crate) async fn create(&self, body: impl Into<reqwest::Body>) -> Value {
        let answer = self.post(body).await;
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 201, "{body}");
        body
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.request("GET", path).send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Ids of all stored batches, newest first.
    pub(crate) async fn listed(&self) -> Vec<String> {
        let list = self.get(BATCHES).await;
        let records = list["records"].as_array().expect("records");
        records
            .iter()
            .map(|batch| batch["id"].as_str().expect("an id").to_owned())
            .collect()
    }
}

/// The status, the error code, and the parameter's name.
pub(crate) async fn error_of(answer: Response) -> (u16, String, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("JSON");
    assert!(!body["message"].as_str().expect("a message").is_empty());
    assert_eq!(body["errorCode"], body["errors"][0]["errorCode"]);
    assert_eq!(body["message"], body["errors"][0]["message"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        status,
        text(&body["errorCode"]),
        text(&body["errors"][0]["parameterName"]),
    )
}

/// The head of a POST to the batches, with `extra` header lines, each ended by CRLF.
pub(crate) fn head(extra: &str) -> String {
    format!(
        "POST {BATCHES} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\n{extra}\r\n"
    )
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

pub(crate) async fn send(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    stream.write_all(bytes.as_ref()).await.expect("it reads");
}

/// Reads until the head of an answer is there.
pub(crate) async fn answer_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer's head"));
    }
    String::from_utf8(head).expect("ASCII")
}

/// Reads until the server closes.
pub(crate) async fn to_end(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("no reset");
    answer
}

/// A batch of `count` messages, numbered from +1 2000000000; every third has a text of its own.
pub(crate) fn numbered(count: usize) -> String {
    let messages: Vec<String> = (0..count)
        .map(|n| match n % 3 {
            0 => format!(
                r#"{{"to":["+1{}"],"text":"own {n} \"é\" 😀"}}"#,
                2_000_000_000 + n
            ),
            _ => format!(r#"{{"to":["+1{}"]}}"#, 2_000_000_000 + n),
        })
        .collect();
    format!(
        r#"{{"from":"+16505550100","text":"Hello","messages":[{}]}}"#,
        messages.join(",")
    )
}
