//! A request's body on the async side: read by the endpoint, or thrown away behind an early answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{EXPECT, HeaderMap};

use crate::fault::Then;
use crate::wire::Wire;

/// What is read and thrown away behind an early answer, as nginx's lingering close does: enough for a client that
/// only looks at the answer once its whole body is sent.
pub(crate) const LINGER_BYTES: u64 = 64 * 1024 * 1024;
pub(crate) const LINGER_TIME: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: Incoming,
    ended: bool,
    /// The client waits for `100 Continue`, which goes out when the body is first read.
    waits: bool,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        let ended = incoming.is_end_stream();
        Self {
            incoming,
            ended,
            waits: headers.contains_key(EXPECT),
        }
    }

    /// The length that `Content-Length` announces.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next bytes, `None` at the end. An error means that the body will never be complete.
    pub(crate) async fn next(&mut self) -> Option<hyper::Result<Bytes>> {
        self.waits = false;
        while !self.ended {
            match self.incoming.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Some(Ok(data)),
                    // Trailers, or nothing.
                    _ => {}
                },
                Some(Err(error)) => return Some(Err(error)),
                None => self.ended = true,
            }
        }
        None
    }

    /// The whole body, or `None` if it is longer than `limit` or breaks off.
    pub(crate) async fn collect(&mut self, limit: usize) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(data) = self.next().await {
            let data = data.ok()?;
            if whole.len() + data.len() > limit {
                return None;
            }
            whole.extend_from_slice(&data);
        }
        Some(whole)
    }

    /// Reads it to its end, or until `bytes` of it are there.
    pub(crate) async fn read(&mut self, bytes: u64) -> hyper::Result<()> {
        let mut received = 0;
        while received < bytes
            && let Some(data) = self.next().await
        {
            received += data?.len() as u64;
        }
        Ok(())
    }

    /// Is done with it behind an answer, and says whether the connection has to be closed; by default, if not all of
    /// the body has been read. What is left of it is read and thrown away, for a while if the connection is closed, so
    /// that the client sees the answer and not a reset.
    pub(crate) fn leave(mut self, then: Option<Then>, wire: &Wire) -> bool {
        if self.ended || self.incoming.is_end_stream() {
            wire.body_is_read();
            return then.is_some_and(|then| then != Then::Keep);
        }
        // Reading now would invite a client that waits to send what nobody wants.
        if self.waits || then == Some(Then::Reset) {
            return true;
        }
        let keep = then == Some(Then::Keep);
        let wire = wire.clone();
        tokio::spawn(async move {
            if !keep {
                let _ = tokio::time::timeout(LINGER_TIME, self.read(LINGER_BYTES)).await;
            } else if self.read(u64::MAX).await.is_ok() {
                wire.body_is_read();
            }
        });
        !keep
    }
}
