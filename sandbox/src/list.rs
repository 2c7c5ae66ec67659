//! The reading endpoints.
//!
//! The model is simple and deterministic: a batch is `Processing` in the answer that creates it and `Completed`
//! whenever it is read later, and all its accepted messages are `Delivered`, free of charge.

use hyper::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::number::Number;
use crate::query::{Key, Query};
use crate::state::State;
use crate::store::{Batch, Message};

/// A batch as it is shown; `rejected` follows in the answer that creates it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchView {
    pub(crate) id: Uuid,
    /// `None` only where the body was discarded.
    pub(crate) from: Option<Number>,
    pub(crate) batch_size: u64,
    pub(crate) processed_count: u64,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<f64>,
    pub(crate) creation_time: String,
    pub(crate) last_modified_time: String,
    pub(crate) rejected: [(); 0],
}

const COMPLETED: &str = "Completed";
pub(crate) const E164: &str = "a number in E.164, its + written as %2B,";

pub(crate) fn batches(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let known = [
        "dateFrom",
        "dateTo",
        "from",
        "status",
        "perPage",
        "pageToken",
    ];
    let query = Query::parse(query, &known)?;
    let from = query.value("from", E164, Number::parse)?;
    let statuses = ["Queued", "Processing", "Sent", COMPLETED];
    let status = query.value("status", "Queued, Processing, Sent or Completed", |text| {
        statuses.into_iter().find(|status| *status == text)
    })?;
    let (period, paging) = (query.period(state.clock.now())?, query.paging()?);
    let mut store = state.store();
    let found = store.batches().filter(|batch| {
        period.contains(&batch.created)
            && from.is_none_or(|from| batch.from == from)
            && status.is_none_or(|status| status == COMPLETED)
    });
    let page = paging.page(
        found,
        |batch| Key::new(batch.sequence, 0),
        |batch| completed(state, batch),
    );
    store.was_listed();
    drop(store);
    Ok(answer::json(StatusCode::OK, &page))
}

pub(crate) fn batch(state: &State, id: &str, query: Option<&str>) -> Result<Answer, ApiError> {
    Query::parse(query, &[])?;
    let view = Uuid::parse_str(id)
        .ok()
        .and_then(|id| state.store().batch(id).map(|batch| completed(state, batch)));
    let view = view.ok_or_else(|| ApiError::not_found("batchId"))?;
    Ok(answer::json(StatusCode::OK, &view))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageView {
    id: String,
    batch_id: Uuid,
    from: Number,
    to: [Number; 1],
    creation_time: String,
    last_modified_time: String,
    message_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    cost: f64,
    direction: &'static str,
}

pub(crate) fn messages(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let known = [
        "batchId",
        "direction",
        "dateFrom",
        "dateTo",
        "view",
        "phoneNumber",
        "perPage",
        "pageToken",
    ];
    let query = Query::parse(query, &known)?;
    let batch = batch_id(&query)?;
    let outbound = query.value("direction", "Inbound or Outbound", |text| {
        one_of(text, "Inbound", "Outbound")
    })?;
    let detailed = query.value("view", "Simple or Detailed", |text| {
        one_of(text, "Simple", "Detailed")
    })?;
    let number = query.value("phoneNumber", E164, Number::parse)?;
    let (period, paging) = (query.period(state.clock.now())?, query.paging()?);
    let store = state.store();
    let found = store.messages().filter(|message| {
        batch.is_none_or(|id| message.batch.id == id)
            && outbound.unwrap_or(true)
            && number.is_none_or(|number| message.to == number || message.batch.from == number)
            && period.contains(&message.batch.created)
    });
    let key = |message: &Message<'_>| Key::new(message.batch.sequence, message.ordinal);
    let page = paging.page(found, key, |message| {
        message_view(state, &message, detailed.unwrap_or(false))
    });
    drop(store);
    Ok(answer::json(StatusCode::OK, &page))
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct StatusesView {
    queued: StatusCount,
    delivered: StatusCount,
    delivery_failed: StatusCount,
    sent: StatusCount,
    sending_failed: StatusCount,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct StatusCount {
    count: u64,
    cost: f64,
    error_code_counts: std::collections::BTreeMap<String, u64>,
}

pub(crate) fn statuses(state: &State, query: Option<&str>) -> Result<Answer, ApiError> {
    let query = Query::parse(query, &["batchId", "direction", "dateFrom", "dateTo"])?;
    let batch = batch_id(&query)?;
    let outbound = query.value("direction", "Inbound or Outbound", |text| {
        one_of(text, "Inbound", "Outbound")
    })?;
    let period = query.period(state.clock.now())?;
    let mut view = StatusesView::default();
    view.delivered.count = state
        .store()
        .batches()
        .filter(|found| batch.is_none_or(|id| found.id == id))
        .filter(|found| outbound.unwrap_or(true) && period.contains(&found.created))
        .map(|found| found.size)
        .sum();
    Ok(answer::json(StatusCode::OK, &view))
}

fn completed(state: &State, batch: &Batch) -> BatchView {
    let size = state.batch_size.of(batch.size, batch.rejected);
    BatchView {
        id: batch.id,
        from: Some(batch.from),
        batch_size: size,
        processed_count: size,
        status: COMPLETED,
        cost: Some(0.0),
        creation_time: state.clock.rfc3339(batch.created),
        last_modified_time: state.clock.rfc3339(batch.created),
        rejected: [],
    }
}

fn message_view(state: &State, message: &Message<'_>, detailed: bool) -> MessageView {
    let time = state.clock.rfc3339(message.batch.created);
    MessageView {
        id: format!("{}{:010}", message.batch.sequence + 1, message.ordinal),
        batch_id: message.batch.id,
        from: message.batch.from,
        to: [message.to],
        creation_time: time.clone(),
        last_modified_time: time,
        message_status: "Delivered",
        segment_count: message.text.map(segments),
        text: message.text.filter(|_| detailed).map(str::to_owned),
        cost: 0.0,
        direction: "Outbound",
    }
}

/// Segments, roughly: all of ASCII is taken for GSM-7, all else for UCS-2.
fn segments(text: &str) -> usize {
    let units = text.encode_utf16().count();
    let (single, part) = if text.is_ascii() {
        (160, 153)
    } else {
        (70, 67)
    };
    if units <= single {
        1
    } else {
        units.div_ceil(part)
    }
}

fn batch_id(query: &Query<'_>) -> Result<Option<Uuid>, ApiError> {
    query.value("batchId", "the id of a batch", |text| {
        Uuid::parse_str(text).ok()
    })
}

/// Whether `text` is `yes`; `None` if it is neither.
fn one_of(text: &str, no: &str, yes: &str) -> Option<bool> {
    if text == yes {
        Some(true)
    } else {
        (text == no).then_some(false)
    }
}
