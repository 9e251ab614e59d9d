//! What a daemon works with: opened, proved good, and read anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::{App, AppError};
use crate::config::{Schedule, Settings};
use crate::domain::{ErrorReport, Fault};
use crate::engine::EngineError;
use crate::ports::{Source, Target};
use crate::reconcile::RuleProblem;
use crate::store::{Store, StoreError};

use super::hand::{AUDIT_MARK, Crew, FULL_MARK, Fresh, SYNC_MARK, kept_mark};
use super::openings::Openings;
use super::outside::OutsideError;
use super::progress::Progress;
use super::reach::reached;
use super::service::Service;
use super::timetable::{Kept, Marks, Timetable};
use super::wire::itself;
use super::worker::{Load, Reloaded};
use super::{Hello, socket};

/// Reads configuration and credentials anew, from where they were read at the start.
pub type Reload = Arc<dyn Fn() -> Result<App, ErrorReport> + Send + Sync>;

/// How long a source may take to say which names it knows before a start goes on without.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Makes this installation's jitter its own.
const SEED: &str = "schedule_seed";

/// Why the daemon could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Nothing could be wired, or the store is held by another.
    #[error(transparent)]
    App(#[from] AppError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Pivotal could not be asked whose key this is, or it is another's.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A pattern of the timetable.
    #[error("the schedule cannot be used: {0}")]
    Schedule(String),
    /// The control socket could not be made.
    #[error("the control socket {} cannot be made: {why}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A listener could not be opened, or webhooks cannot be told from forgeries.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// A run panicked.
    #[error("a run ended in a defect: {0}")]
    Broken(tokio::task::JoinError),
    /// Told to stop before it was ready.
    #[error("stopped before it was ready")]
    Stopped,
}

/// Everything a daemon works with.
pub(super) struct Opened {
    pub(super) crew: Crew,
    pub(super) timetable: Timetable,
    pub(super) settings: Settings,
    seed: String,
}

/// Takes the store, and wires the engine to it.
pub(super) async fn open(
    app: App,
    progress: Arc<Progress>,
    stop: &CancellationToken,
    hurry: CancellationToken,
) -> Result<Opened, DaemonError> {
    let (mut engine, writer) = app.for_writing(progress, stop.clone()).await?;
    engine.hurry = hurry;
    let seed = seed(&engine.store).await?;
    let timetable = timetable(&app.settings.schedule, &seed).map_err(DaemonError::Schedule)?;
    let App { settings, secrets } = app;
    let target = watch::Sender::new(engine.target.clone());
    Ok(Opened { crew: Crew { engine, writer, secrets, target }, timetable, settings, seed })
}

impl Opened {
    /// Who this is, for commands.
    pub(super) fn hello(&self) -> Hello {
        let store = &self.settings.store.path;
        Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            store: store.clone(),
            store_itself: itself(store),
            workspace: self.settings.pivotal.workspace.clone(),
        }
    }

    /// The configuration it was opened with.
    pub(super) fn app(&self) -> App {
        App { settings: self.settings.clone(), secrets: self.crew.secrets.clone() }
    }

    /// Where commands are heard.
    pub(super) fn socket(&self) -> PathBuf {
        // systemd lists the folders it made, the service's own first.
        let folders = std::env::var("RUNTIME_DIRECTORY").unwrap_or_default();
        let runtime = folders.split(':').next().filter(|folder| !folder.is_empty()).map(Path::new);
        socket::place(&self.settings, runtime)
    }

    /// Asks Pivotal whose key this is: nothing is ready before that is known.
    pub(super) async fn prove(&self, stop: &CancellationToken) -> Result<(), DaemonError> {
        let mut service = Service::of_environment();
        let waiting = |error: &EngineError| {
            let error = error.bare();
            tracing::warn!(error, "not ready yet; Pivotal is asked again: {error}");
            service.say(&format!("Starting: {error}; asking again").replace(char::is_control, " "));
        };
        let proved = async {
            reached(|| self.crew.engine.prove(), waiting).await?;
            match unknown_names(&self.crew.engine.sources).await {
                unknown if unknown.is_empty() => Ok(()),
                unknown => Err(AppError::Rules(unknown).into()),
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(DaemonError::Stopped),
            proved = proved => proved,
        }
    }

    /// Up to when the timetable is answered.
    pub(super) async fn marks(&self) -> Marks {
        let store = &self.crew.engine.store;
        let kept = Kept {
            sync: kept_mark(store, SYNC_MARK).await,
            full: kept_mark(store, FULL_MARK).await,
            audit: kept_mark(store, AUDIT_MARK).await,
        };
        self.timetable.start(kept, Utc::now())
    }
}

