//! Parse, log, do, exit.

use std::process::ExitCode;

use clap::Parser;
use pivotal_sync::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.command.json();
    let outcome = match cli::start_logging(&cli) {
        Ok(()) => cli::run(cli).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => cli::tell_failure(&failure, json).into(),
    }
}
