//! A request's body on the async side: read by the endpoint, or thrown away behind an early answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{EXPECT, HeaderMap};

/// What is read and thrown away behind an early answer, as nginx's lingering close does: enough for a client that
/// only looks at the answer once its whole body is sent.
const LINGER_BYTES: u64 = 64 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(5);

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

    /// Says whether the connection has to be closed behind the answer; if so, goes on reading for a while, so that
    /// the client sees the answer and not a reset.
    pub(crate) fn linger(mut self) -> bool {
        if self.ended || self.incoming.is_end_stream() {
            return false;
        }
        // Reading now would invite a client that waits to send what nobody wants.
        if !self.waits {
            tokio::spawn(async move {
                let mut thrown_away = 0;
                let all = async {
                    while let Some(Ok(data)) = self.next().await {
                        thrown_away += data.len() as u64;
                        if thrown_away > LINGER_BYTES {
                            break;
                        }
                    }
                };
                let _ = tokio::time::timeout(LINGER_TIME, all).await;
            });
        }
        true
    }
}
