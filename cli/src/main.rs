//! `vtarget`: the boards of virtual-target from the command line. Each command has a file of its
//! own; the library does the work.

mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks, boots and talks to virtual boards for firmware tests.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 success, 1 failure, 2 wrong arguments";

#[derive(Subcommand)]
enum Command {
    Schema(schema::Schema),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Schema(command) => command.run(),
    }
}
