//! One file per command; the only room that prints.
//!
//! Rules: a command parses, asks the rooms below, and tells. How things look is in `render`, pure; what reaches the
//! terminal goes through `print`. The one error is [`Failure`], told once, at the edge. The answer goes to stdout, with
//! `--json` as one object; logs, progress and errors go to stderr.

mod args;
pub mod check;
mod completions;
mod failure;
mod init;
mod man;
pub mod plan;
mod print;
mod progress;
pub mod render;
mod runs;
mod status;
pub mod sync;
mod telemetry;
mod why;

use std::path::Path;

use crate::config::{self, Settings};

pub use args::{
    BackfillArgs, CheckArgs, Cli, Command, CompletionsArgs, InitArgs, LogFormat, ManArgs, PlanArgs, RateLimit,
    RunsArgs, SandboxArgs, StatusArgs, SyncArgs, WhyArgs,
};
pub use failure::{Exit, Failure};
pub use progress::{Progress, progress};

/// Sets up logging for the command at hand.
///
/// # Errors
/// When `RUST_LOG` cannot be read.
pub fn start_logging(cli: &Cli) -> Result<(), Failure> {
    let quiet = match cli.command {
        Command::Run | Command::Sandbox(_) => telemetry::Quiet::Daemon,
        _ => telemetry::Quiet::OneShot,
    };
    let directives = std::env::var("RUST_LOG").ok();
    telemetry::start(quiet, cli.verbose, cli.log_format, directives.as_deref())
}

/// Does what was asked.
///
/// # Errors
/// Why it could not be done.
pub async fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Status(args) => status::run(&settings(cli.config.as_deref())?, &args).await,
        Command::Runs(args) => runs::run(&settings(cli.config.as_deref())?, &args).await,
        Command::Why(args) => why::run(&settings(cli.config.as_deref())?, &args).await,
        Command::Demo
        | Command::Check(_)
        | Command::Plan(_)
        | Command::Sync(_)
        | Command::Backfill(_)
        | Command::Run
        | Command::Sandbox(_) => {
            Err(Failure::new("usage", "this command is not in this build", "take a released version"))
        }
    }
}

fn settings(file: Option<&Path>) -> Result<Settings, Failure> {
    Ok(config::load(file, environment())?)
}

/// Tells why a command failed: on stderr, and with `json` as one object on stdout too.
pub fn tell_failure(failure: &Failure, json: bool) -> Exit {
    print::say(&render::render_failure(failure));
    if json {
        // Should stdout be gone as well, the exit code still tells.
        let _ = print::show_json(&render::failure_json(failure));
    }
    failure.exit
}

/// The environment, without what is not Unicode: no setting of ours could be.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
mod tests;
