//! The accept loop, and each connection's life.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::busy::BusyGuard;
use crate::route;
use crate::state::State;
use crate::wire::{End, Wire};

/// The most that hyper reads at once, and so the largest frame of a body. Larger ones cost more time in the kernel:
/// they no longer fit the cache.
pub(crate) const READ_BUFFER: usize = 64 * 1024;

/// What open requests get to finish after a shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// What a client gets to send a request's head.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// A pause after an error of `accept`, which mostly is a want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` says so or is dropped, then lets open requests finish. Dropping this future cuts them off.
pub(crate) async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Here, not in its task: `Sandbox::settled` relies on the order.
                    let busy = state.busy.begin();
                    connections.spawn(connection(stream, busy, Arc::clone(&state), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("cutting off requests that are still open");
        connections.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    busy: BusyGuard,
    state: Arc<State>,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let wire = Wire::new(stream, &state);
    let end = serve_one(&wire, &state, &mut stop).await;
    let (Some(end), Some(stream)) = (end, wire.take_stream()) else {
        return;
    };
    // No request comes from here any more.
    drop(busy);
    tokio::select! {
        // First, so that a reset is one also when the sandbox stops.
        biased;
        () = end.carry_out(stream) => {}
        () = stopped(&mut stop) => {}
    }
}

/// Has hyper serve a connection, until either of them ends or a fault wants the socket.
async fn serve_one(
    wire: &Wire,
    state: &Arc<State>,
    stop: &mut watch::Receiver<bool>,
) -> Option<End> {
    let service = service_fn(|request| {
        let (state, wire) = (Arc::clone(state), wire.clone());
        async move { Ok::<_, Infallible>(route::answer(&state, &wire, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(wire.io()), service);
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        end = wire.ended() => return Some(end),
        () = stopped(stop) => {
            if wire.is_slowed() {
                return None;
            }
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                served = connection => served,
                end = wire.ended() => return Some(end),
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
    None
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error is the other end dropped, which means the same.
    let _ = stop.wait_for(|stop| *stop).await;
}
