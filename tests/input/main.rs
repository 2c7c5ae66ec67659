//! Lists of every format, good and hostile, cut into blocks in every way.

mod blank;
mod csv;
mod lines;
mod ndjson;
mod paths;
mod random;
mod reader;
mod region;
mod template;
mod visit;
