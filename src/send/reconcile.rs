//! A batch in doubt is looked for in the API's list of batches.
//!
//! It is taken for the batch if it is in the list of this sender's batches since the upload began, has an id that
//! is not another batch's, no more messages than were sent and at least half as many, and if all recipients of its
//! first page are recipients of the batch, with the texts they were sent. What fits but for a text, or is much smaller,
//! or fits twice, or is somewhat too old and the only one, is left to a person.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, BufReader, Read};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::encode::Batch;
use crate::send::ask::{MAX_PAGE, Page, Pages, Question, ask_page, page_size};
use crate::send::blocking::blocking;
use crate::send::client::WaitingFor;
use crate::send::clock::{Moment, earlier};
use crate::send::delivery::Shared;
use crate::send::outcome::{Failure, FailureKind, Receipt};
use crate::send::policy::DoubtPolicy;
use crate::send::sanitize::{self, cleaned};
use crate::send::source::SourceReader;

/// How far the server's clock may be from where its answers show it: they have whole seconds.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// A number's, without that of the country: the API is for the United States and Canada.
const DIGITS: usize = 10;

/// How much earlier than its batch a message may have been created in the server's eyes.
const MESSAGE_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// What to do about a batch that is in doubt.
///
/// It is looked for in the API's list of batches first. Only if it is not there after a grace period does the
/// policy decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Reconciliation {
    policy: DoubtPolicy,
    unclear: DoubtPolicy,
    grace: Duration,
    interval: Duration,
    page_size: u32,
}

impl Reconciliation {
    /// What to do with a batch that was not found.
    pub const fn policy(mut self, policy: DoubtPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// What to do with a batch that an earlier process left in doubt, if the list does not tell: it cannot be asked,
    /// or has batches that may or may not be it. For a person who has looked at it; [`DoubtPolicy::Stop`]
    /// unless told otherwise. What this process itself comes to doubt, and cannot tell, stops it in any case.
    pub const fn unclear(mut self, policy: DoubtPolicy) -> Self {
        self.unclear = policy;
        self
    }

    /// How long after its last bytes a batch may take to appear in the list, and how often to look. 60 s and
    /// 10 s unless told otherwise. A send that is told to stop does not wait for it.
    pub const fn grace(mut self, grace: Duration, interval: Duration) -> Self {
        self.grace = grace;
        self.interval = interval;
        self
    }

    /// How many batches or messages to ask for at once, from 1 to 1000. 1000 unless told otherwise, the API's maximum.
    pub const fn page_size(mut self, records: u32) -> Self {
        self.page_size = page_size(records);
        self
    }

    pub(super) const fn if_absent(&self) -> DoubtPolicy {
        self.policy
    }

    pub(super) const fn if_unclear(&self) -> DoubtPolicy {
        self.unclear
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }
}

impl Default for Reconciliation {
    fn default() -> Self {
        Self {
            policy: DoubtPolicy::default(),
            unclear: DoubtPolicy::Stop,
            grace: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            page_size: MAX_PAGE,
        }
    }
}

/// What came of looking for a batch.
#[derive(Debug)]
pub(super) enum Finding {
    Found(Receipt),
    /// It is not there, and had time enough to appear.
    Absent,
    /// It cannot be said.
    Unclear(Failure),
}

/// What is looked for.
pub(super) struct Sought<'a> {
    pub(super) batch: Batch,
    /// When its upload began. What was created before is another batch, unless clocks disagree.
    pub(super) began: Moment,
    /// When its last bytes left, at the latest.
    pub(super) committed: Moment,
    /// Its body without and with nothing but its tail.
    pub(super) body: &'a (dyn Fn() -> Option<SourceReader> + Send + Sync),
    /// Why there is no body, if there was to be one.
    pub(super) missing: Option<&'a Failure>,
    pub(super) tail: &'static [u8],
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    from: Option<String>,
    batch_size: Option<u64>,
    status: Option<String>,
    creation_time: Option<String>,
}

#[derive(Deserialize)]
struct ListedMessage {
    #[serde(default)]
    to: Vec<String>,
    text: Option<String>,
}

/// How a listed batch compares with the one that is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Same,
    /// The recipients are the same, but not the texts.
    OtherTexts,
    /// It has no messages yet to compare.
    Nothing,
    Other,
}

