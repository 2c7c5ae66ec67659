//! The program `batchcast`: streams a recipient list of any size into High Volume SMS batches.

mod args;
mod bodies;
mod clean;
mod common_text;
mod config;
mod encode;
mod exit;
mod fail;
mod hint;
mod hooks;
mod input;
mod journal;
mod kept;
mod opt_outs;
mod plan;
mod progress;
mod recipe;
mod records;
mod report;
mod resume;
mod sandbox;
mod screen;
mod send;
mod signals;
mod suppress;
mod terminal;
mod unpack;
mod waits;
mod watch;
mod wording;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Send(args) => send::run(args),
        Command::Resume(args) => resume::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Encode(args) => encode::run(args),
        Command::OptOuts(args) => opt_outs::run(&args),
        Command::Sandbox(args) => sandbox::run(args),
    };
    done.unwrap_or_else(|error| fail::show(&error)).into()
}
