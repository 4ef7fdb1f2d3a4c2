//! `vtarget`: the boards of virtual-target from the command line. Each command has a file of its
//! own; the library does the work.

mod boards;
mod check;
mod colours;
mod coverage;
mod doctor;
mod failure;
mod init;
mod install;
mod machines;
mod output;
mod platforms;
mod run;
mod schema;
mod template;

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
    Doctor(doctor::Doctor),
    Init(init::Init),
    Check(check::Check),
    Run(run::Run),
    Boards(boards::Boards),
    Install(install::Install),
    Schema(schema::Schema),
    Coverage(coverage::Coverage),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Doctor(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Boards(command) => command.run(),
        Command::Install(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Coverage(command) => command.run(),
    };
    outcome.unwrap_or_else(|Failure(why)| {
        output::complain(format_args!("{} {why}", colours::bad("vtarget:")));
        ExitCode::FAILURE
    })
}