/// Looks for a batch until it is found, or the grace period is over.
pub(super) async fn reconcile(shared: &Shared, sought: &Sought<'_>) -> Finding {
    let options = shared.reconciliation;
    if let Err(failure) = learn_clock(shared, sought).await {
        return Finding::Unclear(failure);
    }
    let clock = shared.client.clock();
    let committed = clock.when(sought.committed).latest_by_any;
    let since_commit = clock.now().earliest.duration_since(committed);
    let since_commit = Duration::try_from(since_commit).unwrap_or_default();
    // `None` is later than any clock can say.
    let deadline = Instant::now().checked_add(options.grace.saturating_sub(since_commit));
    let mut others = HashSet::new();
    loop {
        // Before looking: what is not there now had until now to appear.
        let is_last = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        match look(shared, sought, &mut others).await {
            Ok(Finding::Found(receipt)) => return Finding::Found(receipt),
            // What is absent may appear, and what is unclear may become clear.
            Ok(finding) if is_last => return finding,
            Ok(_) => {}
            Err(failure) => return Finding::Unclear(failure),
        }
        // Where there is no end to it, what is told is when it is looked for again.
        let left = deadline.map_or(options.interval, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        shared.waiting(sought.batch.number, WaitingFor::Doubt, left);
        tokio::time::sleep(options.interval.min(left)).await;
    }
}

/// Looks once. What is found to be another batch joins the `others`, and is not asked about again.
async fn look(
    shared: &Shared,
    sought: &Sought<'_>,
    others: &mut HashSet<String>,
) -> Result<Finding, Failure> {
    let mut same = Vec::new();
    let mut unsure = None;
    let mut is_older_one = false;
    let candidates = candidates(shared, sought).await?;
    if !candidates.is_empty() {
        // One of them may be a batch of this run that has not been answered yet.
        shared.answered(&shared.unanswered()).await;
    }
    for candidate in candidates {
        let id = &candidate.listed.id;
        if shared.knows(&sanitize::id(id)) || others.contains(id) {
            continue;
        }
        if candidate.age == Age::TooOld && is_much_smaller(&candidate.listed, &sought.batch) {
            continue;
        }
        match (compare(shared, sought, &candidate).await?, candidate.age) {
            (Match::Other, _) => _ = others.insert(candidate.listed.id),
            (Match::Same | Match::Nothing, Age::TooOld) => is_older_one = true,
            (Match::OtherTexts, Age::TooOld) => {}
            (Match::Same, Age::Early) => {
                unsure = Some("may have been created before this one was sent");
            }
            // The first page is not all of it: somebody else may have sent the same to a few of the same.
            (Match::Same, _) if is_much_smaller(&candidate.listed, &sought.batch) => {
                unsure = Some("has far fewer messages");
            }
            (Match::Same, _) => same.push(candidate.listed),
            (Match::OtherTexts, _) => {
                unsure = Some("has the same recipients, and another text");
            }
            (Match::Nothing, _) => unsure = unsure.or(Some("shows no messages yet")),
        }
    }
    if same.is_empty() && is_older_one {
        unsure = unsure.or(Some("was created before this one was sent"));
    }
    Ok(match (same.as_slice(), unsure) {
        ([found], None) => Finding::Found(receipt(sought.batch, found)),
        ([], None) => Finding::Absent,
        (_, Some(why)) => Finding::Unclear(unclear(format!(
            "a batch in the server's list may be this one, but it {why}"
        ))),
        (several, None) => {
            let ids: Vec<_> = several
                .iter()
                .map(|listed| sanitize::id(&listed.id))
                .collect();
            Finding::Unclear(unclear(format!(
                "several batches in the server's list have its recipients: {}",
                ids.join(", ")
            )))
        }
    })
}

/// Whether more than half of a batch would have to have been rejected for this to be it.
fn is_much_smaller(listed: &Listed, batch: &Batch) -> bool {
    let half = batch.messages.div_ceil(2);
    listed.batch_size.is_some_and(|size| size < half)
}

fn unclear(reason: String) -> Failure {
    FailureKind::Transport {
        step: "looking for the batch",
        reason,
    }
    .into()
}

fn receipt(batch: Batch, found: &Listed) -> Receipt {
    Receipt {
        batch,
        id: sanitize::id(&found.id),
        batch_size: found.batch_size,
        status: found.status.as_deref().map(cleaned),
        creation_time: found.creation_time.as_deref().map(sanitize::time),
        rejected: 0,
        unplaced: 0,
        found: true,
        elapsed: Duration::ZERO,
    }
}

/// A batch of the list that may be it.
struct Candidate {
    listed: Listed,
    age: Age,
    /// When its messages were created, at the earliest and at the latest. The list of messages begins a day ago unless
    /// it is told otherwise.
    period: (Timestamp, Timestamp),
}

/// How the time at which a batch was created fits to that of the one that is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Fits,
    /// It may be too early.
    Early,
    /// It is too early, unless clocks disagree.
    TooOld,
}

