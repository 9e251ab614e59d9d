//! What the store says, kept for a few seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::daemon::webhooks::drift;
use crate::domain::{RunKind, RunStatus, Timestamp};
use crate::store::{OperationRow, RunRow, Store, StoreCounts, StoreError};

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(5);
/// How long the store may take: a check that hangs tells nothing.
const PATIENCE: Duration = Duration::from_secs(3);
/// Runs looked back on for the last good one.
const RUNS: u32 = 50;
/// Operations shown of each state.
const SHOWN: u32 = 20;

/// The store at one moment.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub workspace: Option<String>,
    pub counts: StoreCounts,
    /// Newest first.
    pub runs: Vec<RunRow>,
    pub held: Vec<OperationRow>,
    pub quarantined: Vec<OperationRow>,
    /// Objects marked as changed in Pivotal by somebody else.
    pub drifted: usize,
}

impl Snapshot {
    async fn take(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            workspace: store.fact("workspace_slug").await?,
            counts: store.counts().await?,
            runs: store.runs(RUNS).await?,
            held: store.open_operations(Some("held"), SHOWN).await?,
            quarantined: store.open_operations(Some("quarantined"), SHOWN).await?,
            drifted: drift::waiting(store).await?.len(),
        })
    }

    /// The newest run that ended; plans are none.
    pub fn last_run(&self) -> Option<&RunRow> {
        self.runs.iter().find(|run| run.kind != RunKind::Plan && run.status != RunStatus::Running)
    }

    /// When a run last ended with everything in step.
    pub fn last_success(&self) -> Option<Timestamp> {
        let good = |run: &&RunRow| run.kind != RunKind::Plan && run.status == RunStatus::Complete;
        self.runs.iter().find(good)?.finished_at
    }
}

/// A snapshot, or why there is none.
type Answer = Result<Arc<Snapshot>, String>;

/// The newest answer.
pub(super) struct Shelf {
    store: Store,
    kept: Mutex<Option<(Instant, Answer)>>,
}

impl Shelf {
    pub fn new(store: Store) -> Self {
        Self { store, kept: Mutex::default() }
    }

    pub async fn get(&self) -> Answer {
        let mut kept = self.kept.lock().await;
        if let Some((at, answer)) = &*kept
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = match tokio::time::timeout(PATIENCE, Snapshot::take(&self.store)).await {
            Ok(Ok(snapshot)) => Ok(Arc::new(snapshot)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the store {} does not answer", self.store.path().display())),
        };
        *kept = Some((Instant::now(), answer.clone()));
        answer
    }
}
