//! Who sends: a ready access token, or a JWT grant that gets one and renews it.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::send::client::{Http, transport_failure};
use crate::send::outcome::{Failure, FailureKind};
use crate::send::pace;
use crate::send::response;

/// Where tokens come from (API guide, JWT flow).
const TOKEN_PATH: &str = "/restapi/oauth/token";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token is renewed when it has less than this to live before a batch is opened, or less than half
/// its lifetime if that is shorter: a batch on the way must not meet an expired one.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// No token is kept for longer, however long it is said to live: what is added to a moment has an end.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// The lifetime of a token whose answer states none (API guide: 3600).
const DEFAULT_LIFETIME_SECONDS: u64 = 3_600;

/// How often the token endpoint is asked in all: after a `429` or `503`, and after what else may pass
/// (API guide; any other 4xx is final).
const TRIES_WHEN_BUSY: u32 = 5;
const TRIES: u32 = 3;

/// Who sends. `Debug` shows nothing secret, and memory that held a secret is overwritten.
#[derive(Clone)]
pub struct Credentials(Grant);

#[derive(Clone)]
enum Grant {
    AccessToken(SecretString),
    Jwt {
        client_id: String,
        client_secret: SecretString,
        jwt: SecretString,
    },
}

impl Credentials {
    /// A ready access token. It cannot be renewed.
    #[must_use]
    pub fn access_token(token: impl Into<String>) -> Self {
        Self(Grant::AccessToken(token.into().into()))
    }

    /// A JWT grant: the app's client id and secret, and the user's JWT.
    #[must_use]
    pub fn jwt(
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
        jwt: impl Into<String>,
    ) -> Self {
        Self(Grant::Jwt {
            client_id: client_id.into(),
            client_secret: client_secret.into().into(),
            jwt: jwt.into().into(),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Grant::AccessToken(_) => "Credentials(access token)",
            Grant::Jwt { .. } => "Credentials(JWT grant)",
        })
    }
}

impl Credentials {
    /// Whether they can be used at all: an access token that cannot stand in a header never will.
    pub(super) fn is_usable(&self) -> bool {
        match &self.0 {
            Grant::AccessToken(token) => bearer(token).is_ok(),
            Grant::Jwt { .. } => true,
        }
    }
}

/// Has a valid token, as long as the credentials are good.
#[derive(Debug)]
pub(super) struct Authorizer {
    credentials: Credentials,
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

impl Authorizer {
    pub(super) fn new(credentials: Credentials) -> Self {
        let token = Mutex::new(None);
        Self { credentials, token }
    }

    /// The value of the `Authorization` header, good for a batch that is opened now. `waiting` is told how
    /// long the token endpoint is given before it is asked again.
    pub(super) async fn bearer(
        &self,
        http: &Http,
        waiting: &(dyn Fn(Duration) + Sync),
    ) -> Result<HeaderValue, Failure> {
        match &self.credentials.0 {
            Grant::AccessToken(token) => bearer(token),
            Grant::Jwt {
                client_id,
                client_secret,
                jwt,
            } => {
                let mut token = self.token.lock().await;
                if let Some(token) = token.as_ref()
                    && Instant::now() < token.renew_at
                {
                    return Ok(token.header.clone());
                }
                let mut tried = 0;
                let fresh = loop {
                    http.penalty_over(waiting).await;
                    let failure = match grant(http, client_id, client_secret, jwt).await {
                        Ok(fresh) => break fresh,
                        Err(failure) => failure,
                    };
                    tried += 1;
                    let is_busy = is_busy(&failure);
                    if is_busy {
                        // It is the server that wants it: whoever asks meanwhile makes it longer, also after this has given up.
                        http.hold(pace::penalty(failure.retry_after()));
                    }
                    let Some(pause) = pause(&failure, tried, http.timeouts().token_pause) else {
                        return Err(FailureKind::Authorization(failure).into());
                    };
                    if !is_busy {
                        waiting(pause);
                        tokio::time::sleep(pause).await;
                    }
                };
                tracing::debug!("there is a new access token");
                Ok(token.insert(fresh).header.clone())
            }
        }
    }

