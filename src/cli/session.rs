//! What a command stands on: configuration, credentials, signals, and whoever watches.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError};
use crate::config::{self, ConfigErrors, Secrets, Settings};
use crate::engine::{EngineError, Event, Watch};
use crate::reconcile::Reconciler;
use crate::store::StoreError;

use super::{Exit, Failure, Progress, environment, print, progress};

/// Reads the configuration and finds the credentials. Everything that is wrong with either is told at once.
pub(super) fn app(config: Option<&Path>) -> Result<App, Failure> {
    app_warning(config, |warning| print::say(&format!("warning: {warning}\n")))
}

/// The same, for who tells warnings in another way.
pub(super) fn app_warning(config: Option<&Path>, warn: impl Fn(&str)) -> Result<App, Failure> {
    let settings = settings(config)?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let secrets = Secrets::find(&settings, environment(), credentials.as_deref())?;
    secrets.warnings.iter().for_each(|warning| warn(warning));
    Ok(App { settings, secrets })
}

/// The configuration, its rules looked at as well.
pub(super) fn settings(config: Option<&Path>) -> Result<Settings, ConfigErrors> {
    config::load_with_rules(config, environment(), |settings| {
        Reconciler::new(&settings.reconcile(), settings.pivotal.mrr_unit).err().unwrap_or_default()
    })
}

/// For commands about what a store holds: a mistyped `store.path` is told, and nothing is made there.
pub(super) fn store_is_there(settings: &Settings) -> Result<(), StoreError> {
    let path = &settings.store.path;
    // One that may not be looked at is there all the same: opening it says so.
    match path.try_exists() {
        Ok(false) => Err(StoreError::Missing { path: path.clone() }),
        _ => Ok(()),
    }
}

/// How long answers under way are waited for after a first signal: well below the 90 s after which systemd kills.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// What a person or systemd asks of a run with signals.
#[derive(Clone, Default)]
pub(super) struct Stopping {
    /// The first SIGINT or SIGTERM: nothing more is sent, what is under way is settled.
    pub(super) stop: CancellationToken,
    /// The second, or the first after a while: answers are not waited for. What becomes of their requests is asked at the next
    /// start, since they were stored before they left.
    pub(super) hurry: CancellationToken,
}

/// Listens for signals. The third ends the process as it is, which costs nothing but the run's own report.
pub(super) fn stop_on_signal() -> Stopping {
    let stopping = Stopping::default();
    let Stopping { stop, hurry } = stopping.clone();
    let mut signals = Signals::new();
    tokio::spawn(async move {
        signals.next().await;
        print::say("stopping: what is under way is settled first; once more to hurry\n");
        stop.cancel();
        tokio::select! {
            () = signals.next() => {}
            () = tokio::time::sleep(SETTLE_WITHIN) => {}
        }
        print::say("hurrying: answers under way are not waited for; the next run asks what became of them\n");
        hurry.cancel();
        signals.next().await;
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
    stopping
}

/// SIGINT or SIGTERM, whichever comes first; heard from the call on, not only once it is waited for.
pub(super) fn told_to_stop() -> impl Future<Output = ()> {
    let mut signals = Signals::new();
    async move { signals.next().await }
}

/// The signals that mean "stop", listened to from here on, so that two in quick succession are two.
struct Signals(Vec<Signal>);

impl Signals {
    fn new() -> Self {
        // One that cannot be listened to ends the process, as it does by default.
        Self(
            [SignalKind::interrupt(), SignalKind::terminate()]
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
        )
    }

    async fn next(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let any = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(any).await;
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
            Event::Asked { asked, of, estimate } => self.0.asked(asked, of, estimate),
            Event::Compared { entities } => self.0.compared(entities),
            Event::TakingOver { operations } => self.0.taking_over(operations),
            Event::Applying { done, operations, estimate } => self.0.applying(done, operations, estimate),
            Event::Settled { name, done, .. } => self.0.settled(&name, done),
            Event::Ended => self.0.ended(),
        }
    }
}

/// What ended a run early, with the place of the credential it is about.
pub(super) fn failed(error: EngineError, app: &App) -> Failure {
    failed_with(error, &app.secrets)
}

/// [`failed`], when only the credentials are left.
pub(super) fn failed_with(error: EngineError, secrets: &Secrets) -> Failure {
    match error {
        EngineError::Api(error) => Failure::of_api(&error, Some(secrets)),
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
