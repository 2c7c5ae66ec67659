//! The body of a request while it is being made, and the gate before its last bytes.
//!
//! Until the tail of a batch has left, the server cannot have a valid request: by HTTP the message is
//! incomplete, and as JSON it does not parse. So a body has three states, and each is a type:
//!
//! ```text
//! BodyWriter ──gate()──▶ Gate ──open(tail)──▶ complete
//!     │                    │
//!     └──────drop──────────┴──▶ aborted: the stream ends in an error, the connection is closed
//! ```
//!
//! A body that is given up never ends cleanly: a clean end would write the terminal chunk, and make a
//! whole HTTP message of it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;

/// How many frames wait between the writer and the connection. More would only be more memory: the
/// connection takes them as fast as the network does.
const DEPTH: usize = 2;

/// The largest frame given to the connection at once, in bytes. A stall is noticed by a frame that is
/// not taken, so a frame must be small enough to be taken in time by a slow line.
const MAX_FRAME: usize = 256 * 1024;

enum Frame {
    Chunk(Bytes),
    /// The last bytes; only after this frame does the stream end cleanly.
    End(Bytes),
    // There is no frame for an abort: a channel that closes without `End` is one, however it came to it.
}

/// A new body: where to write it, and what the connection reads.
pub(crate) fn channel() -> (BodyWriter, BodyStream) {
    let (frames, receiver) = mpsc::channel(DEPTH);
    let stream = BodyStream {
        frames: receiver,
        current: Bytes::new(),
        state: State::Open,
        may_leave: None,
    };
    (BodyWriter { frames }, stream)
}

/// The body is being written. Dropping it aborts the body.
#[must_use = "dropping it aborts the body"]
pub(crate) struct BodyWriter {
    frames: mpsc::Sender<Frame>,
}

/// The connection does not read the body any more. Why is for its answer to say.
#[derive(Debug)]
pub(crate) struct Closed;

impl BodyWriter {
    /// Hands over the next bytes, and waits while the connection is behind.
    pub(crate) async fn write(&self, chunk: Bytes) -> Result<(), Closed> {
        let sent = self.frames.send(Frame::Chunk(chunk)).await;
        sent.map_err(|_| Closed)
    }

    /// Waits until the connection has taken everything but the tail.
    pub(crate) async fn gate(self) -> Result<Gate, Closed> {
        match self.frames.reserve_many(DEPTH).await {
            Ok(_all_taken) => {}
            Err(_) => return Err(Closed),
        }
        Ok(Gate { body: self })
    }
}

/// Everything but the tail is with the connection. Dropping the gate aborts the body.
#[must_use = "dropping it aborts the body"]
pub(crate) struct Gate {
    body: BodyWriter,
}

impl Gate {
    /// Releases the last bytes. From here on the server may have the whole request.
    pub(crate) fn open(self, tail: Bytes) -> Result<(), Closed> {
        let sent = self.body.frames.try_send(Frame::End(tail));
        sent.map_err(|_| Closed)
    }
}

/// What the connection reads.
pub(crate) struct BodyStream {
    frames: mpsc::Receiver<Frame>,
    /// What is left of a chunk larger than [`MAX_FRAME`].
    current: Bytes,
    state: State,
    /// Asked once, when the connection wants the first bytes.
    may_leave: Option<Box<dyn FnOnce() -> bool + Send>>,
}