/// Sees that the server's time is known, if the server tells it: any answer shows it.
async fn learn_clock(shared: &Shared, sought: &Sought<'_>) -> Result<(), Failure> {
    if !shared.client.clock().is_known() {
        let path = shared.dialect.batches_path();
        let _: Page<IgnoredAny> = ask(shared, sought, path, &[], None).await?;
    }
    Ok(())
}

/// The batches of the list that may be it, by what the list says of them.
async fn candidates(shared: &Shared, sought: &Sought<'_>) -> Result<Vec<Candidate>, Failure> {
    let path = shared.dialect.batches_path();
    let clock = shared.client.clock();
    let (began, now) = (clock.when(sought.began), clock.now());
    let committed = clock.when(sought.committed);
    let since = earlier(began.earliest, MARGIN);
    // By a clock that nothing shows, nothing is.
    let is_known = clock.is_known();
    let sure = is_known.then(|| earlier(began.latest, MARGIN)..=committed.sure_until());
    let oldest = earlier(since, began.wrong_by());
    let until = now.latest.checked_add(now.wrong_by());
    let until = until.unwrap_or(Timestamp::MAX);
    let (from, to) = (oldest.to_string(), until.to_string());
    let query = [
        ("from", shared.from.as_str()),
        ("dateFrom", &from),
        ("dateTo", &to),
    ];

    let sender = number(shared.from.as_str());
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut pages = Pages::default();
    let asked = async |token: Option<&str>| ask(shared, sought, path, &query, token).await;
    while let Some(page) = pages.next::<Listed>(asked).await? {
        for listed in page {
            let created = listed.creation_time.as_deref().and_then(timestamp);
            let from = listed.from.as_deref().map(number);
            // The server was asked for this sender's only: what it shows in the place of a number may be a name.
            let fits = from.is_none_or(|from| from.len() < DIGITS || from == sender)
                && listed.batch_size.is_none_or(|size| size <= sought.batch.messages)
                // One whose time cannot be read may be it.
                && created.is_none_or(|created| created >= oldest)
                && !shared.knows(&sanitize::id(&listed.id));
            if fits && seen.insert(listed.id.clone()) {
                let age = match created {
                    Some(created) if created < since => Age::TooOld,
                    Some(created) if sure.as_ref().is_some_and(|sure| sure.contains(&created)) => {
                        Age::Fits
                    }
                    _ => Age::Early,
                };
                let begun = earlier(created.unwrap_or(since), MESSAGE_MARGIN);
                found.push(Candidate {
                    listed,
                    age,
                    period: (begun, until),
                });
            }
        }
    }
    Ok(found)
}

/// A time as RFC 3339 has it, in any zone.
fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// What a number is, however the server writes it: as all over the world, or as within the country.
fn number(text: &str) -> String {
    let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.split_off(digits.len().saturating_sub(DIGITS))
}

/// Compares the recipients and texts of a listed batch's first page with what was sent.
async fn compare(
    shared: &Shared,
    sought: &Sought<'_>,
    candidate: &Candidate,
) -> Result<Match, Failure> {
    let path = shared.dialect.messages_path();
    let (from, to) = candidate.period;
    let (from, to) = (from.to_string(), to.to_string());
    let query = [
        ("batchId", candidate.listed.id.as_str()),
        ("view", "Detailed"),
        ("dateFrom", &from),
        ("dateTo", &to),
    ];
    let page: Page<ListedMessage> = ask(shared, sought, path, &query, None).await?;
    let mut wanted: HashMap<String, HashSet<Option<String>>> = HashMap::new();
    for message in page.records {
        let text = message.text;
        for to in message.to {
            let texts = wanted.entry(number(&to)).or_default();
            texts.insert(text.clone());
        }
    }
    if wanted.is_empty() {
        return Ok(Match::Nothing);
    }
    let Some(body) = (sought.body)() else {
        return Err(unclear(match sought.missing {
            Some(failure) => format!("its recipients cannot be compared: {failure}"),
            None => "its recipients cannot be compared without a spool".to_owned(),
        }));
    };
    let body = body.chain(sought.tail);
    let compared = blocking(move || strike_off(body, wanted)).await;
    compared.map_err(|error| FailureKind::Spool(error).into())
}

