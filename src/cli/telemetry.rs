//! Log lines, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::engine::RUN_FAILED;

use super::once::Once;
use super::{Failure, LogFormat};

/// What is logged when nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Warnings: the command itself tells the rest.
    OneShot,
    /// What happens: the log is all a daemon says.
    Daemon,
}

/// Sets up logging: `directives` is `RUST_LOG`, which wins over `verbose`.
///
/// # Errors
/// When `RUST_LOG` cannot be read: a log that silently stays empty would be worse.
pub(super) fn start(quiet: Quiet, verbose: u8, format: LogFormat, directives: Option<&str>) -> Result<(), Failure> {
    let filter = filter(quiet, verbose, format, directives)?;
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = || {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(ansi);
        lines.with_target(false).fmt_fields(Once)
    };
    let logs = tracing_subscriber::registry().with(filter);
    let outcome = match format {
        LogFormat::Text => logs.with(text()).try_init(),
        LogFormat::Json => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
            logs.with(json.with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Journald => match tracing_journald::layer() {
            Ok(journal) => logs.with(journal.with_field_prefix(None)).try_init(),
            // Somebody reads stderr, or nobody would have seen the refusal either.
            Err(error) => logs.with(text()).try_init().inspect(|()| {
                tracing::warn!(%error, "there is no journal to write to; logging as text: {error}");
            }),
        },
    };
    outcome
        .map_err(|why| Failure::new("usage", format!("logging cannot be set up: {why}"), "run it as its own process"))
}

fn filter(quiet: Quiet, verbose: u8, format: LogFormat, directives: Option<&str>) -> Result<EnvFilter, Failure> {
    match directives.filter(|text| !text.trim().is_empty()) {
        Some(text) => EnvFilter::builder().parse(text).map_err(|why| {
            let hint = "write it like RUST_LOG=info or RUST_LOG=warn,pivotal_sync=debug, or unset it";
            Failure::new("usage", format!("RUST_LOG cannot be read: {why}"), hint)
        }),
        None => {
            let level = match (quiet, verbose) {
                (Quiet::OneShot, 0) => LevelFilter::WARN,
                (Quiet::Daemon, 0) | (_, 1) => LevelFilter::INFO,
                (_, 2) => LevelFilter::DEBUG,
                _ => LevelFilter::TRACE,
            };
            // Other crates' chatter would bury ours; RUST_LOG brings it back.
            let mut text = format!("warn,pivotal_sync={level}");
            // Who reads text on a command's stderr reads its error there, too.
            if matches!((quiet, verbose, format), (Quiet::OneShot, 0, LogFormat::Text)) {
                text.push_str(&format!(",{RUN_FAILED}=off"));
            }
            EnvFilter::builder().parse(text).map_err(|why| Failure::new("usage", why.to_string(), "set RUST_LOG"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_rust_log_is_told_and_a_good_one_wins() {
        let told = filter(Quiet::OneShot, 0, LogFormat::Text, Some("pivotal_sync=loud")).unwrap_err();
        assert!(told.message.starts_with("RUST_LOG cannot be read"), "{}", told.message);
        assert_eq!(told.exit, crate::cli::Exit::Usage);
        assert_eq!(filter(Quiet::Daemon, 2, LogFormat::Text, Some("error")).unwrap().to_string(), "error");
    }

    #[test]
    fn levels_follow_the_command_and_the_vs() {
        for (quiet, verbose, ours) in [
            (Quiet::OneShot, 0, "warn"),
            (Quiet::Daemon, 0, "info"),
            (Quiet::OneShot, 1, "info"),
            (Quiet::OneShot, 2, "debug"),
            (Quiet::Daemon, 3, "trace"),
        ] {
            let filter = filter(quiet, verbose, LogFormat::Text, Some(" ")).unwrap().to_string();
            assert!(filter.contains(&format!("pivotal_sync={ours}")), "{filter}");
        }
        // A command's error is told once, and no machine that reads its log misses it.
        let off = |quiet, verbose, format| {
            filter(quiet, verbose, format, None).unwrap().to_string().contains(&format!("{RUN_FAILED}=off"))
        };
        assert!(off(Quiet::OneShot, 0, LogFormat::Text));
        assert!(!off(Quiet::OneShot, 0, LogFormat::Json) && !off(Quiet::Daemon, 0, LogFormat::Text));
    }
}
