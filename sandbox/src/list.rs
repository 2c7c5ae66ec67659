//! The reading endpoints.
//!
//! The model is simple and deterministic: a batch is `Processing` in the answer that creates it. How far it is when
//! it is read later, and what has become of its messages, is for [`deliver`](crate::deliver) to say.

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
    /// `None` only where the body was discarded: its messages were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_size: Option<u64>,
    pub(crate) processed_count: u64,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<f64>,
    pub(crate) creation_time: String,
    pub(crate) last_modified_time: String,
    pub(crate) rejected: [(); 0],
}

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
    let statuses = ["Queued", "Processing", "Sent", "Completed"];
    let status = query.value("status", "Queued, Processing, Sent or Completed", |text| {
        statuses.into_iter().find(|status| *status == text)
    })?;
    let (period, paging) = (query.period(state.clock.now())?, query.paging()?);
    let mut store = state.store();
    let found = store.batches().filter(|batch| {
        period.contains(&batch.created)
            && from.is_none_or(|from| batch.from == from)
            && status.is_none_or(|status| status == state.deliveries.status(batch))
    });
    let page = paging.page(
        found,
        |batch| Key::new(batch.sequence, 0),
        |batch| batch_view(state, batch),
    );
    store.was_listed();
    drop(store);
    Ok(answer::json(StatusCode::OK, &page))
}

pub(crate) fn batch(state: &State, id: &str, query: Option<&str>) -> Result<Answer, ApiError> {
    Query::parse(query, &[])?;
    let view = Uuid::parse_str(id)
        .ok()
        .and_then(|id| state.store().look(id).map(|batch| batch_view(state, batch)));
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
    segment_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    cost: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
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
    let store = state.store();
    let found = store
        .batches()
        .filter(|found| batch.is_none_or(|id| found.id == id))
        .filter(|found| outbound.unwrap_or(true) && period.contains(&found.created));
    for batch in found {
        view.add(state, batch);
    }
    drop(store);
    Ok(answer::json(StatusCode::OK, &view))
}

impl StatusesView {
    /// Messages that were dropped are counted as delivered, free of charge.
    fn add(&mut self, state: &State, batch: &Batch) {
        let deliveries = &state.deliveries;
        let mut listed = 0;
        for message in batch.messages() {
            listed += 1;
            let delivery = deliveries.of(&message);
            let count = match delivery.status {
                "Queued" => &mut self.queued,
                "Sent" => &mut self.sent,
                "SendingFailed" => &mut self.sending_failed,
                "DeliveryFailed" => &mut self.delivery_failed,
                _ => &mut self.delivered,
            };
            count.count += 1;
            count.cost += delivery.cost;
            if let Some(code) = delivery.code {
                *count.error_code_counts.entry(code.to_owned()).or_default() += 1;
            }
        }
        self.delivered.count += batch.size - listed;
    }
}

fn batch_view(state: &State, batch: &Batch) -> BatchView {
    let deliveries = &state.deliveries;
    let processed = deliveries.processed(batch);
    let is_completed = processed == batch.size;
    let size = state.batch_size.of(batch.size, batch.rejected);
    let cost = || {
        if deliveries.segment_cost == 0.0 {
            return 0.0;
        }
        let costs = batch.messages().map(|message| deliveries.of(&message).cost);
        costs.sum()
    };
    BatchView {
        id: batch.id,
        from: Some(batch.from),
        batch_size: Some(size),
        processed_count: if is_completed { size } else { processed },
        status: deliveries.status(batch),
        cost: is_completed.then(cost),
        creation_time: state.clock.rfc3339(batch.created),
        last_modified_time: state.clock.rfc3339(batch.created),
        rejected: [],
    }
}

fn message_view(state: &State, message: &Message<'_>, detailed: bool) -> MessageView {
    let time = state.clock.rfc3339(message.batch.created);
    let delivery = state.deliveries.of(message);
    MessageView {
        id: format!("{}{:010}", message.batch.sequence + 1, message.ordinal),
        batch_id: message.batch.id,
        from: message.batch.from,
        to: [message.to],
        creation_time: time.clone(),
        last_modified_time: time,
        message_status: delivery.status,
        segment_count: delivery.segments,
        text: message.text.filter(|_| detailed).map(str::to_owned),
        cost: delivery.cost,
        error_code: delivery.code.map(str::to_owned),
        direction: "Outbound",
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
