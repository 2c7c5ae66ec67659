//! The API's HTTP client: where to, as whom, how long to wait.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, Url, redirect, retry};

use crate::body::{self, BodyWriter};
use crate::envelope::Dialect;
use crate::send::auth::{Authorizer, Credentials};
use crate::send::clock::Clock;
use crate::send::outcome::{Failure, FailureKind};
use crate::send::pace::{self, Pacer, Ticket};
use crate::send::response;

/// The API's server, unless told otherwise (API guide).
pub const DEFAULT_BASE_URL: &str = "https://platform.ringcentral.com";

/// How long an unused connection is kept. Servers close theirs sooner or later, and a request that meets that moment
/// is lost, or in doubt.
const IDLE: Duration = Duration::from_secs(15);

/// A client of the API. Uploads go over HTTP/1.1; redirects are never followed, and nothing is repeated
/// behind the caller's back.
///
/// Clones are the same client: they have their connections, their access token and what is known of the API's rate limit in
/// common. The API counts the requests of a user and an app, so whatever one process asks as these is best asked by clones
/// of one client.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    authorizer: Arc<Authorizer>,
}

/// Says what a [`Client`] is to be like.
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    base_url: String,
    credentials: Credentials,
    timeouts: Timeouts,
    ca_bundle: Option<Vec<u8>>,
    user_agent: String,
}

/// How long to wait for what. There is no limit for an upload as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    pub(super) stall: Duration,
    pub(super) response: Duration,
    pub(super) token_pause: Duration,
}

/// Why a [`Client`] cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base URL is none.
    #[error("the base URL is not a URL: {0}")]
    Url(String),
    /// The base URL has more than scheme, host, port and path, such as a user name or a query.
    #[error("the base URL must have only a scheme, a host, a port and a path")]
    UrlParts,
    /// Credentials would go over the network in the clear.
    #[error(
        "{url} is not https: credentials go to https, or to this machine (127.0.0.1, localhost)"
    )]
    Insecure {
        /// What was given.
        url: String,
    },
    /// The access token cannot stand in an HTTP header.
    #[error("the access token holds characters that no HTTP header can have, such as a line break")]
    AccessToken,
    /// The bundle of CA certificates cannot be read.
    #[error("the bundle of CA certificates cannot be used: {0}")]
    CaBundle(String),
    /// There are no certificates to check the server's with, or TLS fails in another way.
    #[error(
        "TLS cannot be set up: {0}. If this machine has no CA certificates, install them (Debian: ca-certificates) or name a bundle of them"
    )]
    Tls(String),
}

