//! From a request to its endpoint, and what all answers have in common.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, DATE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::fault::{Course, Ending, FaultRoute, Hide, Reply, ReplyBody, ReplyTime, Then};
use crate::limit::{Limiter, RetryAfter};
use crate::request::RequestBody;
use crate::state::State;
use crate::wire::{End, Wire};
use crate::{create, list, opt_outs};

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
    OptOuts,
}

/// Answers one request.
pub(crate) async fn answer(state: &Arc<State>, wire: &Wire, request: Request<Incoming>) -> Answer {
    state.counters.requests.fetch_add(1, Relaxed);
    let (head, incoming) = request.into_parts();
    let mut body = RequestBody::new(incoming, &head.headers);
    let route = Route::parse(head.uri.path());
    let asked = fault_route(&head.method, route);
    if asked == FaultRoute::Batch {
        state.counters.creates.fetch_add(1, Relaxed);
    }
    let course = Course::of(wire.fault(asked));
    let id = Uuid::new_v4();

    let (result, reply) = carried_out(state, route, &head, &mut body, &course).await;
    let code = result.as_ref().err().map(|error| error.code.clone());
    let mut answer = result.unwrap_or_else(|error| answer::error(&error));
    if answer.status().as_u16() >= 400 {
        state.counters.errors.fetch_add(1, Relaxed);
    }
    // Not the path and not the query: they may hold a number.
    let (method, status) = (&head.method, answer.status().as_u16());
    tracing::info!(request = %id, %method, route = route.map(Route::name), status, code = code.as_deref(), "answered");

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
    if let Ok(date) = HeaderValue::try_from(state.clock.date()) {
        headers.insert(DATE, date);
    }
    for (name, value) in reply.iter().flat_map(|reply| &reply.headers) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    wayward(state, wire, &course, reply).await;
    let then = reply.and_then(|reply| reply.then);
    if body.leave(then, wire) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let at_close = (then == Some(Then::Reset)).then_some(Ending::Reset);
    wire.answers(course.cut, at_close);
    answer
}

/// The answer to a request, and the fault's that it is, if it is one.
async fn carried_out<'c>(
    state: &Arc<State>,
    route: Option<Route<'_>>,
    head: &Parts,
    body: &mut RequestBody,
    course: &'c Course,
) -> (Result<Answer, ApiError>, Option<&'c Reply>) {
    if course.expire_tokens {
        state.felt();
        state.tokens.expire(Instant::now());
    }
    if let Some(reply) = &course.refusal {
        return match refuse(state, route, body, reply).await {
            Ok(answer) => (Ok(answer), Some(reply)),
            Err(error) => (Err(error), None),
        };
    }
    let result = endpoint(state, route, head, body, course.hide).await;
    match &course.reply {
        Some(reply) if result.is_ok() => {
            state.felt();
            (Ok(answer::reply(reply, &state.clock)), Some(reply))
        }
        _ => (result, None),
    }
}

/// A request that is not carried out still counts, and may come too early itself.
async fn refuse(
    state: &State,
    route: Option<Route<'_>>,
    body: &mut RequestBody,
    reply: &Reply,
) -> Result<Answer, ApiError> {
    take(state, route)?;
    let bytes = match reply.time() {
        ReplyTime::Early(bytes) => bytes,
        ReplyTime::Late | ReplyTime::Accepted => u64::MAX,
    };
    body.read(bytes).await.map_err(|_| create::lost())?;
    state.felt();
    if let (Some(penalty), Some(limiter)) = (reply.penalty(), limiter(state, route)) {
        limiter.punish(Instant::now(), penalty);
    }
    Ok(answer::reply(reply, &state.clock))
}

/// What a fault does to an answer before hyper gets it. If that is never, the caller is dropped while it waits.
async fn wayward(state: &State, wire: &Wire, course: &Course, reply: Option<&Reply>) {
    if let Some(delay) = course.delay {
        state.felt();
        tokio::time::sleep(delay).await;
    }
    let end = match (
        course.hold,
        course.cut,
        reply.and_then(|reply| reply.body.as_ref()),
    ) {
        (true, ..) => End::Hold,
        (_, Some((0, ending)), _) => End::Cut(ending),
        (_, _, Some(ReplyBody::Garbage(bytes))) => End::Garbage(bytes.clone()),
        _ => return,
    };
    // Garbage has been counted as the answer that it is.
    if !matches!(end, End::Garbage(_)) {
        state.felt();
    }
    wire.end(end);
    std::future::pending::<()>().await;
}

async fn endpoint(
    state: &Arc<State>,
    route: Option<Route<'_>>,
    head: &Parts,
    body: &mut RequestBody,
    hide: Option<Hide>,
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
        take(state, Some(route))?;
        return token(state, head, body).await;
    }
    let creates = head.method == Method::POST;
    if creates {
        create::check_length(state, body)?;
    }
    state.tokens.check(&head.headers, Instant::now())?;
    take(state, Some(route))?;
    match route {
        Route::Batches if creates => {
            create::check_type(&head.headers)?;
            if state.discard {
                create::discard(state, body).await
            } else {
                create::create(state, body, hide).await
            }
        }
        Route::Batches => list::batches(state, query),
        Route::Batch(id) => list::batch(state, id, query),
        Route::Messages => list::messages(state, query),
        Route::Statuses => list::statuses(state, query),
        Route::OptOuts => opt_outs::opt_outs(state, &head.headers, query),
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

fn take(state: &State, route: Option<Route<'_>>) -> Result<(), ApiError> {
    let taken = limiter(state, route).map_or(Ok(()), |limiter| limiter.take(Instant::now()));
    taken.map_err(|exceeded| {
        let error = ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "CMN-301",
            "Request rate exceeded",
        );
        match exceeded.form {
            RetryAfter::Seconds => error.with_header(RETRY_AFTER, exceeded.retry_after.to_string()),
            RetryAfter::Date => {
                error.with_header(RETRY_AFTER, state.clock.date_in(exceeded.retry_after))
            }
            RetryAfter::Absent => error,
        }
    })
}

/// What the first line of a request asks for.
pub(crate) fn of_line(line: &[u8]) -> FaultRoute {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    method.parse().map_or(FaultRoute::Any, |method| {
        fault_route(&method, Route::parse(path))
    })
}

/// `Any` is what no narrower rule is for.
fn fault_route(method: &Method, route: Option<Route<'_>>) -> FaultRoute {
    match route {
        Some(Route::Token) if method == Method::POST => FaultRoute::Token,
        Some(Route::Batches) if method == Method::POST => FaultRoute::Batch,
        Some(route) if method == Method::GET => match route {
            Route::Batches => FaultRoute::List,
            Route::Batch(_) => FaultRoute::Get,
            Route::Messages => FaultRoute::Messages,
            Route::Statuses => FaultRoute::Statuses,
            Route::OptOuts => FaultRoute::OptOuts,
            Route::Token => FaultRoute::Any,
        },
        _ => FaultRoute::Any,
    }
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
            "opt-outs" => Some(Self::OptOuts),
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
            Self::Batch(_) | Self::Messages | Self::Statuses | Self::OptOuts => "GET",
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
            Self::OptOuts => "opt-outs",
        }
    }
}
