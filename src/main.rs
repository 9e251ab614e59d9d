//! Parse, log, do, exit.

use std::process::ExitCode;

use pivotal_sync::cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match cli::typed(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
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
