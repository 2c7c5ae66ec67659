//! Answers and their bodies.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::error::{ApiError, TOO_LARGE_PAGE};
use crate::spool::Spool;

pub(crate) type Answer = Response<Either<Full<Bytes>, Spooled>>;

/// Bytes read of a spool at a time, and how many such pieces may wait for the client.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 2;

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");

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

pub(crate) fn error(error: &ApiError) -> Answer {
    if error.status == StatusCode::PAYLOAD_TOO_LARGE {
        return with_body(
            error.status,
            HeaderValue::from_static("text/html"),
            TOO_LARGE_PAGE.into(),
        );
    }
    let mut answer = with_body(error.status, JSON, error.to_json());
    if let Some((name, value)) = error.header.as_deref()
        && let Ok(value) = HeaderValue::from_str(value)
    {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn with_body(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
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
