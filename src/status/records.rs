//! What the API says of a batch and of its messages, as far as it says it. Any part may be missing.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::send::sanitize::cleaned;

/// A batch, as the API knows it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BatchStatus {
    /// The API's id of it.
    pub id: String,
    /// How many messages are in it. Whether that counts the rejected ones is unstated.
    #[serde(default)]
    pub batch_size: Option<u64>,
    /// How many of them were dealt with.
    #[serde(default)]
    pub processed_count: Option<u64>,
    /// How far it is.
    #[serde(default)]
    pub status: BatchPhase,
    /// What it cost, in the account's currency; there once it is completed.
    #[serde(default)]
    pub cost: Option<f64>,
    /// When it was created (RFC 3339).
    #[serde(default)]
    pub creation_time: Option<String>,
    /// When it last changed (RFC 3339).
    #[serde(default)]
    pub last_modified_time: Option<String>,
}

impl BatchStatus {
    /// A batch of which only the id is known. What is asked about it is asked since there is such an API.
    #[must_use]
    pub fn of_id(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            batch_size: None,
            processed_count: None,
            status: BatchPhase::default(),
            cost: None,
            creation_time: None,
            last_modified_time: None,
        }
    }
}

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchPhase {
    /// It waits.
    Queued,
    /// Its messages are being sent.
    Processing,
    /// All of them were handed on.
    Sent,
    /// All of them are dealt with: nothing will change but late delivery reports.
    Completed,
    /// A word that the API's guide does not name.
    Other(String),
}

impl BatchPhase {
    /// The API's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queued => "Queued",
            Self::Processing => "Processing",
            Self::Sent => "Sent",
            Self::Completed => "Completed",
            Self::Other(word) => word,
        }
    }
}

impl Default for BatchPhase {
    /// The API has not said it.
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl From<String> for BatchPhase {
    fn from(word: String) -> Self {
        match word.as_str() {
            "Queued" => Self::Queued,
            "Processing" => Self::Processing,
            "Sent" => Self::Sent,
            "Completed" => Self::Completed,
            _ => Self::Other(cleaned(&word)),
        }
    }
}

/// A message, as the API knows it now. `Debug` shows neither its number nor its text.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MessageStatus {
    /// The API's id of it.
    #[serde(default, deserialize_with = "string_or_number")]
    pub id: Option<String>,
    /// The API's id of its batch.
    #[serde(default)]
    pub batch_id: Option<String>,
    /// The recipient.
    #[serde(default, deserialize_with = "crate::send::response::one_or_first")]
    pub to: Option<String>,
    /// What became of it.
    #[serde(default, rename = "messageStatus")]
    pub status: DeliveryStatus,
    /// How many segments it took.
    #[serde(default)]
    pub segment_count: Option<u32>,
    /// What it cost, in the account's currency.
    #[serde(default)]
    pub cost: Option<f64>,
    /// Why it failed: see [`meaning`](super::meaning).
    #[serde(default)]
    pub error_code: Option<String>,
    /// When it was created (RFC 3339).
    #[serde(default)]
    pub creation_time: Option<String>,
    /// When it last changed (RFC 3339).
    #[serde(default)]
    pub last_modified_time: Option<String>,
    /// Its text, in the [detailed](super::View::Detailed) view.
    #[serde(default)]
    pub text: Option<String>,
}

impl fmt::Debug for MessageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStatus")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// It waits.
    Queued,
    /// It was handed to the carrier, which has not said more.
    Sent,
    /// The carrier has delivered it.
    Delivered,
    /// It could not be handed on.
    SendingFailed,
    /// The carrier could not deliver it.
    DeliveryFailed,
    /// A word that the API's guide does not name.
    Other(String),
}

impl DeliveryStatus {
    /// The API's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queued => "Queued",
            Self::Sent => "Sent",
            Self::Delivered => "Delivered",
            Self::SendingFailed => "SendingFailed",
            Self::DeliveryFailed => "DeliveryFailed",
            Self::Other(word) => word,
        }
    }
}

impl Default for DeliveryStatus {
    /// The API has not said it.
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl From<String> for DeliveryStatus {
    fn from(word: String) -> Self {
        match word.as_str() {
            "Queued" => Self::Queued,
            "Sent" => Self::Sent,
            "Delivered" => Self::Delivered,
            "SendingFailed" => Self::SendingFailed,
            "DeliveryFailed" => Self::DeliveryFailed,
            _ => Self::Other(cleaned(&word)),
        }
    }
}

/// As the API's word, in both directions; null is no word.
macro_rules! by_word {
    ($kind:ty) => {
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = Option::<String>::deserialize(from)?;
                Ok(word.unwrap_or_default().into())
            }
        }
    };
}

by_word!(BatchPhase);
by_word!(DeliveryStatus);

/// How many messages have come to what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Statuses {
    /// Those that wait.
    pub queued: StatusCount,
    /// Those that were handed to the carrier.
    pub sent: StatusCount,
    /// Those that were delivered.
    pub delivered: StatusCount,
    /// Those that could not be handed on.
    pub sending_failed: StatusCount,
    /// Those that the carrier could not deliver.
    pub delivery_failed: StatusCount,
}

impl Statuses {
    /// How many failed, in either way.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.sending_failed
            .count
            .saturating_add(self.delivery_failed.count)
    }
}

/// How many messages there are of one status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct StatusCount {
    /// How many.
    pub count: u64,
    /// What they cost together, in the account's currency.
    pub cost: Option<f64>,
    /// How many of them have which code.
    #[serde(deserialize_with = "or_default")]
    pub error_code_counts: BTreeMap<String, u64>,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// An id is a string by the guide, and a number in some of its examples.
fn string_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        String(String),
        Number(u64),
    }
    Ok(Option::<Id>::deserialize(from)?.map(|id| match id {
        Id::String(id) => id,
        Id::Number(id) => id.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_missing_is_not_needed() {
        let message: MessageStatus = serde_json::from_str("{}").unwrap();
        assert_eq!(message.status.as_str(), "");
        let message: MessageStatus = serde_json::from_str(
            r#"{"id":7,"to":["+14155550100"],"messageStatus":null,"segmentCount":null,"cost":0.0075,"new":1,
                "text":"secret"}"#,
        )
        .unwrap();
        assert_eq!(message.id.as_deref(), Some("7"));
        assert_eq!(message.to.as_deref(), Some("+14155550100"));
        let shown = format!("{message:?}");
        assert!(
            !shown.contains("5550100") && !shown.contains("secret"),
            "{shown}"
        );
        let batch: BatchStatus = serde_json::from_str(r#"{"id":"x","status":"Paused"}"#).unwrap();
        assert_eq!(batch.status, BatchPhase::Other("Paused".to_owned()));
        let counts: Statuses =
            serde_json::from_str(r#"{"deliveryFailed":{"count":2,"errorCodeCounts":null}}"#)
                .unwrap();
        assert_eq!(counts.failed(), 2);
    }

    #[test]
    fn words_are_written_as_they_are_read() {
        for word in [
            "Queued",
            "Sent",
            "Delivered",
            "SendingFailed",
            "DeliveryFailed",
            "Lost",
        ] {
            let json = format!("\"{word}\"");
            let read: DeliveryStatus = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        for word in ["Queued", "Processing", "Sent", "Completed", "Paused"] {
            let json = format!("\"{word}\"");
            let read: BatchPhase = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
    }
}
