//! The client of whatever a command asks or sends to: the API's server, or a sandbox of its own.

use anyhow::Result;
use batchcast::send::{Client, ClientError};

use crate::config::Target;
use crate::fail::Usage;
use crate::hooks::Pauses;
use crate::{sandbox, terminal};

/// The client, its server's base URL, and the sandbox if that is the server.
pub(crate) async fn connect(
    target: Target,
    pauses: &Pauses,
) -> Result<(Client, String, Option<sandbox::Local>)> {
    let (base_url, credentials, ca_bundle, sandbox) = match target {
        Target::Server {
            base_url,
            credentials,
            ca_bundle,
        } => (base_url, credentials, ca_bundle, None),
        Target::Sandbox => {
            let local = sandbox::Local::start().await?;
            let base_url = local.base_url();
            terminal::note(&format!(
                "batchcast: sending to a sandbox at {base_url}: nobody gets a message"
            ));
            (base_url, sandbox::Local::credentials(), None, Some(local))
        }
    };
    let mut client = Client::builder(&base_url, credentials)
        .user_agent(concat!("batchcast/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = ca_bundle {
        client = client.ca_bundle(pem);
    }
    let client = pauses.client(client).build().map_err(|error| match error {
        ClientError::Tls(_) => error.into(),
        // What was typed, or set, cannot work.
        ClientError::CaBundle(_) => anyhow::Error::from(error).context(Usage::of("--ca-bundle")),
        ClientError::AccessToken => {
            anyhow::Error::from(error).context(Usage::of("RC_ACCESS_TOKEN"))
        }
        error => anyhow::Error::from(error).context(Usage::of("--base-url")),
    });
    Ok((client?, base_url, sandbox))
}
