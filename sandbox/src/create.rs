//! `POST …/a2p-sms/batches`: from the body to the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use jiff::Timestamp;
use tokio::task::{JoinError, JoinHandle};
use uuid::Uuid;

use crate::answer::{self, Answer};
use crate::body::{self, Feed};
use crate::error::ApiError;
use crate::fault::Hide;
use crate::intake::{self, Accepted};
use crate::list::BatchView;
use crate::parse::Failure;
use crate::request::RequestBody;
use crate::state::State;

type Verdict = Result<Accepted, Failure>;

/// Refuses by the head alone, as the edge does before the application is asked.
pub(crate) fn check_length(state: &State, body: &RequestBody) -> Result<(), ApiError> {
    match body.announced() {
        Some(length) if length > state.max_body_bytes => Err(too_large()),
        _ => Ok(()),
    }
}

pub(crate) fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::unsupported_media_type("application/json"));
    }
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding != "identity")
    {
        return Err(ApiError::unsupported_media_type(
            "application/json without a Content-Encoding",
        ));
    }
    Ok(())
}

/// Reads the batch as it comes in, on a thread of its own. Once the body is complete the batch is accepted, whether
/// or not the client waits for the answer: as with the real API, it cannot know.
pub(crate) async fn create(
    state: &Arc<State>,
    body: &mut RequestBody,
    hide: Option<Hide>,
) -> Result<Answer, ApiError> {
    let (feed, reader) = body::channel();
    let shared = Arc::clone(state);
    let busy = state.busy.begin();
    let mut work = tokio::task::spawn_blocking(move || {
        let _busy = busy;
        intake::batch(reader, &shared, hide)
    });
    let verdict = match pump(state, body, feed, &mut work).await? {
        Some(verdict) => verdict,
        None => work.await,
    };
    match verdict {
        Ok(Ok(accepted)) => created(state, accepted),
        Ok(Err(Failure::Refused(error))) => Err(error),
        Ok(Err(Failure::Lost)) => Err(lost()),
        Err(panicked) => Err(ApiError::internal(&panicked)),
    }
}

/// Counts the bytes of the body, and looks at none of them.
pub(crate) async fn discard(state: &State, body: &mut RequestBody) -> Result<Answer, ApiError> {
    let mut received = 0;
    while let Some(data) = body.next().await {
        count(state, &mut received, data.map_err(|_| lost())?.len())?;
    }
    state.counters.batches.fetch_add(1, Relaxed);
    Ok(answer::json(
        StatusCode::CREATED,
        &processing(state, Uuid::new_v4(), None, None, state.clock.now()),
    ))
}

/// Hands the body over until it ends or the reader has seen enough, which is `Some` if it has a verdict already.
async fn pump(
    state: &State,
    body: &mut RequestBody,
    feed: Feed,
    work: &mut JoinHandle<Verdict>,
) -> Result<Option<Result<Verdict, JoinError>>, ApiError> {
    let mut received = 0;
    loop {
        // A client may hold its body back in the middle; a verdict does not wait for it.
        let data = tokio::select! {
            biased;
            verdict = &mut *work => return Ok(Some(verdict)),
            data = body.next() => data,
        };
        let Some(data) = data else {
            // If the reader has gone, its verdict says why.
            let _ = feed.end().await;
            return Ok(None);
        };
        let data = data.map_err(|_| lost())?;
        count(state, &mut received, data.len())?;
        if feed.data(data).await.is_err() {
            return Ok(None);
        }
    }
}

fn count(state: &State, received: &mut u64, more: usize) -> Result<(), ApiError> {
    *received += more as u64;
    state.counters.body_bytes.fetch_add(more as u64, Relaxed);
    if *received > state.max_body_bytes {
        Err(too_large())
    } else {
        Ok(())
    }
}

fn created(state: &State, accepted: Accepted) -> Result<Answer, ApiError> {
    let view = processing(
        state,
        accepted.id,
        Some(accepted.from),
        Some(accepted.size),
        accepted.created,
    );
    let Some(rejects) = accepted.rejects else {
        return Ok(answer::json(StatusCode::CREATED, &view));
    };
    // `rejected` is the last member: what follows its bracket comes from the spool.
    let mut head = serde_json::to_vec(&view).map_err(|error| ApiError::internal(&error))?;
    head.truncate(head.len() - TAIL.len());
    answer::spooled(StatusCode::CREATED, head, rejects, TAIL)
        .map_err(|error| ApiError::internal(&error))
}

const TAIL: &[u8] = b"]}";

fn processing(
    state: &State,
    id: Uuid,
    from: Option<crate::number::Number>,
    size: Option<u64>,
    created: Timestamp,
) -> BatchView {
    BatchView {
        id,
        from,
        batch_size: size,
        processed_count: 0,
        status: "Processing",
        cost: None,
        creation_time: state.clock.rfc3339(created),
        last_modified_time: state.clock.rfc3339(created),
        rejected: [],
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "MSG-338",
        "Request Entity Too Large",
    )
}

/// Seldom seen by anyone: the connection is mostly gone. A broken chunked coding ends here too.
pub(crate) fn lost() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "CMN-104",
        "The request body is broken or ended early",
    )
}
