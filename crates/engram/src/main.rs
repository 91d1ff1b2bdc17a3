//! `engram`: the server and the commands that talk to it.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong use, 3 nothing found or not
//! ready. Commands other than `start` and `config` know the server only through the client; `store` works on the files of a server that
//! does not run.

mod allocator;
mod output;
mod failure;
mod plots;
mod progress;
mod values;
mod trust;
mod connection;
mod filter_flags;
mod cue_flags;
mod decay_flags;
mod partial_flags;
mod view;
mod statement;
mod import;
mod commands;
mod cli;
#[cfg(test)]
mod reference;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    allocator::tune();
    let cli = cli::Cli::parse();
    let output = cli.output;
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(output);
            ExitCode::from(failure.exit())
        }
    }
}
