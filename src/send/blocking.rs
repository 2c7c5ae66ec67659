//! Work that waits for a disk, or takes its time, on a thread that may.

use tokio::task::{JoinHandle, spawn_blocking};

/// Does the work on such a thread. A panic of it is passed on.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    outcome(spawn_blocking(work)).await
}

/// Waits for such work.
pub(super) async fn outcome<T>(work: JoinHandle<T>) -> T {
    match work.await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is being shut down, so nobody waits for this either.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}
