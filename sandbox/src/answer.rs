//! Answers and their bodies.

use std::borrow::Cow;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::error::{ApiError, page};
use crate::fault::{Reply, ReplyBody};
use crate::spool::Spool;

pub(crate) type Answer = Response<Either<Full<Bytes>, Spooled>>;

/// Bytes read of a spool at a time, and how many such pieces may wait for the client.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 2;

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
const CSV: HeaderValue = HeaderValue::from_static("text/csv;charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");

/// A batch that is not told by its id.
const WITHOUT_ID: &str = r#"{"from":"+16505550100","batchSize":1,"processedCount":0,"status":"Processing","rejected":[]}"#;

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => with_body(status, JSON, body),
        Err(failure) => error(&ApiError::internal(&failure)),
    }
}

/// An answer of `head`, what is in `spool`, and `tail`, in constant memory.
pub(crate) fn spooled(
    status: StatusCode,
    head: Vec<u8>,
    spool: Spool,
    tail: &'static [u8],
) -> io::Result<Answer> {
    let left = (head.len() + tail.len()) as u64 + spool.len();
    let mut spool = spool.into_reader()?;
    let (sender, pieces) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut next = Ok(Bytes::from(head));
        loop {
            let last = next.is_err();
            // An error here is the client gone, or the answer dropped: nobody is left to tell.
            if sender.blocking_send(next).is_err() || last {
                return;
            }
            let mut piece = Vec::with_capacity(PIECE);
            next = match (&mut spool).take(PIECE as u64).read_to_end(&mut piece) {
                Ok(0) => break,
                Ok(_) => Ok(piece.into()),
                Err(error) => Err(error),
            };
        }
        let _ = sender.blocking_send(Ok(Bytes::from_static(tail)));
    });
    let mut answer = Response::new(Either::Right(Spooled { pieces, left }));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(answer)
}

pub(crate) fn csv(body: String) -> Answer {
    with_body(StatusCode::OK, CSV, body)
}

pub(crate) fn error(error: &ApiError) -> Answer {
    if error.status == StatusCode::PAYLOAD_TOO_LARGE {
        return with_body(error.status, HTML, page(error.status));
    }
    let mut answer = with_body(error.status, JSON, error.to_json());
    if let Some((name, value)) = error.header.as_deref()
        && let Ok(value) = HeaderValue::from_str(value)
    {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn with_body(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::from(body.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// The answer that a fault asks for, without the headers it has for itself.
pub(crate) fn reply(reply: &Reply, clock: &Clock) -> Answer {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let usual = match reply.status {
        204 | 300..400 => ReplyBody::Empty,
        411 | 413 => ReplyBody::Html,
        400.. => ReplyBody::Json,
        _ => ReplyBody::Bytes(Bytes::from_static(b"{}")),
    };
    let mut answer = match reply.body.as_ref().unwrap_or(&usual) {
        ReplyBody::Json => {
            let code = reply
                .code
                .clone()
                .map_or(usual_code(reply.status).into(), Cow::Owned);
            let error = ApiError::new(status, code, "A fault of the sandbox");
            with_body(status, JSON, error.to_json())
        }
        ReplyBody::Html => with_body(status, HTML, page(status)),
        ReplyBody::Text => with_body(status, JSON, "Accepted"),
        ReplyBody::Broken => with_body(status, JSON, &WITHOUT_ID.as_bytes()[..40]),
        ReplyBody::NoId => with_body(status, JSON, WITHOUT_ID),
        ReplyBody::Bytes(bytes) => with_body(status, JSON, bytes.clone()),
        ReplyBody::Empty | ReplyBody::Garbage(_) => {
            let mut answer = with_body(status, JSON, "");
            answer.headers_mut().remove(CONTENT_TYPE);
            answer
        }
    };
    if let Some(retry) = reply.retry_after {
        let value = if retry.as_date {
            clock.date_in(retry.seconds)
        } else {
            retry.seconds.to_string()
        };
        if let Ok(value) = HeaderValue::try_from(value) {
            answer.headers_mut().insert(RETRY_AFTER, value);
        }
    }
    answer
}

/// The API's code for an error of which nothing else is known.
fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "CMN-101",
        401 => "OAU-128",
        403 => "CMN-401",
        404 => "CMN-102",
        415 => "CMN-115",
        429 => "CMN-301",
        503 => "CMN-201",
        500.. => "CMN-203",
        _ => "CMN-100",
    }
}

/// A body that comes from a file, of known length.
#[derive(Debug)]
pub(crate) struct Spooled {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl Body for Spooled {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.pieces.poll_recv(context).map(|piece| {
            let piece = piece?;
            if let Ok(bytes) = &piece {
                self.left = self.left.saturating_sub(bytes.len() as u64);
            }
            Some(piece.map(Frame::data))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
