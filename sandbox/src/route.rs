//! From a request to its endpoint, and what all answers have in common.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::limit::Limiter;
use crate::request::RequestBody;
use crate::state::State;
use crate::{create, list};

/// More than any client id, secret and JWT need.
const MAX_FORM: usize = 64 * 1024;

/// A known path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'p> {
    Token,
    Batches,
    Batch(&'p str),
    Messages,
    Statuses,
}

/// Answers one request.
pub(crate) async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Answer {
    state.counters.requests.fetch_add(1, Relaxed);
    let (head, incoming) = request.into_parts();
    let mut body = RequestBody::new(incoming, &head.headers);
    let route = Route::parse(head.uri.path());
    let id = Uuid::new_v4();

    let result = endpoint(state, route, &head, &mut body).await;
    let code = result.as_ref().err().map(|error| error.code);
    let mut answer = result.unwrap_or_else(|error| answer::error(&error));
    if answer.status().as_u16() >= 400 {
        state.counters.errors.fetch_add(1, Relaxed);
    }
    // Not the path and not the query: they may hold a number.
    let (method, status) = (&head.method, answer.status().as_u16());
    tracing::info!(request = %id, %method, route = route.map(Route::name), status, code, "answered");

    let headers = answer.headers_mut();
    // A hyphenated UUID is ASCII.
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(HeaderName::from_static("rcrequestid"), id);
    }
    if let Some(limiter) = limiter(state, route) {
        let standing = limiter.standing(Instant::now());
        headers.insert(
            "x-rate-limit-group",
            HeaderValue::from_static(standing.group),
        );
        headers.insert("x-rate-limit-limit", standing.limit.into());
        headers.insert("x-rate-limit-remaining", standing.remaining.into());
        headers.insert("x-rate-limit-window", standing.window.into());
    }
    if body.linger() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

async fn endpoint(
    state: &Arc<State>,
    route: Option<Route<'_>>,
    head: &Parts,
    body: &mut RequestBody,
) -> Result<Answer, ApiError> {
    let query = head.uri.query();
    let Some(route) = route else {
        return Err(ApiError::not_found("path"));
    };
    if !route.allows(&head.method) {
        let message = format!("Method {} is not allowed here", head.method);
        let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "CMN-405", message);
        return Err(error.with_header(ALLOW, route.allow()));
    }
    if route == Route::Token {
        take(state, route)?;
        return token(state, head, body).await;
    }
    let creates = head.method == Method::POST;
    if creates {
        create::check_length(state, body)?;
    }
    state.tokens.check(&head.headers, Instant::now())?;
    take(state, route)?;
    match route {
        Route::Batches if creates => {
            create::check_type(&head.headers)?;
            if state.discard {
                create::discard(state, body).await
            } else {
                create::create(state, body).await
            }
        }
        Route::Batches => list::batches(state, query),
        Route::Batch(id) => list::batch(state, id, query),
        Route::Messages => list::messages(state, query),
        Route::Statuses => list::statuses(state, query),
        Route::Token => Err(ApiError::not_found("path")),
    }
}

async fn token(state: &State, head: &Parts, body: &mut RequestBody) -> Result<Answer, ApiError> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let given = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case(FORM)
    {
        return Err(ApiError::unsupported_media_type(FORM).oauth("invalid_request"));
    }
    let Some(form) = body.collect(MAX_FORM).await else {
        let message = "The form is broken, or longer than 64 KiB";
        return Err(
            ApiError::new(StatusCode::BAD_REQUEST, "CMN-104", message).oauth("invalid_request")
        );
    };
    let grant = state.tokens.grant(&head.headers, &form, Instant::now())?;
    state.counters.tokens.fetch_add(1, Relaxed);
    Ok(answer::json(StatusCode::OK, &grant))
}

fn limiter<'s>(state: &'s State, route: Option<Route<'_>>) -> Option<&'s Limiter> {
    let limits = state.limits.as_ref()?;
    Some(if route == Some(Route::Token) {
        &limits.auth
    } else {
        &limits.light
    })
}

fn take(state: &State, route: Route<'_>) -> Result<(), ApiError> {
    let taken = limiter(state, Some(route)).map_or(Ok(()), |limiter| limiter.take(Instant::now()));
    taken.map_err(|exceeded| {
        let error = ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "CMN-301",
            "Request rate exceeded",
        );
        error.with_header(RETRY_AFTER, exceeded.retry_after.to_string())
    })
}

impl<'p> Route<'p> {
    fn parse(path: &'p str) -> Option<Self> {
        if path == "/restapi/oauth/token" {
            return Some(Self::Token);
        }
        let path = path.strip_prefix("/restapi/v1.0/account/")?;
        // Some clients encode the tilde.
        let path = path
            .strip_prefix('~')
            .or_else(|| path.strip_prefix("%7E"))
            .or_else(|| path.strip_prefix("%7e"))?;
        match path.strip_prefix("/a2p-sms/")? {
            "batches" => Some(Self::Batches),
            "messages" => Some(Self::Messages),
            "statuses" => Some(Self::Statuses),
            path => path
                .strip_prefix("batches/")
                .filter(|id| !id.is_empty() && !id.contains('/'))
                .map(Self::Batch),
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Token => "POST",
            Self::Batches => "GET, POST",
            Self::Batch(_) | Self::Messages | Self::Statuses => "GET",
        }
    }

    fn allows(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| method == allowed)
    }

    /// Without the batch's id.
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Batches => "batches",
            Self::Batch(_) => "batch",
            Self::Messages => "messages",
            Self::Statuses => "statuses",
        }
    }
}
