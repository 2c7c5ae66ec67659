//! The program `batchcast`: streams a recipient list of any size into High Volume SMS batches.

mod args;
mod ask;
mod bodies;
mod canary;
mod clean;
mod command_line;
mod common_text;
mod config;
mod connect;
mod cost;
mod encode;
mod exit;
mod fail;
mod foreign;
mod generate;
mod hint;
mod hooks;
mod input;
mod journal;
mod kept;
mod log;
mod names;
mod opt_outs;
mod outcomes;
mod plan;
mod profile;
mod progress;
mod quantity;
mod readable;
mod readback;
mod recipe;
mod records;
mod report;
mod resume;
mod sandbox;
mod screen;
mod send;
mod signals;
mod since;
mod status;
mod steady;
mod suppress;
mod table;
mod terminal;
mod unpack;
mod unwritable;
mod waits;
mod watch;
mod whole;
mod wording;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Command;
use crate::exit::Exit;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| fail::show(&error)).into()
}

fn run() -> Result<Exit> {
    let typed: Vec<_> = std::env::args_os().collect();
    let args = command_line::parse(&typed)?;
    terminal::be_quiet(args.shown.quiet);
    log::begin(args.shown.verbose);
    match args.command {
        Command::Send(args) => send::run(args),
        Command::Resume(args) => resume::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Encode(args) => encode::run(args),
        Command::OptOuts(args) => opt_outs::run(&args),
        Command::Status(args) => status::run(args),
        Command::Report(args) => outcomes::run(&args),
        Command::Sandbox(args) => sandbox::run(args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    }
}
