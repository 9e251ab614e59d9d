//! The words of the control socket: HTTP with JSON bodies. Both sides are this program, and `version` says whether they are the
//! same one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{ErrorReport, Leaving, Operation, Report, RunKind};
use crate::engine::{Event, RATE};
use crate::store::{FindingRow, OperationRow, Reference, RunLock, RunRow, Store, StoreCounts, StoreError};

use super::{Brought, DaemonState, Errand, Finished, Slot, UnderWay};

/// `GET`: [`Hello`].
pub(super) const HELLO: &str = "/v1/hello";
/// `POST` [`RunRequest`]: one [`Said`] a line.
pub(super) const RUNS: &str = "/v1/runs";
/// `GET`: [`StatusAnswer`].
pub(super) const STATUS: &str = "/v1/status";
/// `POST` `Decision`: `Taken`.
pub(super) const DECISIONS: &str = "/v1/decisions";
/// `POST` [`Link`]: `Decided`.
pub(super) const LINKS: &str = "/v1/links";

/// How long nothing is said of a run before it is said that nothing happened.
pub(super) const STILL_EVERY: Duration = Duration::from_secs(10);

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The daemon's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its store, as configured.
    pub store: PathBuf,
    /// Its store, links followed.
    pub store_itself: PathBuf,
    /// Its workspace, as configured.
    pub workspace: String,
}

/// A run is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunRequest {
    pub errand: Errand,
}

/// A line about a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Said {
    /// Another run is under way: this one comes after it.
    Waiting(UnderWay),
    /// Something happened.
    Event(Event),
    /// Nothing happened for [`STILL_EVERY`], and the daemon is well.
    Still,
    /// The run ended: the last line.
    Ended(Box<Answer>),
    /// The run will not be made: the last line.
    Dropped(ErrorReport),
}

/// How a run ended, as it travels.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// What it did, or what ended it early.
    pub outcome: Result<Report, ErrorReport>,
    /// The plan of the report, which does not travel with it.
    pub plan: Vec<Operation>,
    /// What it had done by then, when something ended it early.
    pub so_far: Option<Box<Report>>,
    /// Where, when there is more than one place to tell.
    pub details: Vec<String>,
    /// Requests a minute Pivotal may be sent.
    pub rate_per_minute: Option<u32>,
    /// What it brings beside that.
    pub brought: Brought,
}

impl From<&Finished> for Answer {
    fn from(finished: &Finished) -> Self {
        Self {
            outcome: finished.outcome.clone(),
            plan: finished.outcome.as_ref().map(|report| report.plan.clone()).unwrap_or_default(),
            so_far: finished.so_far.clone(),
            details: finished.details.clone(),
            rate_per_minute: finished.rate_per_minute,
            brought: finished.brought.clone(),
        }
    }
}

/// A record is a Pivotal object: which Pivotal is asked about first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Link {
    pub record: Reference,
    pub object: Reference,
}

/// What the daemon adds to what the store says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Whether it is past its start.
    pub ready: bool,
    /// The run under way.
    pub run: Option<UnderWay>,
    /// The next times, soonest first.
    pub next: Vec<Slot>,
    /// What keeps it from its work.
    pub last_error: Option<ErrorReport>,
    /// Why the configuration on disk is not the one in use.
    pub refused_configuration: Option<String>,
}

impl Daemon {
    pub(super) fn of(state: &DaemonState) -> Self {
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ready: state.ready,
            run: state.run.clone(),
            next: state.next.clone(),
            last_error: state.last_error.clone(),
            refused_configuration: state.refused_configuration.clone(),
        }
    }
}

/// What `status` tells, of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The workspace the store was filled from, once it was.
    pub workspace: Option<String>,
    /// The store's file.
    pub store: String,
    /// The newest run.
    pub last_run: Option<RunRow>,
    /// The state in numbers.
    pub counts: StoreCounts,
    /// What is not yet done and needs nobody, the first of it.
    pub owed: Vec<OperationRow>,
    /// What waits out its grace, the first of it.
    pub later: Vec<Leaving>,
    /// What waits for a person, the first of it.
    pub held: Vec<OperationRow>,
    /// What waited for a person, who let it through: the next run does it. The first of it.
    pub approved: Vec<OperationRow>,
    /// What Pivotal refused for good, the first of it.
    pub quarantined: Vec<OperationRow>,
    /// What audits found and what still stands of it, the first of it.
    pub findings: Vec<FindingRow>,
    /// How many findings stand.
    pub all_findings: u64,
    /// What a person should know of what is otherwise in order, the first of it.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How much of that there is.
    #[serde(default)]
    pub all_notes: u64,
    /// The newest audit.
    pub last_audit: Option<RunRow>,
    /// Requests a minute the last run could send to Pivotal, for the estimate; nothing when that is not known.
    pub rate_per_minute: Option<u32>,
    /// Whether a process works on the store right now.
    pub in_use: bool,
}

/// Operations read of each state: enough to bring together those that say the same.
const MOST: u32 = 500;

impl Facts {
    /// Reads them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(store: &Store) -> Result<Self, StoreError> {
        let (notes, all_notes) = store.notes(MOST).await?;
        Ok(Self {
            notes,
            all_notes,
            workspace: store.fact("workspace_slug").await?,
            store: store.path().display().to_string(),
            last_run: store.runs(1).await?.pop(),
            counts: store.counts().await?,
            owed: store.open_operations(Some("owed"), MOST).await?,
            later: store.leaving(MOST).await?,
            held: store.open_operations(Some("held"), MOST).await?,
            approved: store.open_operations(Some("approved"), MOST).await?,
            quarantined: store.open_operations(Some("quarantined"), MOST).await?,
            findings: store.findings(None, MOST).await?,
            all_findings: store.count_findings().await?,
            last_audit: store.runs_of(Some(RunKind::Audit), 1).await?.pop(),
            rate_per_minute: store.fact(RATE).await?.and_then(|rate| rate.parse().ok()),
            in_use: RunLock::is_held(store.path()),
        })
    }
}

/// `status`, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// Of the store.
    pub facts: Facts,
    /// Of the daemon.
    pub daemon: Daemon,
}

/// A path with its links followed, as far as this user may follow them.
pub(super) fn itself(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    std::fs::canonicalize(&absolute).unwrap_or(absolute)
}
