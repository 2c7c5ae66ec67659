//! `batchcast sandbox`: the API on this machine.

use anyhow::{Result, bail};
use batchcast::send::Credentials;

use crate::exit::Exit;

#[derive(clap::Args)]
pub(crate) struct SandboxArgs {}

pub(crate) fn run(_args: SandboxArgs) -> Result<Exit> {
    bail!("not yet")
}

pub(crate) struct Local;

impl Local {
    pub(crate) async fn start() -> Result<Self> {
        bail!("not yet")
    }
    pub(crate) fn base_url(&self) -> String {
        String::new()
    }
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::access_token("sandbox")
    }
    pub(crate) async fn shutdown(self) {}
}
