//! Answers in the place of the API's own.

use std::time::Duration;

use bytes::Bytes;

/// The penalty interval behind a 429 that says none.
const UNSAID_PENALTY: Duration = Duration::from_secs(30);

/// An answer that the sandbox gives instead of its own.
///
/// Made by [`Reply::status`] or [`Reply::garbage`]; it is sent behind the whole body of a request that is not
/// carried out, unless [`early`](Self::early) or [`accepted`](Self::accepted) is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) code: Option<String>,
    pub(crate) retry_after: Option<RetryIn>,
    pub(crate) body: Option<ReplyBody>,
    pub(crate) time: ReplyTime,
    pub(crate) then: Option<Then>,
}

/// When an answer is given, and whether its request is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyTime {
    /// Once so many bytes of the body (without the framing of chunks) are there, and before any more is read; if the
    /// body is shorter, at its end. Not carried out.
    Early(u64),
    /// Behind the whole body. Not carried out.
    Late,
    /// After the request has been carried out: a batch is accepted. If it is not accepted because it is wrong, the
    /// sandbox's own answer says so.
    Accepted,
}

/// What becomes of the connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is kept, and the rest of the body is read and thrown away.
    Keep,
    /// `Connection: close`, and the rest of the body is read and thrown away for a while.
    Close,
    /// `Connection: close`, and a TCP reset behind the last byte of the answer.
    Reset,
}

/// An answer's body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyBody {
    /// The API's error envelope, with [`Reply::code`] or the code that is usual with the status.
    Json,
    /// A page as nginx makes it.
    Html,
    /// Nothing.
    Empty,
    /// Text that is not JSON, called JSON.
    Text,
    /// JSON that ends in its middle, though the HTTP message is complete.
    Broken,
    /// A batch without an id.
    NoId,
    /// These bytes, as `application/json`.
    Bytes(Bytes),
    /// No HTTP at all, but these bytes; the status and headers are not sent, and the connection is closed.
    Garbage(Bytes),
}

/// `Retry-After` as a number or as a date, so much later than the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryIn {
    pub(crate) seconds: u32,
    pub(crate) as_date: bool,
}

impl Reply {
    /// An answer with this status. Its body is the API's error envelope from 400 on (nginx's page for 411 and 413),
    /// empty for 3xx and 204, and `{}` otherwise.
    ///
    /// # Panics
    /// If the status is not from 200 to 599.
    #[must_use]
    pub fn status(status: u16) -> Self {
        assert!((200..600).contains(&status), "not a final status: {status}");
        Self {
            status,
            headers: Vec::new(),
            code: None,
            retry_after: None,
            body: None,
            time: ReplyTime::Late,
            then: None,
        }
    }

    /// Bytes that are not HTTP.
    #[must_use]
    pub fn garbage() -> Self {
        let bytes = Bytes::from_static(b"\x15\x03\x01\x00\x02\x02\x46 this is no HTTP\r\n\r\n");
        Self::status(200).body(ReplyBody::Garbage(bytes))
    }

    /// Sends it once so many bytes of the body are there; 0 is at once, behind the head.
    #[must_use]
    pub fn early(mut self, body_bytes: u64) -> Self {
        self.time = ReplyTime::Early(body_bytes);
        self
    }

    /// Sends it after the request has been carried out: a batch is accepted.
    #[must_use]
    pub fn accepted(mut self) -> Self {
        self.time = ReplyTime::Accepted;
        self
    }

    /// Sets a header, also in the place of one of the sandbox's own. A name or value that is none is left out.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Retry-After` in seconds. With a 429 a penalty interval of so long begins for the request's group, as if its
    /// rate limit had been exceeded: requests in it are counted in
    /// [`Stats::violations`](crate::Stats::violations), and refused if the limit is enforced. Without it a 429 begins one of
    /// 30 s, which the API's documents want a client to wait then.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(RetryIn {
            seconds,
            as_date: false,
        });
        self
    }

    /// The same as a date by the sandbox's clock.
    #[must_use]
    pub fn retry_after_date(mut self, seconds: u32) -> Self {
        self.retry_after = Some(RetryIn {
            seconds,
            as_date: true,
        });
        self
    }

    /// The `errorCode` of the envelope, as `OAU-128`.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Its body.
    #[must_use]
    pub fn body(mut self, body: ReplyBody) -> Self {
        self.body = Some(body);
        self
    }

    /// What becomes of the connection. Default: kept, but closed behind an early answer.
    #[must_use]
    pub fn then(mut self, then: Then) -> Self {
        self.then = Some(then);
        self
    }

    /// When it is given.
    #[must_use]
    pub fn time(&self) -> ReplyTime {
        self.time
    }

    pub(crate) fn penalty(&self) -> Option<Duration> {
        (self.status == 429).then(|| match self.retry_after {
            Some(retry) => Duration::from_secs(retry.seconds.into()),
            None => UNSAID_PENALTY,
        })
    }
}