fn timetable(schedule: &Schedule, seed: &str) -> Result<Timetable, String> {
    Timetable::new(schedule, seed)
}

async fn seed(store: &Store) -> Result<String, StoreError> {
    if let Some(seed) = store.fact(SEED).await? {
        return Ok(seed);
    }
    let seed = Uuid::now_v7().to_string();
    store.set_fact(SEED, &seed).await?;
    Ok(seed)
}

/// How the worker reads the configuration anew. What only a start can change is refused, so that nobody believes it was heard.
pub(super) fn loader(reload: Reload, opened: &Opened, openings: Arc<Openings>) -> Load<Fresh> {
    let (seed, old) = (opened.seed.clone(), opened.settings.clone());
    Arc::new(move || {
        let (seed, old, reload, openings) = (seed.clone(), old.clone(), reload.clone(), openings.clone());
        Box::pin(async move {
            let app = reload()?;
            let fixed = fixed(&old, &app.settings);
            if !fixed.is_empty() {
                let message = format!("{} cannot change while the daemon runs", fixed.join(", "));
                return Err(refused(
                    "config",
                    message,
                    "restart the daemon to change it: systemctl restart pivotal-sync",
                ));
            }
            let timetable = timetable(&app.settings.schedule, &seed)
                .map_err(|why| refused("config", why, "mend it and reload again"))?;
            let wired = app.wire().map_err(|error| refused("config", error.to_string(), "mend it and reload again"))?;
            prove_key(&*wired.target, &app.settings.pivotal.workspace).await?;
            if let Some(RuleProblem { key, message }) = unknown_names(&wired.sources).await.pop() {
                return Err(refused(
                    "config",
                    format!("the rules cannot be used: {key}: {message}"),
                    "mend it and reload again",
                ));
            }
            openings
                .exchange(app.clone())
                .await
                .map_err(|error| refused("config", error.to_string(), "mend it and reload again"))?;
            Ok(Reloaded { timetable, fresh: Fresh { app, wired } })
        })
    })
}

/// The keys that were changed and only a start can change.
fn fixed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    [("store.path", old.store.path != new.store.path), ("daemon.socket", old.daemon != new.daemon)]
        .into_iter()
        .filter_map(|(key, changed)| changed.then_some(key))
        .collect()
}

/// What rules read and a source says it does not know. A source that does not answer in time says nothing against them.
async fn unknown_names(sources: &[Arc<dyn Source>]) -> Vec<RuleProblem> {
    let asked = sources.iter().map(|source| tokio::time::timeout(ANSWER_WITHIN, source.unknown()));
    let answered = futures::future::join_all(asked).await;
    let named = answered.into_iter().filter_map(|answer| answer.ok()?.ok()).flatten();
    named.map(|(key, message)| RuleProblem { key, message }).collect()
}

/// Refuses a key that Pivotal refuses, or that is another workspace's, or that cannot be proved: what works is not given up for it.
async fn prove_key(target: &dyn Target, workspace: &str) -> Result<(), ErrorReport> {
    match target.identify().await {
        Ok(found) if workspace == found.workspace_slug || workspace == found.workspace_id => Ok(()),
        Ok(found) => {
            let error = EngineError::Workspace { wanted: workspace.to_owned(), found: found.workspace_slug };
            Err(refused(error.kind(), error.to_string(), &error.hint()))
        }
        Err(error) if matches!(error.fault, Fault::Unauthorised | Fault::Forbidden { .. }) => {
            let error = EngineError::Api(error);
            Err(refused(error.kind(), error.to_string(), &error.hint()))
        }
        Err(error) => Err(refused(
            "unreachable",
            format!("it cannot be proved: {error}"),
            "reload again once Pivotal can be reached, and look at pivotal.base_url",
        )),
    }
}

fn refused(kind: &str, message: String, hint: &str) -> ErrorReport {
    ErrorReport { kind: kind.to_owned(), message, hint: hint.to_owned() }
}
