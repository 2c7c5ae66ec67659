//! The lines of a journal, before they are sealed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twox_hash::XxHash3_64;

use super::{VERSION, plain};
use crate::encode::{Batch, Limits};
use crate::envelope::Envelope;
use crate::position::Position;

/// What a run is: the first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The run's name: 16 hexadecimal digits, drawn at random.
    pub run: String,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// What shapes its batches.
    pub shape: Shape,
    /// The application's own options, such as the format and the names of the fields. Nothing is
    /// made of them here. They stand in the file as they are, so no text and no number belongs in them.
    pub application: Map<String, Value>,
}

impl Header {
    /// A new run's header, made now.
    #[must_use]
    pub fn new(shape: Shape, application: Map<String, Value>) -> Self {
        // The hasher's keys are the standard library's random numbers. The name is no secret: it need
        // only differ from other runs' names.
        let run = RandomState::new().build_hasher().finish();
        Self {
            run: format!("{run:016x}"),
            created: format!("{:.3}", Timestamp::now()),
            shape,
            application,
        }
    }
}

/// What shapes the batches of a run: all that the encoder's output depends on, but for the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The most bytes of a body, as it was asked for.
    pub max_bytes: u64,
    /// The most messages of a batch, if that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_messages: Option<u64>,
    /// XXH3 (64 bits) of what stands before the first message in each body: sender, default text and
    /// their spelling.
    #[serde(with = "hex")]
    pub envelope: u64,
}

impl Shape {
    /// The shape that this envelope and these limits give.
    #[must_use]
    pub fn new(envelope: &Envelope, limits: Limits) -> Self {
        let mut head = Vec::new();
        envelope.dialect().write_head(&mut head, envelope);
        Self {
            max_bytes: limits.max_bytes(),
            max_messages: limits.max_messages().map(u64::from),
            envelope: XxHash3_64::oneshot(&head),
        }
    }
}

/// The first line as it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Opening<H> {
    batchcast: Versioned<H>,
}

/// The version comes first, in this and in every later version.
#[derive(Serialize, Deserialize)]
struct Versioned<H> {
    version: u32,
    #[serde(flatten)]
    header: H,
}

impl<H> Opening<H> {
    pub(super) fn new(header: H) -> Self {
        let version = VERSION;
        Self {
            batchcast: Versioned { version, header },
        }
    }

    pub(super) fn into_header(self) -> H {
        self.batchcast.header
    }
}

