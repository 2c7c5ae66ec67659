//! The program as a process: what goes in, what comes out, and its exit code.

mod after;
mod api;
mod canary;
mod clean;
mod common_text;
mod encode;
mod journal;
mod manners;
mod packed;
mod personal;
mod plan;
mod pty;
mod region;
mod rejects;
mod report;
mod sandbox;
mod screen;
mod send;
mod server;
mod since;
mod stopped;
mod support;
mod terminal;
mod usage;