impl BodyStream {
    /// Gives the body up instead of its first bytes, if it may not leave by then. The connection asks for these before it
    /// sends anything, so nothing of the request has left in that case.
    pub(crate) fn leaving_if(mut self, may_leave: impl FnOnce() -> bool + Send + 'static) -> Self {
        self.may_leave = Some(Box::new(may_leave));
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

/// How the stream of a body ends that was given up.
#[derive(Debug, thiserror::Error)]
#[error("the body was given up before its end")]
pub(crate) struct Aborted;

impl Stream for BodyStream {
    type Item = Result<Bytes, Aborted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(may_leave) = self.may_leave.take()
            && !may_leave()
        {
            self.state = State::Ended;
            self.frames.close();
            return Poll::Ready(Some(Err(Aborted)));
        }
        loop {
            if !self.current.is_empty() {
                // As large as each other: a few bytes that are left over would be a write of their own.
                let frames = self.current.len().div_ceil(MAX_FRAME);
                let len = self.current.len().div_ceil(frames);
                return Poll::Ready(Some(Ok(self.current.split_to(len))));
            }
            if self.state == State::Ended {
                return Poll::Ready(None);
            }
            match ready!(self.frames.poll_recv(cx)) {
                Some(Frame::Chunk(chunk)) => self.current = chunk,
                Some(Frame::End(tail)) => {
                    self.current = tail;
                    self.state = State::Ended;
                }
                None => {
                    self.state = State::Ended;
                    return Poll::Ready(Some(Err(Aborted)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[tokio::test]
    async fn a_body_ends_cleanly_only_with_its_tail() {
        let (writer, stream) = channel();
        let read = tokio::spawn(stream.collect::<Vec<_>>());
        for chunk in ["a", "", "b", "c", "d"] {
            writer.write(bytes(chunk)).await.unwrap();
        }
        writer.gate().await.unwrap().open(bytes("]}")).unwrap();
        let frames: Result<Vec<_>, _> = read.await.unwrap().into_iter().collect();
        assert_eq!(frames.unwrap().concat(), b"abcd]}");
    }

    #[tokio::test]
    async fn given_up_at_any_point_it_ends_in_an_error() {
        for point in 0..3 {
            let (writer, stream) = channel();
            let read = tokio::spawn(stream.collect::<Vec<_>>());
            match point {
                0 => drop(writer),
                1 => {
                    writer.write(bytes("a")).await.unwrap();
                    drop(writer);
                }
                _ => {
                    writer.write(bytes("a")).await.unwrap();
                    drop(writer.gate().await.unwrap());
                }
            }
            let frames = read.await.unwrap();
            let (last, before) = frames.split_last().unwrap();
            assert!(last.is_err(), "point {point}");
            assert!(before.iter().all(Result::is_ok));
        }
    }

    #[tokio::test]
    async fn the_gate_waits_until_all_frames_are_taken() {
        let (writer, mut stream) = channel();
        writer.write(bytes("a")).await.unwrap();
        writer.write(bytes("b")).await.unwrap();
        let mut gate = Box::pin(writer.gate());
        assert!((&mut gate).now_or_never().is_none());
        assert_eq!(stream.next().await.unwrap().unwrap(), "a");
        assert!((&mut gate).now_or_never().is_none());
        assert_eq!(stream.next().await.unwrap().unwrap(), "b");
        let gate = gate.await.unwrap();
        gate.open(bytes("]}")).unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), "]}");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_large_chunk_goes_out_in_frames() {
        let (writer, stream) = channel();
        let read = tokio::spawn(stream.collect::<Vec<_>>());
        writer
            .write(vec![7; 3 * MAX_FRAME + 1].into())
            .await
            .unwrap();
        writer.gate().await.unwrap().open(bytes("]}")).unwrap();
        let frames: Result<Vec<_>, _> = read.await.unwrap().into_iter().collect();
        let frames = frames.unwrap();
        // None of them is much smaller, but for the tail.
        let sizes = MAX_FRAME * 3 / 4..=MAX_FRAME;
        assert!(frames[..4].iter().all(|frame| sizes.contains(&frame.len())));
        assert_eq!(frames.len(), 5);
        assert_eq!(frames.concat().len(), 3 * MAX_FRAME + 3);
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_is_noticed() {
        let (writer, stream) = channel();
        drop(stream);
        assert!(writer.write(bytes("a")).await.is_err());
        assert!(writer.gate().await.is_err());
    }
}
