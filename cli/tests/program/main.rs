//! The program as a process: what goes in, what comes out, and its exit code.

mod api;
mod canary;
mod encode;
mod journal;
mod manners;
mod pty;
mod sandbox;
mod screen;
mod send;
mod server;
mod stopped;
mod support;
mod terminal;
mod usage;
