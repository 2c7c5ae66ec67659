//! Whether anything is going on that may still lead to an accepted batch.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts connections, and batches that are being read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy(Arc<watch::Sender<usize>>);

/// Counted until it is dropped.
#[derive(Debug)]
pub(crate) struct BusyGuard(Busy);

impl Busy {
    pub(crate) fn begin(&self) -> BusyGuard {
        self.0.send_modify(|count| *count += 1);
        BusyGuard(self.clone())
    }

    /// Waits until nothing is counted.
    pub(crate) async fn end(&self) {
        // The sender is this very one, so that it cannot be gone.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