impl Client {
    /// A client for the server at `base_url`, such as [`DEFAULT_BASE_URL`].
    ///
    /// ```
    /// use batchcast::send::{Client, Credentials, DEFAULT_BASE_URL};
    ///
    /// let credentials = Credentials::access_token("secret");
    /// assert!(Client::builder("http://127.0.0.1:8080", credentials.clone()).build().is_ok());
    /// assert!(Client::builder("http://example.com", credentials).build().is_err());
    /// ```
    pub fn builder(base_url: &str, credentials: Credentials) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.to_owned(),
            credentials,
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                stall: Duration::from_secs(60),
                response: Duration::from_secs(120),
                token_pause: Duration::from_secs(10),
            },
            ca_bundle: None,
            user_agent: concat!("batchcast/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Holds all requests back until then: a server has asked another process for it
    /// ([`State::not_before`](crate::journal::State::not_before)). [`Sender::resume`](super::Sender::resume) does it by itself.
    ///
    /// # Errors
    /// If that is in more than a day, and so longer than a server is waited for.
    pub fn hold_until(&self, until: SystemTime) -> Result<(), Failure> {
        self.hold(until).map(|_over| ())
    }

    /// The same; gives when that is over, if it is not over yet.
    pub(super) fn hold(&self, until: SystemTime) -> Result<Option<Instant>, Failure> {
        let wait = until.duration_since(SystemTime::now()).unwrap_or_default();
        if pace::is_too_long(Some(wait)) {
            return Err(FailureKind::Paused { until }.into());
        }
        Ok((!wait.is_zero()).then(|| self.http.hold(wait)))
    }

    /// Until when all requests are held back, if they are.
    pub(super) fn held(&self) -> Option<Instant> {
        self.http.pacer.held()
    }

    /// The same by this machine's clock.
    pub(super) fn held_until(&self) -> Option<SystemTime> {
        let wait = self.held()?.saturating_duration_since(Instant::now());
        SystemTime::now().checked_add(wait)
    }

    pub(super) const fn timeouts(&self) -> Timeouts {
        self.http.timeouts
    }

    /// Whether a token that was refused can be replaced.
    pub(super) fn can_renew(&self) -> bool {
        self.authorizer.can_renew()
    }

    /// The API has refused this token: the next request goes with a new one.
    pub(super) async fn refuse(&self, bearer: &HeaderValue) {
        self.authorizer.refuse(bearer).await;
    }

    /// The server's clock, as far as its answers have shown it.
    pub(super) fn clock(&self) -> &Clock {
        self.http.clock()
    }

    /// Makes sure of a token, waits until a request may leave, opens one for a batch, and gives its body to
    /// write. A body of known `length` goes out with a `Content-Length`, any other in chunks.
    pub(super) async fn open_batch(
        &self,
        dialect: Dialect,
        length: Option<u64>,
        waiting: Waiting<'_>,
    ) -> Result<OpenBatch, Failure> {
        let (bearer, ticket) = self.admission(waiting).await?;
        let (writer, stream) = body::channel();
        let mut request = self
            .http
            .request(Method::POST, dialect.batches_path(), &[])
            .header(AUTHORIZATION, bearer.clone())
            .header(CONTENT_TYPE, "application/json");
        if let Some(length) = length {
            request = request.header(CONTENT_LENGTH, length);
        }
        // While it connects, another request's answer may begin a pause.
        let pacer = Arc::clone(&self.http.pacer);
        let stream = stream.leaving_if(move || pacer.held().is_none());
        let request = request.body(reqwest::Body::wrap_stream(stream));
        let answer = self.http.send(request, ticket);
        Ok(OpenBatch {
            writer,
            answer: Box::pin(answer),
            bearer,
        })
    }

    /// Asks for something, with the same care. Any answer but success is a failure.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        waiting: Waiting<'_>,
    ) -> Result<Response, (Failure, Option<HeaderValue>)> {
        let step = "asking the server";
        let admission = self.admission(waiting).await;
        let (bearer, ticket) = admission.map_err(|failure| (failure, None))?;
        let request = self
            .http
            .request(Method::GET, path, query)
            .header(AUTHORIZATION, bearer.clone());
        let limit = self.http.timeouts.response;
        let failure = match tokio::time::timeout(limit, self.http.send(request, ticket)).await {
            Ok(Ok(response)) if response.status().is_success() => return Ok(response),
            Ok(Ok(response)) => FailureKind::Answer(response::read_error(response).await).into(),
            Ok(Err(error)) => transport_failure(step, error),
            Err(_) => FailureKind::Timeout { step, limit }.into(),
        };
        Err((failure, Some(bearer)))
    }

    /// A token and the moment: returns when a request may leave with this token.
    async fn admission(&self, waiting: Waiting<'_>) -> Result<(HeaderValue, Ticket), Failure> {
        let pacer = &self.http.pacer;
        let limited = |wait| waiting(WaitingFor::RateLimit, wait);
        loop {
            // In a penalty interval no token is asked for either.
            pacer.penalty_over(limited).await;
            let renewing = |wait| waiting(WaitingFor::Token, wait);
            let bearer = self.authorizer.bearer(&self.http, &renewing).await?;
            let mut waited = false;
            let ticket = pacer
                .ready(|wait| {
                    waited = true;
                    limited(wait);
                })
                .await;
            // After a long wait it may be another one.
            if !waited || self.authorizer.is_good(&bearer).await {
                return Ok((bearer, ticket));
            }
        }
    }
}

