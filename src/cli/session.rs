//! What a command stands on: configuration, credentials, signals, and whoever watches.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError};
use crate::config::{self, Secrets};
use crate::engine::{EngineError, Event, Watch};
use crate::reconcile::Reconciler;

use super::{Exit, Failure, Progress, environment, print, progress};

/// Reads the configuration and finds the credentials. Everything that is wrong with either is told at once.
pub(super) fn app(config: Option<&Path>) -> Result<App, Failure> {
    let settings = config::load_with_rules(config, environment(), |settings| {
        Reconciler::new(&settings.reconcile(), settings.pivotal.mrr_unit).err().unwrap_or_default()
    })?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let secrets = Secrets::find(&settings, environment(), credentials.as_deref())?;
    for warning in &secrets.warnings {
        print::say(&format!("warning: {warning}\n"));
    }
    Ok(App { settings, secrets })
}

/// Cancelled by the first SIGINT or SIGTERM; the second one does not wait.
pub(super) fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        signal().await;
        print::say("stopping: what is under way is settled first; once more stops at once\n");
        cancel.cancel();
        signal().await;
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
    stop
}

async fn signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

/// Progress on stderr; none for programs.
pub(super) fn watch(quiet: bool) -> Arc<dyn Watch> {
    Arc::new(Watcher(progress(quiet)))
}

struct Watcher(Box<dyn Progress>);

impl Watch for Watcher {
    fn tell(&self, event: Event) {
        match event {
            Event::Pulled { stream, read } => self.0.pulled(stream, read),
            Event::Walked { kind, seen } => self.0.walked(kind, seen),
            Event::Compared { entities } => self.0.compared(entities),
            Event::Applying { operations, estimate } => self.0.applying(operations, estimate),
            Event::Settled { name, done, .. } => self.0.settled(&name, done),
            Event::Ended => self.0.ended(),
        }
    }
}

/// What ended a run early, with the place of the credential it is about.
pub(super) fn failed(error: EngineError, app: &App) -> Failure {
    match error {
        EngineError::Api(error) => Failure::of_api(&error, Some(&app.secrets)),
        EngineError::Store(error) => error.into(),
        other => Failure::new(other.kind(), other.to_string(), other.hint()).at(other.details().iter().cloned()),
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Store(error) => error.into(),
            AppError::Build(error) => {
                Self::new("config", error.to_string(), "run pivotal-sync check when it is mended")
            }
            AppError::Rules(problems) => {
                let places = problems.into_iter().map(|p| format!("{}: {}", p.key, p.message));
                Self::new("config", "the rules cannot be used", "mend them and run pivotal-sync check").at(places)
            }
        }
    }
}