    /// Whether this token is still the one to go with.
    pub(super) async fn is_good(&self, bearer: &HeaderValue) -> bool {
        if !self.can_renew() {
            return true;
        }
        let token = self.token.lock().await;
        let is_good = |token: &Token| token.header == *bearer && Instant::now() < token.renew_at;
        token.as_ref().is_some_and(is_good)
    }

    /// Whether a token that was refused can be replaced.
    pub(super) const fn can_renew(&self) -> bool {
        matches!(self.credentials.0, Grant::Jwt { .. })
    }

    /// The API has refused this token: the next one who asks gets a new one. A token that was renewed in the
    /// meantime stays.
    pub(super) async fn refuse(&self, refused: &HeaderValue) {
        let mut token = self.token.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *refused) {
            *token = None;
        }
    }
}

/// Whether the token endpoint wants to be left alone.
fn is_busy(failure: &Failure) -> bool {
    matches!(failure.kind(), FailureKind::Answer(answer) if matches!(answer.status, 429 | 503))
}

/// How long to wait before the token endpoint is asked again, if it is.
fn pause(failure: &Failure, tried: u32, pause: Duration) -> Option<Duration> {
    let (tries, wait) = match failure.kind() {
        FailureKind::Answer(answer) => match answer.status {
            _ if is_busy(failure) => (TRIES_WHEN_BUSY, pace::penalty(answer.retry_after)),
            408 | 500.. => (TRIES, pause),
            _ => return None,
        },
        FailureKind::Timeout { .. } | FailureKind::Transport { .. } => (TRIES, pause),
        _ => return None,
    };
    (tried < tries && !pace::is_too_long(Some(wait))).then_some(wait)
}

async fn grant(
    http: &Http,
    client_id: &str,
    client_secret: &SecretString,
    jwt: &SecretString,
) -> Result<Token, Failure> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: SecretString,
        #[serde(default = "default_lifetime")]
        expires_in: u64,
    }
    fn default_lifetime() -> u64 {
        DEFAULT_LIFETIME_SECONDS
    }

    let asked = Instant::now();
    let request = http
        .request(Method::POST, TOKEN_PATH, &[])
        .basic_auth(client_id, Some(client_secret.expose_secret()))
        .form(&[
            ("grant_type", GRANT_TYPE),
            ("assertion", jwt.expose_secret()),
        ])
        .send();
    let limit = http.timeouts().response;
    let step = "asking for an access token";
    let Ok(answered) = tokio::time::timeout(limit, request).await else {
        return Err(FailureKind::Timeout { step, limit }.into());
    };
    let response = answered.map_err(|error| transport_failure(step, error))?;
    http.clock().learn(response.headers());
    if !response.status().is_success() {
        return Err(FailureKind::Answer(response::read_error(response).await).into());
    }
    let status = response.status().as_u16();
    let body = response::read_prefix(response).await;
    let granted: Granted = serde_json::from_slice(&body).map_err(|_| FailureKind::Receipt {
        // serde_json's own words could quote what stands in the answer.
        reason: "it is no JSON with an access_token".to_owned(),
        request_id: None,
        status,
    })?;
    Ok(Token {
        header: bearer(&granted.access_token)?,
        renew_at: asked + good_for(granted.expires_in),
    })
}

/// How long a token is used of which the server says that it lives so many seconds.
fn good_for(expires_in: u64) -> Duration {
    let lifetime = Duration::from_secs(expires_in).min(LONGEST_LIFETIME);
    lifetime.saturating_sub(RENEWAL_MARGIN).max(lifetime / 2)
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    let value = format!("Bearer {}", token.expose_secret());
    let mut header = HeaderValue::try_from(value).map_err(|_: InvalidHeaderValue| {
        FailureKind::Authorization(
            FailureKind::Transport {
                step: "using the access token",
                reason: "it holds characters that no HTTP header can have".to_owned(),
            }
            .into(),
        )
    })?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_ahead_of_its_end_whenever_that_is() {
        for (expires_in, seconds) in [(0, 0), (60, 30), (600, 300), (3_600, 3_300)] {
            assert_eq!(good_for(expires_in), Duration::from_secs(seconds));
        }
        assert!(Instant::now().checked_add(good_for(u64::MAX)).is_some());
    }
}
