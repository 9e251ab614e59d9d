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

/// How long Pivotal may take to prove a key in a reload, tries and all: whoever reloads waits for the word. A start has more
/// patience, as it has nothing to go on with.
const PROVED_WITHIN: Duration = Duration::from_secs(15);

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
            let key = prove_key(&*wired.target, &app.settings.pivotal.workspace);
            let names = async { Ok(unknown_names(&wired.sources).await) };
            let ((), mut unknown) = tokio::try_join!(key, names)?;
            if let Some(RuleProblem { key, message }) = unknown.pop() {
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
    let unproved = |why: String| {
        let hint = "reload again once Pivotal can be reached, and look at pivotal.base_url";
        refused("unreachable", format!("it cannot be proved: {why}"), hint)
    };
    let Ok(answered) = tokio::time::timeout(PROVED_WITHIN, target.identify()).await else {
        return Err(unproved(format!("Pivotal did not answer within {} s", PROVED_WITHIN.as_secs())));
    };
    match answered {
        Ok(found) if workspace == found.workspace_slug || workspace == found.workspace_id => Ok(()),
        Ok(found) => {
            let error = EngineError::Workspace { wanted: workspace.to_owned(), found: found.workspace_slug };
            Err(refused(error.kind(), error.to_string(), &error.hint()))
        }
        Err(error) if matches!(error.fault, Fault::Unauthorised | Fault::Forbidden { .. }) => {
            let error = EngineError::Api(error);
            Err(refused(error.kind(), error.to_string(), &error.hint()))
        }
        Err(error) => Err(unproved(error.to_string())),
    }
}

fn refused(kind: &str, message: String, hint: &str) -> ErrorReport {
    ErrorReport { kind: kind.to_owned(), message, hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::time::Instant;

    use super::*;
    use crate::pivotal;

    #[tokio::test(start_paused = true)]
    async fn a_reload_waits_seconds_for_a_pivotal_that_takes_and_never_answers() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/api/v1", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                tokio::spawn(async move { while connection.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} });
            }
        });
        let settings = pivotal::Settings {
            base_url,
            workspace: "acme".to_owned(),
            requests_per_minute: None,
            reserve_percent: 10,
            concurrency: 4,
            mrr_unit: None,
            api_key_file: None,
            webhook_secret_file: None,
        };
        let (target, _) = pivotal::connect(&settings, "pivotal_k".to_owned().into()).unwrap();
        let began = Instant::now();
        let error = prove_key(&target, "acme").await.unwrap_err();
        assert_eq!(error.kind, "unreachable");
        assert!(error.message.contains("Pivotal did not answer within 15 s"), "{}", error.message);
        assert!(began.elapsed() < PROVED_WITHIN + Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