/// Goes through a body, and sees whether everything that is wanted is in it.
fn strike_off(
    body: impl Read,
    wanted: HashMap<String, HashSet<Option<String>>>,
) -> io::Result<Match> {
    let mut unseen: HashSet<String> = wanted.keys().cloned().collect();
    let mut visitor = BodyVisitor {
        default: None,
        wanted,
        unseen: &mut unseen,
    };
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(64 * 1024, body));
    json.deserialize_map(&mut visitor)?;
    let texts_left = visitor
        .wanted
        .values()
        .any(|texts| texts.iter().any(Option::is_some));
    Ok(match (unseen.is_empty(), texts_left) {
        (true, false) => Match::Same,
        (true, true) => Match::OtherTexts,
        (false, _) => Match::Other,
    })
}

/// Visits `{"from":…,"text":…,"messages":[…]}`, with the text before the messages, as the encoder writes it.
struct BodyVisitor<'a> {
    default: Option<String>,
    wanted: HashMap<String, HashSet<Option<String>>>,
    unseen: &'a mut HashSet<String>,
}

#[derive(Deserialize)]
struct Entry {
    to: Vec<String>,
    text: Option<String>,
}

impl<'de> Visitor<'de> for &mut BodyVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "text" => self.default = map.next_value()?,
                "messages" => map.next_value_seed(&mut *self)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<Entry>()? {
            for to in entry.to {
                let to = number(&to);
                if let Some(texts) = self.wanted.get_mut(&to) {
                    let text = entry.text.as_ref().or(self.default.as_ref());
                    texts.retain(|wanted| wanted.is_some() && wanted.as_ref() != text);
                    self.unseen.remove(&to);
                }
            }
        }
        Ok(())
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for &mut BodyVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

/// Asks for a page for the batch's sake.
async fn ask<T: DeserializeOwned>(
    shared: &Shared,
    sought: &Sought<'_>,
    path: &str,
    query: &[(&str, &str)],
    page: Option<&str>,
) -> Result<Page<T>, Failure> {
    let number = sought.batch.number;
    let waiting = |what, wait| shared.waiting(number, what, wait);
    let retry = shared.retry;
    let question = Question { path, query, retry };
    let per_page = shared.reconciliation.page_size;
    ask_page(&shared.client, question, per_page, page, &waiting).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"from":"+16505550100","text":"Hi","messages":[{"to":["+14155550100"]},{"to":["+14155550101"],"text":"Hi \"Bob\""}]}"#;

    fn compared(wanted: &[(&str, Option<&str>)]) -> Match {
        let mut map: HashMap<String, HashSet<Option<String>>> = HashMap::new();
        for (to, text) in wanted {
            let texts = map.entry(number(to)).or_default();
            texts.insert(text.map(str::to_owned));
        }
        strike_off(BODY.as_bytes(), map).unwrap()
    }

    #[test]
    fn recipients_and_texts_are_compared() {
        let first = ("+14155550100", Some("Hi"));
        let second = ("+14155550101", Some("Hi \"Bob\""));
        assert_eq!(compared(&[first, second]), Match::Same);
        assert_eq!(compared(&[second]), Match::Same);
        assert_eq!(compared(&[("+14155550100", None), second]), Match::Same);
        assert_eq!(
            compared(&[first, ("+14155550101", Some("Hi"))]),
            Match::OtherTexts
        );
        assert_eq!(
            compared(&[first, ("+14155550102", Some("Hi"))]),
            Match::Other
        );
        assert_eq!(compared(&[("+14155550102", None)]), Match::Other);
    }

    #[test]
    fn a_time_in_any_zone_is_understood() {
        let utc = timestamp("2026-11-23T10:00:00Z");
        assert!(utc.is_some());
        assert_eq!(timestamp("2026-11-23T15:30:00+05:30"), utc);
        assert_eq!(timestamp("2026-11-23T10:00:00.000000Z"), utc);
        assert_eq!(timestamp("yesterday"), None);
    }
}
