//! `vtarget`: the boards of virtual-target from the command line. Each command has a file of its
//! own; the library does the work.

mod check;
mod failure;
mod run;
mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::Failure;

/// Checks, boots and talks to the boards of firmware tests
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 success, 1 failure, 2 wrong arguments";

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Run(run::Run),
    Schema(schema::Schema),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Schema(command) => command.run(),
    };
    outcome.unwrap_or_else(|Failure(why)| {
        eprintln!("vtarget: {why}");
        ExitCode::FAILURE
    })
}
