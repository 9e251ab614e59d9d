//! One file per command; the only room that prints.
//!
//! Rules: a command parses, asks the rooms below, and tells. How things look is in `render`, pure; what reaches the
//! terminal goes through `print`. The one error is [`Failure`], told once, at the edge. The answer goes to stdout, with
//! `--json` as one object; logs, progress and errors go to stderr.

mod args;
mod audit;
mod backup;
pub mod check;
mod completions;
mod decide;
mod demo;
mod export;
mod failure;
mod handed;
mod history;
mod import;
mod init;
mod man;
mod once;
pub mod plan;
mod print;
mod progress;
pub mod render;
mod run;
mod runs;
mod sandbox;
mod session;
mod status;
pub mod sync;
mod telemetry;
mod undo;
mod usage;
mod why;

use std::path::Path;

use crate::config::{self, Settings};

pub use args::{
    ApproveArgs, AuditArgs, BackfillArgs, BackupArgs, CheckArgs, ChoiceArgs, Cli, Command, CompletionsArgs, ExportArgs,
    ExportFormat, ExportKind, HistoryArgs, ImportArgs, InitArgs, LinkArgs, LogFormat, ManArgs, PlanArgs, RateLimit,
    ReleaseArgs, RunsArgs, SandboxArgs, StatusArgs, SyncArgs, UndoArgs, WhyArgs,
};
pub use failure::{Exit, Failure};
pub use progress::{Progress, progress};
pub use usage::typed;

/// Sets up logging for the command at hand.
///
/// # Errors
/// When `RUST_LOG` cannot be read.
pub fn start_logging(cli: &Cli) -> Result<(), Failure> {
    let quiet = match cli.command {
        Command::Sandbox(_) | Command::Run => telemetry::Quiet::Daemon,
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
    let config = cli.config.as_deref();
    if let Some(file) = config {
        print::name_config(file);
    }
    let is_daemon = matches!(cli.command, Command::Run);
    match carry_out(cli.command, config).await {
        Err(failure) if failure.exit == Exit::Locked && !is_daemon => Err(handed::not_found(failure, config).await),
        done => done,
    }
}

async fn carry_out(command: Command, config: Option<&Path>) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args, config).await,
        Command::Plan(args) => plan::run(&args, config).await,
        Command::Sync(args) => sync::run(&args, config).await,
        Command::Backfill(args) => sync::backfill(&args, config).await,
        Command::Run => run::run(config).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Status(args) => status::run(&settings(config)?, &args).await,
        Command::Runs(args) => runs::run(&settings(config)?, &args).await,
        Command::Why(args) => why::run(&settings(config)?, &args).await,
        Command::History(args) => history::run(&settings(config)?, &args).await,
        Command::Audit(args) => audit::run(&args, config).await,
        Command::Approve(args) => decide::approve(&settings(config)?, &args).await,
        Command::Retry(args) => decide::retry(&settings(config)?, &args).await,
        Command::Link(args) => decide::link(&args, config).await,
        Command::Unlink(args) => decide::unlink(&settings(config)?, &args).await,
        Command::Ignore(args) => decide::ignore(&settings(config)?, &args).await,
        Command::Undo(args) => undo::run(&args, config).await,
        Command::Export(args) => export::run(&settings(config)?, &args).await,
        Command::Import(args) => import::run(&settings(config)?, &args).await,
        Command::Backup(args) => backup::run(&settings(config)?, &args).await,
        Command::Demo => demo::run().await,
        Command::Sandbox(args) => sandbox::run(&args).await,
    }
}

fn settings(file: Option<&Path>) -> Result<Settings, Failure> {
    // Commands that need no rules work with bad ones; where something else is wrong, all of it is told.
    Ok(config::load(file, environment()).or_else(|_| session::settings(file))?)
}

/// Whether why it failed goes into the log: a daemon's is read by machines, unless it is text for people.
pub fn logs_failures(cli: &Cli) -> bool {
    matches!(cli.command, Command::Run) && cli.log_format != LogFormat::Text
}

/// Tells why a daemon failed: in its log, in the log's format.
pub fn log_failure(failure: &Failure) -> Exit {
    if !tracing::enabled!(tracing::Level::ERROR) {
        return tell_failure(failure, false);
    }
    let Failure { kind, message, at, hint, exit, .. } = failure;
    let (places, hint) = (at.join("; "), print::told(hint));
    let colon = if places.is_empty() { "" } else { ": " };
    tracing::error!(kind, hint = &*hint, exit = *exit as u8, "{message}{colon}{places} (hint: {hint})");
    *exit
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
