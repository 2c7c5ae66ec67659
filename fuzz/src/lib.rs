//! What the fuzz targets check: a module each, with a function that takes any bytes and panics if
//! something does not hold.
//!
//! Every list is parsed at once, and cut in two, in tiny blocks or through a reader, which must all give
//! the same; and what they give is held against somebody else's opinion: `serde_json`, the `csv` crate,
//! or a twin that is too simple to be wrong.

pub mod batches;
pub mod csv;
pub mod json_string;
pub mod lines;
mod list;
pub mod long;
pub mod ndjson;
/// The same paths that the tests of the parsers take.
#[path = "../../tests/input/paths.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod paths;
pub mod templates;
