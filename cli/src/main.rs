//! The program `batchcast`: streams a recipient list of any size into High Volume SMS batches.

mod args;
mod bodies;
mod clean;
mod config;
mod encode;
mod exit;
mod fail;
mod hint;
mod hooks;
mod input;
mod journal;
mod kept;
mod outcomes;
mod progress;
mod readback;
mod recipe;
mod records;
mod report;
mod resume;
mod sandbox;
mod send;
mod signals;
mod status;
mod table;
mod terminal;
mod waits;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Send(args) => send::run(args),
        Command::Resume(args) => resume::run(args),
        Command::Encode(args) => encode::run(args),
        Command::Status(args) => status::run(args),
        Command::Report(args) => outcomes::run(&args),
        Command::Sandbox(args) => sandbox::run(args),
    };
    done.unwrap_or_else(|error| fail::show(&error)).into()
}
