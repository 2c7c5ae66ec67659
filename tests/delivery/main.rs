//! Delivery against the sandbox, which fails as it is told to: never twice, never lost, and a report that is true.
//!
//! `BATCHCAST_DELIVERY_CASES` is how many random runs there are (40 unless set).

#![cfg(feature = "send")]

mod canary;
mod clocks;
mod cut;
mod disk;
mod doubt;
mod dropped;
mod events;
mod mistaken;
mod outcomes;
mod pacing;
mod random;
mod reread;
mod resume;
mod screen;
mod slow;
mod stream;
mod support;
