//! A connection's bytes on their way to hyper and back: counted, slowed, and stopped where a fault says so.
//!
//! hyper serves every request. What it cannot do (a reset, an end in the middle, no HTTP at all) is done to the socket
//! behind its back: the [`Wire`] tells the connection's task, which drops hyper and takes the socket.

mod end;
mod lane;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::fault::{Ending, Fault, FaultRoute};
use crate::state::State;

pub(crate) use end::End;
use lane::Lane;

/// What the connection's task and its requests know of the socket.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Shared>);

struct Shared {
    state: Arc<State>,
    lane: Mutex<Lane>,
    ended: Notify,
}

/// hyper's end.
pub(crate) struct Io(Wire);

impl Wire {
    pub(crate) fn new(stream: TcpStream, state: &Arc<State>) -> Self {
        Self(Arc::new(Shared {
            state: Arc::clone(state),
            lane: Mutex::new(Lane::new(stream)),
            ended: Notify::new(),
        }))
    }

    pub(crate) fn io(&self) -> Io {
        Io(self.clone())
    }

    /// The fault of the request whose head hyper has read. To be asked once a request.
    pub(crate) fn fault(&self, route: FaultRoute) -> Option<Fault> {
        let decided = self.lane().take_decision();
        // Undecided: its bytes came along with those of the request before.
        decided.unwrap_or_else(|| self.0.state.faults.take(route))
    }

    /// The whole body of the request has been read.
    pub(crate) fn body_is_read(&self) {
        self.lane().body_is_read();
    }

    /// hyper gets the answer next, which is cut off after so many bytes. `at_close` is how the connection ends when
    /// hyper closes it.
    pub(crate) fn answers(&self, cut: Option<(u64, Ending)>, at_close: Option<Ending>) {
        self.lane().answers(cut, at_close);
    }

    /// Ends the connection: the caller is dropped at its next await.
    pub(crate) fn end(&self, end: End) {
        self.lane().end(end);
        self.0.ended.notify_one();
    }

    /// Waits for a fault that ends the connection.
    pub(crate) async fn ended(&self) -> End {
        loop {
            if let Some(end) = self.lane().take_end() {
                return end;
            }
            self.0.ended.notified().await;
        }
    }

    /// Whether a fault keeps the request from being read at full speed: no reason to wait for it.
    pub(crate) fn is_slowed(&self) -> bool {
        self.lane().is_slowed()
    }

    /// The socket, of which hyper must be rid by now.
    pub(crate) fn take_stream(&self) -> Option<TcpStream> {
        self.lane().take_stream()
    }

    fn lane(&self) -> MutexGuard<'_, Lane> {
        self.0.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the lane, and tells the connection's task if that has ended it.
    fn poll<T>(&self, poll: impl FnOnce(&mut Lane, &State) -> Poll<T>) -> Poll<T> {
        let mut lane = self.lane();
        let polled = poll(&mut lane, &self.0.state);
        if lane.has_ended() {
            self.0.ended.notify_one();
        }
        polled
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0
            .poll(|lane, state| lane.poll_read(context, buffer, state))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0
            .poll(|lane, state| lane.poll_write(context, &[io::IoSlice::new(bytes)], state))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0
            .poll(|lane, state| lane.poll_write(context, slices, state))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket has nothing to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll(|lane, _| lane.poll_shutdown(context))
    }
}
