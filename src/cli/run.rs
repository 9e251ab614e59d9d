//! `run`: the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::daemon::{self, DaemonError, Signals};
use crate::domain::ErrorReport;

use super::{Exit, Failure, session};

/// Works until it is told to stop.
pub(super) async fn run(config: Option<&Path>) -> Result<Exit, Failure> {
    // First of all: a signal that comes before it is caught would end the process.
    let signals = Signals::catch()
        .map_err(|why| Failure::new("signals", format!("signals cannot be caught: {why}"), "report this message"))?;
    let app = read(config)?;
    let secrets = app.secrets.clone();
    let config: Option<PathBuf> = config.map(Path::to_owned);
    let reload = Arc::new(move || read(config.as_deref()).map_err(refused));
    match daemon::run(app, reload, signals, CancellationToken::new()).await {
        Ok(()) | Err(DaemonError::Stopped) => Ok(Exit::Done),
        Err(DaemonError::App(error)) => Err(error.into()),
        Err(DaemonError::Store(error)) => Err(error.into()),
        Err(DaemonError::Engine(error)) => Err(session::failed_with(error, &secrets)),
        Err(error @ DaemonError::Schedule(_)) => Err(Failure::new("config", error.to_string(), "mend it")),
        Err(error @ DaemonError::Socket { .. }) => {
            let hint = "set daemon.socket to a place this user may write, and that nothing else uses";
            Err(Failure::new("config", error.to_string(), hint))
        }
        Err(error @ DaemonError::Outside(_)) => {
            Err(Failure::new("config", error.to_string(), "mend it and run pivotal-sync check"))
        }
        Err(error @ DaemonError::Broken(_)) => Err(Failure::new(
            "defect",
            error.to_string(),
            "report this message with the log; a restart goes on from there",
        )),
    }
}

/// What is only a warning goes into the log: that is all a daemon says.
fn read(config: Option<&Path>) -> Result<App, Failure> {
    session::app_warning(config, |warning| tracing::warn!("{warning}"))
}

/// A configuration that was refused, in one message: it ends up in a log and in a status line.
fn refused(failure: Failure) -> ErrorReport {
    let mut message = failure.message;
    for place in failure.at {
        message = format!("{message}; {place}");
    }
    ErrorReport { kind: failure.kind, message, hint: failure.hint }
}
