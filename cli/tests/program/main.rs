//! The program as a process: what goes in, what comes out, and its exit code.

mod after;
mod api;
mod encode;
mod journal;
mod sandbox;
mod send;
mod server;
mod stopped;
mod support;
mod usage;
