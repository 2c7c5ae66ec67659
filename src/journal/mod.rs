//! The journal: what a run has sent, on disk, before and after.
//!
//! A batch counts from the moment its last bytes leave. So the line that says "these records, this
//! batch" is on disk before they do, and what became of the batch is on disk before the run goes on.
//! Whatever ends a run, its journal says which records were accepted, which nobody got, and which
//! nobody knows about; never fewer than were sent.
//!
//! The file is text: a JSON object a line, chained by checksums, readable with `jq`, without message
//! texts and phone numbers. `docs/journal.md` in the repository describes it for other programs.
//!
//! ```
//! use batchcast::encode::{Batch, Limits};
//! use batchcast::journal::{Entry, Header, Journal, Shape, Status};
//! use batchcast::{Envelope, PhoneNumber, Position};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = &dir.path().join("list.journal");
//! let envelope = Envelope::new(PhoneNumber::parse("+16505550100")?);
//! let header = Header::new(Shape::new(&envelope, Limits::default()), Default::default());
//! let mut journal = Journal::create(path, &header)?;
//!
//! let (first, last) = (Position::of_record(1), Position::of_record(2));
//! let batch = Batch { number: 1, first, last, messages: 2, bytes: 104, digest: 0x5eed };
//! journal.append(&Entry::Commit { batch, server_time: None, server_time_latest: None, upload_ms: None, upload_ms_least: None })?;
//! journal.sync()?;
//! // Now, and not before, the batch's last bytes may leave; and then the process dies.
//! drop(journal);
//!
//! let (_journal, state) = Journal::open(path)?;
//! assert_eq!(state.batches[0].status, Status::Committed);
//! assert_eq!(state.open().count(), 1, "one batch of which nobody knows");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What may follow what is enforced, in [`Journal::append`] as in reading:
//!
//! | entry | the batch is | and becomes |
//! |---|---|---|
//! | [`Commit`](Entry::Commit) | new, refused or withdrawn, and its records meet no batch that counts; or to be sent again, with the same records | committed |
//! | [`Rejected`](Entry::Rejected) | committed or in doubt | the same |
//! | [`Accepted`](Entry::Accepted) | committed; or in doubt or to be sent again, if it was found | accepted |
//! | [`Refused`](Entry::Refused) | committed | refused: nobody got it; or to be sent again, if it ever was |
//! | [`Withdrawn`](Entry::Withdrawn) | committed | withdrawn: nobody got it; or to be sent again, if it ever was |
//! | [`InDoubt`](Entry::InDoubt) | committed or in doubt | in doubt |
//! | [`Decided`](Entry::Decided) | committed, in doubt, or to be sent again | skipped, or to be sent again |
//!
//! [`Finished`](Entry::Finished) follows only when no batch is committed, in doubt or to be sent again, and only
//! [`Resumed`](Entry::Resumed) follows it.

mod entry;
mod error;
mod lock;
mod plain;
mod rejects;
mod replay;
mod rules;
mod seal;
mod state;
mod tail;
mod writer;

pub use self::entry::{Decision, Entry, Header, Rejected, Shape};
pub use self::error::{Fault, JournalError};
pub use self::rejects::{Rejects, rejects};
pub use self::rules::{Breach, Phase};
pub(crate) use self::state::missing;
pub use self::state::{BatchState, Committed, State, Status, Totals};
pub use self::writer::Journal;

/// The version of the format, and the only one that is read.
pub const VERSION: u32 = 2;

/// The longest line, its newline not counted. A longer entry is not written.
pub const MAX_LINE_BYTES: usize = 1 << 20;