/// One line after the first. Each has the time in the file, which [`append`](super::Journal::append)
/// puts there.
///
/// Codes and reasons come from outside. In the file they have no control characters, no run of seven
/// or more digits but for the last four of it, and at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Entry {
    /// All of the batch but its last bytes has left. Once this line is on disk
    /// ([`sync`](super::Journal::sync)), they may leave as well.
    Commit {
        /// What is sent. Its number is a label that no other batch of the run has.
        #[serde(flatten, with = "BatchDef")]
        batch: Batch,
        /// When that is by the server's clock, at the earliest, if an answer has shown it.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "time::option"
        )]
        server_time: Option<SystemTime>,
        /// The same at the latest, if that is later: one of this machine's clocks was put right, or stood still.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "time::option"
        )]
        server_time_latest: Option<SystemTime>,
        /// How long ago its upload began at the most, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upload_ms: Option<u64>,
        /// The same at the least, if that is less: one of this machine's clocks was put forward, or stood still.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upload_ms_least: Option<u64>,
    },
    /// Some of the messages that the API did not take, in the order of its answer. They are written
    /// before the batch is called accepted, in as many lines as it takes, each up to
    /// [`MAX_LINE_BYTES`](super::MAX_LINE_BYTES).
    Rejected {
        /// The batch's number.
        batch: u64,
        /// Which messages, and why.
        rejects: Vec<Rejected>,
    },
    /// The API took the batch.
    Accepted {
        /// The batch's number.
        batch: u64,
        /// The API's id of it.
        id: String,
        /// How many messages the API says are in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_size: Option<u64>,
        /// How many of its messages the API rejected, as far as is known.
        rejected: u64,
        /// Of how many of its entries it could not be told where they came from; also of those that named a message again.
        unplaced: u64,
        /// When it was created, in the API's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        creation_time: Option<String>,
        /// It was found in the API's list, without a whole answer to its request: the API may have rejected more of it
        /// than is known.
        found: bool,
    },
    /// The API refused the batch. Nobody got a message; its records may be sent again.
    Refused {
        /// The batch's number.
        batch: u64,
        /// The HTTP status.
        status: u16,
        /// The API's code.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            serialize_with = "plain::serialize_option"
        )]
        code: Option<String>,
    },
    /// The batch's last bytes did not leave after all, because its connection or its answer was quicker. Nobody
    /// got a message; its records may be sent again.
    Withdrawn {
        /// The batch's number.
        batch: u64,
        /// What was quicker.
        #[serde(serialize_with = "plain::serialize")]
        reason: String,
    },
    /// Nobody knows what became of the batch: its messages may be on their way.
    InDoubt {
        /// The batch's number.
        batch: u64,
        /// Why nobody knows.
        #[serde(serialize_with = "plain::serialize")]
        reason: String,
        /// Its answer turned out to be another batch's, and so those whom it has named as rejected are.
        #[serde(default, skip_serializing_if = "is_false")]
        disowned: bool,
    },
    /// What the operator wants done about a batch of which nobody knows.
    Decided {
        /// The batch's number.
        batch: u64,
        /// What to do.
        decision: Decision,
    },
    /// The server takes no more than this in a body, as a 413 has taught.
    Limit {
        /// The most bytes of a body from here on.
        max_bytes: u64,
    },
    /// A further process goes on with the run.
    Resumed {
        /// The version of the program.
        version: String,
        /// What the application's options are in this process, beside those of the [`Header`]. As there, nothing is
        /// made of them here, and no text and no number belongs in them.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        application: Map<String, Value>,
    },
    /// The server wants nothing to be sent for some time, and the process waits.
    Paused {
        /// Until when.
        #[serde(with = "time")]
        not_before: SystemTime,
    },
    /// The process ends before its input does.
    Stopped {
        /// Why. For people: nothing is made of it.
        #[serde(serialize_with = "plain::serialize")]
        reason: String,
        /// Until when the server wants nothing to be sent, if it has asked for a pause that is not over.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "time::option"
        )]
        not_before: Option<SystemTime>,
    },
    /// The input is at its end, and every batch is settled.
    Finished {
        /// How many batches were accepted.
        batches: u64,
        /// How many messages were in them, the rejected ones included.
        messages: u64,
        /// How many of the messages the API rejected.
        rejected: u64,
        /// How many records were invalid and passed over.
        invalid: u64,
    },
}

/// A message that the API did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its place in the batch, from 1; 0 if the API did not say.
    pub index: u64,
    /// The number of the record it came from, if that could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The line that record begins on, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The API's code, such as `SMS-RC-410`.
    #[serde(serialize_with = "plain::serialize")]
    pub code: String,
}

/// What to do about a batch of which nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Take it for sent. Who did not get it goes without.
    Skip,
    /// Send its records again, as the same batch. Who got it gets it twice.
    Resend,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// [`Batch`] as it stands in a line.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Batch")]
struct BatchDef {
    #[serde(rename = "batch")]
    number: u64,
    #[serde(with = "PositionDef")]
    first: Position,
    #[serde(with = "PositionDef")]
    last: Position,
    messages: u64,
    bytes: u64,
    #[serde(with = "hex")]
    digest: u64,
}

/// [`Position`] as it stands in a line.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Position")]
struct PositionDef {
    record: u64,
    line: u64,
    byte: u64,
}

/// Times are RFC 3339, in UTC, with milliseconds.
mod time {
    use std::time::SystemTime;

    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        // A server may name a time that no calendar has.
        let time = Timestamp::try_from(*time).unwrap_or(Timestamp::MAX);
        to.collect_str(&format_args!("{time:.3}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let time = String::deserialize(from)?;
        let time: Timestamp = time.parse().map_err(D::Error::custom)?;
        time.try_into().map_err(D::Error::custom)
    }

    /// One that may not be there.
    pub(super) mod option {
        use std::time::SystemTime;

        use serde::{Deserializer, Serializer};

        pub(in super::super) fn serialize<S: Serializer>(
            time: &Option<SystemTime>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, to),
                None => to.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<SystemTime>, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}

/// Digests are strings: `jq` and JavaScript keep no more than 53 bits of a number.
mod hex {
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{digest:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let digits = String::deserialize(from)?;
        u64::from_str_radix(&digits, 16)
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&digits), &"hexadecimal digits"))
    }
}
