//! The sandbox as the API.

use std::time::Instant;

use batchcast_sandbox::{AcceptedBatch, Sandbox, SandboxBuilder, Stats};
use tokio::runtime::Runtime;

use crate::support::{FROM, PATIENCE, Run, TEXT, TOKEN, batchcast};

/// A sandbox in the test's process.
pub(crate) struct Api {
    // Dropped first: within its runtime.
    pub(crate) sandbox: Sandbox,
    _runtime: Runtime,
}

impl Api {
    pub(crate) fn start(set: impl FnOnce(SandboxBuilder) -> SandboxBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let builder = set(Sandbox::builder().access_token(TOKEN).rate_limit(None));
        let sandbox = runtime.block_on(builder.start()).unwrap();
        Self {
            sandbox,
            _runtime: runtime,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.sandbox.stats()
    }

    /// Waits until it has come so far.
    #[track_caller]
    pub(crate) fn until(&self, is_far: impl Fn(&Stats) -> bool) {
        let started = Instant::now();
        while !is_far(&self.stats()) {
            assert!(started.elapsed() < PATIENCE, "{:?}", self.stats());
            std::thread::yield_now();
        }
    }

    /// A send to it, with a text for all.
    pub(crate) fn send(&self, arguments: &str) -> Run {
        self.send_without_text(arguments).arg("--text").arg(TEXT)
    }

    pub(crate) fn send_without_text(&self, arguments: &str) -> Run {
        let run = batchcast(&format!("send {arguments}"))
            .arg("--from")
            .arg(FROM);
        run.env("RC_SERVER_URL", self.sandbox.base_url())
            .env("RC_ACCESS_TOKEN", TOKEN)
    }

    /// A resume of a run with it.
    pub(crate) fn resume(&self, journal: impl AsRef<std::ffi::OsStr>) -> Run {
        self.resume_without_text(journal).arg("--text").arg(TEXT)
    }

    pub(crate) fn resume_without_text(&self, journal: impl AsRef<std::ffi::OsStr>) -> Run {
        let run = batchcast("resume").arg(journal).arg("--from").arg(FROM);
        run.env("RC_SERVER_URL", self.sandbox.base_url())
            .env("RC_ACCESS_TOKEN", TOKEN)
    }

    /// From now on these faults.
    pub(crate) fn faults(&self, plan: &str) {
        self.sandbox.set_faults(plan.parse().unwrap());
    }

    /// The recipients of all accepted batches.
    pub(crate) fn recipients(&self) -> Vec<String> {
        let batches = self.sandbox.accepted();
        let all = batches.iter().flat_map(AcceptedBatch::recipients);
        all.map(str::to_owned).collect()
    }
}