/// Who is told that a request has to wait, for what, and how long.
pub(crate) type Waiting<'a> = &'a (dyn Fn(WaitingFor, Duration) + Send + Sync);

/// What a sender waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitingFor {
    /// The API's rate limit: nothing is sent in the meantime.
    RateLimit,
    /// A token: its endpoint could not give one.
    Token,
    /// Another try of a batch that failed in passing.
    Retry,
    /// Another try of a question that failed in passing, such as for the API's list of batches.
    Question,
    /// A batch in doubt to appear in the API's list of batches: so long at the most, and it is looked for meanwhile.
    Doubt,
    /// A batch of the [canary](super::Sender::canary) to be completed.
    Completion,
}

/// A request for a batch, whose body is to be written.
pub(super) struct OpenBatch {
    pub(super) writer: BodyWriter,
    pub(super) answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
    /// What it goes with, to be told if it is refused.
    pub(super) bearer: HeaderValue,
}

/// What comes of a request.
pub(super) type Answer = Result<Response, reqwest::Error>;

impl ClientBuilder {
    /// How long connecting may take, TLS included. 10 s unless told otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self
    }

    /// How long an upload may stand still: no frame of the body taken. 60 s unless told otherwise.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.stall = timeout;
        self
    }

    /// How long the server may take to answer once it has the whole request, and between two pieces of
    /// its answer. 120 s unless told otherwise.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.response = timeout;
        self
    }

    /// How long to wait before the token endpoint is asked again, if it does not say. 10 s unless told
    /// otherwise (API guide); it is asked three times.
    pub fn token_pause(mut self, pause: Duration) -> Self {
        self.timeouts.token_pause = pause;
        self
    }

    /// Trusts the CA certificates in this PEM bundle, and not those of the machine.
    pub fn ca_bundle(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// What to call itself to the server. `batchcast/VERSION` unless told otherwise.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    /// If the base URL is none or would carry credentials in the clear, if the access token can be none, or if TLS cannot be set
    /// up.
    pub fn build(self) -> Result<Client, ClientError> {
        let base = BaseUrl::parse(&self.base_url)?;
        if !self.credentials.is_usable() {
            return Err(ClientError::AccessToken);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(self.user_agent)
            .connect_timeout(self.timeouts.connect)
            .http1_only()
            .pool_idle_timeout(IDLE)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false);
        if base.is_loopback {
            // What is for this machine must not go to a proxy.
            // Nor may a name server say that localhost is another machine.
            let here = [
                (Ipv4Addr::LOCALHOST, 0).into(),
                (Ipv6Addr::LOCALHOST, 0).into(),
            ];
            builder = builder.no_proxy().resolve_to_addrs("localhost", &here);
        }
        if let Some(pem) = &self.ca_bundle {
            let certificates = Certificate::from_pem_bundle(pem)
                .map_err(|error| ClientError::CaBundle(chain(&error)))?;
            if certificates.is_empty() {
                let reason = "it holds no certificate".to_owned();
                return Err(ClientError::CaBundle(reason));
            }
            builder = builder.tls_certs_only(certificates);
        } else if base.url.scheme() == "http" {
            // Loopback needs no certificates: a machine without any can still try everything.
            builder = builder.tls_certs_only([]);
        }
        let client = builder
            .build()
            .map_err(|error| ClientError::Tls(chain(&error)))?;
        Ok(Client {
            http: Http {
                client,
                base: base.url,
                timeouts: self.timeouts,
                pacer: Arc::default(),
                clock: Arc::default(),
            },
            authorizer: Authorizer::new(self.credentials).into(),
        })
    }
}

