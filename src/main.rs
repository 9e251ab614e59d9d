//! Parse, log, do, exit.

use std::process::ExitCode;

use pivotal_sync::cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match cli::typed(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let (json, logs) = (cli.command.json(), cli::logs_failures(&cli));
    if let Err(failure) = cli::start_logging(&cli) {
        return cli::tell_failure(&failure, json).into();
    }
    match cli::run(cli).await {
        Ok(exit) => exit.into(),
        Err(failure) if logs => cli::log_failure(&failure).into(),
        Err(failure) => cli::tell_failure(&failure, json).into(),
    }
}
