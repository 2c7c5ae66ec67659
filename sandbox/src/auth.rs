//! Access tokens: given out for a JWT, checked on every call.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::ApiError;

/// Tokens remembered; an expired one is told apart from an unknown one as long as it is among them.
const MAX_TOKENS: usize = 1_000;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What the token endpoint accepts.
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) jwt: String,
}

pub(crate) struct Tokens {
    lifetime: Duration,
    /// `None` accepts all that are not empty.
    credentials: Option<Credentials>,
    /// Accepted beside the issued ones, forever.
    ready: Option<String>,
    issued: Mutex<VecDeque<(String, Instant)>>,
}

/// The answer of the token endpoint.
#[derive(Serialize)]
pub(crate) struct Grant {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: &'static str,
    owner_id: &'static str,
}

impl Tokens {
    pub(crate) fn new(
        lifetime: Duration,
        credentials: Option<Credentials>,
        ready: Option<String>,
    ) -> Self {
        Self {
            lifetime,
            credentials,
            ready,
            issued: Mutex::default(),
        }
    }

    /// Checks a call's `Authorization`.
    pub(crate) fn check(&self, headers: &HeaderMap, now: Instant) -> Result<(), ApiError> {
        let Some(token) = credentials_of(headers, "Bearer") else {
            return Err(unauthorized("AGW-402", "Invalid Authorization header"));
        };
        if self.ready.as_deref() == Some(token) {
            return Ok(());
        }
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        match issued.iter().find(|(known, _)| known == token) {
            Some((_, expires)) if now < *expires => Ok(()),
            Some(_) => Err(unauthorized("OAU-128", "Access token expired")),
            None => Err(unauthorized("OAU-129", "Access token corrupted")),
        }
    }

    /// Answers a request for a token. `form` is the body as it came.
    pub(crate) fn grant(
        &self,
        headers: &HeaderMap,
        form: &[u8],
        now: Instant,
    ) -> Result<Grant, ApiError> {
        let Some((client_id, client_secret)) = basic(headers) else {
            return Err(invalid_client("Client authentication is required"));
        };
        let known = |pick: fn(&Credentials) -> &String, given: &str| {
            self.credentials
                .as_ref()
                .map_or(!given.is_empty(), |credentials| pick(credentials) == given)
        };
        if !known(|c| &c.client_id, &client_id) || !known(|c| &c.client_secret, &client_secret) {
            return Err(invalid_client("Wrong client application credentials"));
        }
        let (mut grant_type, mut assertion) = (None, None);
        for (name, value) in form_urlencoded::parse(form) {
            let slot = match &*name {
                "grant_type" => &mut grant_type,
                "assertion" => &mut assertion,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                let message = "Request parameter duplication detected";
                return Err(ApiError::new(StatusCode::BAD_REQUEST, "OAU-111", message)
                    .oauth("invalid_request"));
            }
        }
        match grant_type.as_deref() {
            None => {
                return Err(
                    ApiError::parameter("grant_type", "it is required").oauth("invalid_request")
                );
            }
            Some(GRANT) => {}
            Some(_) => {
                let error =
                    ApiError::parameter("grant_type", "only the JWT bearer flow is known here");
                return Err(error.oauth("unsupported_grant_type"));
            }
        }
        let Some(assertion) = assertion else {
            return Err(ApiError::parameter("assertion", "it is required").oauth("invalid_request"));
        };
        if !known(|c| &c.jwt, &assertion) {
            return Err(
                ApiError::parameter("assertion", "the JWT is not accepted").oauth("invalid_grant")
            );
        }
        Ok(self.issue(now))
    }

    /// The tokens given out so far are good no longer.
    pub(crate) fn expire(&self, now: Instant) {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, expires) in issued.iter_mut() {
            *expires = now.min(*expires);
        }
    }

    fn issue(&self, now: Instant) -> Grant {
        let access_token = Uuid::new_v4().simple().to_string();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() == MAX_TOKENS {
            issued.pop_front();
        }
        issued.push_back((access_token.clone(), now + self.lifetime));
        Grant {
            access_token,
            token_type: "bearer",
            expires_in: self.lifetime.as_secs(),
            scope: "A2PSMS",
            owner_id: "1",
        }
    }
}

/// Keeps every secret out of `{:?}`.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

fn unauthorized(code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, message)
        .with_header(WWW_AUTHENTICATE, "Bearer realm=\"RingCentral REST API\"")
}

fn invalid_client(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "OAU-123", message)
        .oauth("invalid_client")
        .with_header(WWW_AUTHENTICATE, "Basic realm=\"RingCentral REST API\"")
}

/// What follows the scheme in `Authorization`; the scheme's case does not matter.
fn credentials_of<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (given, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given
        .eq_ignore_ascii_case(scheme)
        .then(|| credentials.trim())
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD
        .decode(credentials_of(headers, "Basic")?)
        .ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