struct BaseUrl {
    url: Url,
    is_loopback: bool,
}

impl BaseUrl {
    fn parse(text: &str) -> Result<Self, ClientError> {
        let url = Url::parse(text).map_err(|error| ClientError::Url(error.to_string()))?;
        let has_more = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if has_more {
            return Err(ClientError::UrlParts);
        }
        let host = url.host_str().unwrap_or_default();
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_loopback = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
        if !is_secure || host.is_empty() {
            return Err(ClientError::Insecure {
                url: url.to_string(),
            });
        }
        Ok(Self { url, is_loopback })
    }
}

/// The bare HTTP client, with what all requests share.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    timeouts: Timeouts,
    pacer: Arc<Pacer>,
    clock: Arc<Clock>,
}

impl Http {
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> RequestBuilder {
        let mut url = self.base.clone();
        let below = url.path().trim_end_matches('/');
        let path = format!("{below}{path}");
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client
            .request(method, url)
            .header(ACCEPT, "application/json")
    }

    /// Sends a request that may leave now, and learns from its answer what is to be known for the next.
    fn send(
        &self,
        request: RequestBuilder,
        ticket: Ticket,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let (pacer, clock) = (Arc::clone(&self.pacer), Arc::clone(&self.clock));
        async move {
            let began = Instant::now();
            let response = request.send().await?;
            let headers = response.headers();
            // Not the query: it may hold a number.
            tracing::debug!(
                path = response.url().path(),
                status = response.status().as_u16(),
                request = response::request_id(headers),
                elapsed = ?began.elapsed(),
                "answered"
            );
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                pacer.penalty(pace::penalty(response::retry_after(headers)));
            }
            ticket.answered(headers);
            clock.learn(headers);
            Ok(response)
        }
    }

    /// Holds all requests back for so long. Gives when that is over.
    pub(super) fn hold(&self, wait: Duration) -> Instant {
        self.pacer.penalty(wait)
    }

    /// Waits until nothing holds requests back.
    pub(super) async fn penalty_over(&self, waiting: impl FnMut(Duration)) {
        self.pacer.penalty_over(waiting).await;
    }

    pub(super) const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// A failed request as a failure, without the URL and with all that caused it.
pub(super) fn transport_failure(step: &'static str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let step = if error.is_connect() {
        "connecting"
    } else {
        step
    };
    let reason = chain(&error);
    FailureKind::Transport { step, reason }.into()
}

/// An error's text, and those of what caused it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_request_that_still_connects_does_not_leave_in_a_pause() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder(&url, Credentials::access_token("a-token"))
            .build()
            .unwrap();
        for is_holding in [false, true] {
            let open = client.open_batch(Dialect::default(), None, &|_, _| ());
            let open = open.await.unwrap();
            // It was let go, and nobody has polled it: it does not even connect yet.
            if is_holding {
                client.http.pacer.penalty(Duration::from_secs(3_600));
            }
            open.writer.write("{".into()).await.unwrap();
            let peer = async {
                let (mut peer, _) = listener.accept().await.unwrap();
                let mut begun = [0; 1];
                peer.read(&mut begun).await.unwrap_or_default()
            };
            let (read, answer) = tokio::join!(peer, open.answer);
            assert!(answer.is_err());
            assert_eq!(read, usize::from(!is_holding));
        }
    }

    #[test]
    fn credentials_go_to_https_or_to_this_machine_only() {
        for good in [
            "https://platform.ringcentral.com",
            "https://platform.ringcentral.com/",
            "http://127.0.0.1:8080",
            "http://127.1.2.3",
            "http://localhost:1",
            "http://[::1]:8080/prefix",
        ] {
            assert!(BaseUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://platform.ringcentral.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "platform.ringcentral.com",
            "https://user:secret@platform.ringcentral.com",
            "https://platform.ringcentral.com?x=y",
            "",
        ] {
            let error = BaseUrl::parse(bad).err().expect(bad).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
