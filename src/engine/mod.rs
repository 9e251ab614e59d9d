//! The order of things. Choreography, no decisions: what is true of two records, what Pivotal should say and what may be
//! done unasked is decided in `reconcile`; how a page or a write looks is decided in `sources` and `pivotal`.
//!
//! [`Engine::plan`] and [`Engine::sync`] share every step up to the plan; only `sync` is handed a [`Writer`].
//!
//! 1. `identify`: whose key is this? Another workspace is refused before anything is read.
//! 2. `recover` (sync only): what a crash left unknown is settled first.
//! 3. `pull`: pages into the store, one transaction each, the cursor with them.
//! 4. `adopt`: what is already in Pivotal, walked once before the first binding, and its news before anything is created.
//! 5. `bind`: which records speak of the same entity.
//! 6. `plan`: desire and decide, entity by entity, parents first; then the guards.
//! 7. `apply` (sync only): write-ahead, send, settle.

mod adopt;
mod again;
mod apply;
mod armed;
mod aside;
mod audit;
mod beside;
mod billing;
mod bind;
mod brakes;
mod candidates;
mod compared;
mod conflict;
mod deals;
pub mod decide;
mod decision;
mod error;
mod evidence;
pub mod explain;
mod halt;
mod left;
mod look;
mod lookalikes;
mod mailbox;
mod measure;
mod metadata;
mod moved;
mod now;
mod nudged;
mod offline;
mod outcome;
mod parents;
mod plan;
mod pull;
mod recover;
mod remember;
mod retain;
mod run;
mod saved;
mod settled;
mod shelve;
mod slugs;
mod stages;
mod strays;
mod tell;
mod torn;
mod undo;
mod watch;

use std::sync::Arc;

use chrono::Utc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::domain::{Doing, ErrorReport, Keeps, Report, RunId, RunKind, RunStatus, SourceName, Span};
use crate::ports::{Identity, Source, Spent, Target, Writer};
use crate::reconcile::Reconciler;
use crate::store::{RunLock, Store};

use adopt::read_time;
use plan::{Asking, Scope};
use run::Run;

pub use decision::{Decision, Taken};
pub use error::EngineError;
pub use look::{Enabled, Look, NotHere, not_here};
pub use saved::{PLAN_HOURS, PlanRefused, SavedPlan};
pub use tell::RUN_FAILED;
pub use undo::{CannotUndo, Released, UndoPlan};
pub use watch::{Event, Silent, Watch};

/// Why an operation is owed that was planned and never came to its turn.
const NOT_REACHED: &str = "not reached";

/// Set when a first load tried everything it planned. A plan alone, or a load that was cut off, is no load.
const LOADED: &str = "loaded_at";

/// Requests a minute that the last run could send to Pivotal; empty when nothing limited it.
pub const RATE: &str = "rate_per_minute";

/// Everything a pass needs, but for the right to write.
pub struct Engine {
    /// Memory.
    pub store: Store,
    /// Proof that nobody else works on this store.
    pub lock: RunLock,
    /// The pure centre, rules compiled.
    pub reconciler: Reconciler,
    /// Where records come from.
    pub sources: Vec<Arc<dyn Source>>,
    /// Pivotal, for reading.
    pub target: Arc<dyn Target>,
    /// Slug or id that Pivotal's `GET /me` must answer.
    pub workspace: String,
    /// Writes in flight at once.
    pub concurrency: usize,
    /// How long it is kept what was sent.
    pub retention: Span,
    /// Told what is going on.
    pub watch: Arc<dyn Watch>,
    /// Cancelled when a person or systemd wants the run to stop.
    pub stop: CancellationToken,
    /// Cancelled when it must stop without waiting for answers under way: what became of those is asked at the next start.
    pub hurry: CancellationToken,
    /// Notified when a run under way is to pull and plan again before it goes on. One that comes early is not lost.
    pub again: Arc<Notify>,
}

/// What a pass is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Why the run is made.
    pub kind: RunKind,
    /// Who asked: `command`, `schedule`, …
    pub asked_by: String,
    /// Re-read everything, look at every entity.
    pub full: bool,
    /// Pull this source only.
    pub only: Option<SourceName>,
}

impl Engine {
    /// Pulls, reconciles and says what would be done. Writes nothing to Pivotal: there is no writer here to do it with.
    pub async fn plan(&self, ask: &Ask) -> Result<Report, EngineError> {
        let mut run = self.begin(ask).await?;
        let span = tell::span(&run.report);
        let result = async {
            tell::began(ask);
            self.identify().await?;
            self.up_to_the_plan(ask, &mut run).await?;
            self.tell_plan(&mut run).await
        }
        .instrument(span.clone())
        .await;
        self.finish(run, result).instrument(span).await
    }

    /// What a plan says besides its operations.
    async fn tell_plan(&self, run: &mut Run) -> Result<(), EngineError> {
        self.store.close_planned(run.report.run, "planned, not yet applied").await?;
        self.note_unsettled(run).await?;
        run.report.later = self.store.leaving(u32::MAX).await?;
        run.count_planned();
        Ok(())
    }

    async fn note_unsettled(&self, run: &mut Run) -> Result<(), EngineError> {
        let waiting = self.store.open_attempts().await?.len();
        if waiting > 0 {
            run.note(format!("{waiting} writes of an earlier run are unsettled; the next sync settles them first"));
        }
        Ok(())
    }

    /// Pulls, reconciles and makes the difference go away. With `approved`, only if the plan is still the one that was saved.
    pub async fn sync(
        &self,
        writer: &dyn Writer,
        ask: &Ask,
        approved: Option<&SavedPlan>,
    ) -> Result<Report, EngineError> {
        let mut run = self.begin(ask).await?;
        let span = tell::span(&run.report);
        let result = async {
            tell::began(ask);
            let identity = self.identify().await?;
            if let Some(approved) = approved {
                approved.check(&identity.workspace_slug, &self.plan_place().await?, Utc::now())?;
            }
            self.recover(writer, &mut run).await?;
            let planned = self.up_to_the_plan(ask, &mut run).await?;
            if let Some(approved) = approved
                && let Err(moved) = approved.check_still(&run.report.plan)
            {
                self.store.close_planned(run.report.run, "the saved plan no longer matched").await?;
                return Err(moved.into());
            }
            match approved {
                None => {
                    self.show_what_is_left(&run).await?;
                    self.apply_in_turns(writer, planned, ask, &mut run).await?;
                }
                // A saved plan is what was approved and nothing else.
                Some(_) => drop(self.apply(writer, planned, false, &mut run).await?),
            }
            self.know_loaded(&run).await
        }
        .instrument(span.clone())
        .await;
        self.finish(run, result).instrument(span).await
    }

    async fn know_loaded(&self, run: &Run) -> Result<(), EngineError> {
        let to_its_end = !run.halted && !self.stop.is_cancelled() && self.store.fact("filled_at").await?.is_some();
        if to_its_end && self.store.fact(LOADED).await?.is_none() {
            self.store.set_fact(LOADED, &Utc::now().to_rfc3339()).await?;
        }
        Ok(())
    }

    async fn up_to_the_plan(&self, ask: &Ask, run: &mut Run) -> Result<Vec<plan::Planned>, EngineError> {
        let fresh = self.store.fact("filled_at").await?.is_none();
        self.tell_progress(Doing::Reading, true, run).await?;
        self.pull(ask, run).await?;
        self.tell_progress(Doing::Comparing, true, run).await?;
        self.know_every_source(run).await?;
        let walked = self.walk_all().await?;
        let asking = self.bind(if walked { Asking::NoNews } else { Asking::Everything }).await?;
        self.heed().await?;
        if let Some(made) = self.put_back().await? {
            run.note(format!(
                "this store was put back from a backup of {} and does not know what was written since: nothing is deleted or \
                 archived unasked until `pivotal-sync audit` has compared it with Pivotal",
                made.format("%Y-%m-%d %H:%M UTC")
            ));
        }
        if fresh {
            self.doubt_about_the_walk().await?.into_iter().for_each(|doubt| run.note(doubt));
        }
        let planned = self.make_plan(Scope::full(ask.full), asking, run).await?;
        if fresh && !run.failed_sources && ask.only.is_none() {
            self.store.set_fact("filled_at", &Utc::now().to_rfc3339()).await?;
        }
        Ok(planned)
    }

    /// A source that is down leaves its older facts valid, but one that was never read has none: two records of one company
    /// would each become a customer. Nor has one of which a rule reads what was not kept: what was not read is not empty.
    async fn know_every_source(&self, run: &Run) -> Result<(), EngineError> {
        for source in &self.sources {
            for stream in source.streams() {
                let mut failed = run.report.streams.values().filter(|counts| counts.error.is_some());
                let told = || failed.clone().find_map(|counts| counts.error.clone()).unwrap_or_default();
                let error = match self.store.stream_state(stream).await? {
                    None if !run.failed_sources => continue,
                    None => EngineError::NeverRead { stream, why: told() },
                    Some(state) if !Keeps::read(&state.keeps).covers(&source.keeps(stream)) => {
                        EngineError::NotKept { stream, why: told() }
                    }
                    Some(state) if state.complete_at.is_none() => EngineError::NeverRead { stream, why: told() },
                    Some(_) => continue,
                };
                return Err(match failed.find(|counts| counts.misnamed).and_then(|counts| counts.error.clone()) {
                    Some(why) => EngineError::Misnamed { why },
                    None => error,
                });
            }
        }
        Ok(())
    }

    async fn begin(&self, ask: &Ask) -> Result<Run, EngineError> {
        let now = Utc::now();
        self.target.hurry(false);
        let id: RunId = self.store.begin_run(&self.lock, ask.kind, &ask.asked_by, now).await?;
        let report = Report { notes: self.reconciler.findings(), ..Report::begun(id, ask.kind, now) };
        Ok(Run::new(report, self.spent()))
    }

    /// Asks Pivotal whose key this is, and refuses another workspace than the configured one or the store's.
    ///
    /// # Errors
    /// When it is another's, Pivotal cannot be asked, or the engine is told to stop.
    pub async fn prove(&self) -> Result<Identity, EngineError> {
        self.identify().await
    }

    async fn identify(&self) -> Result<Identity, EngineError> {
        self.recall_pace().await?;
        let identity = self.or_stop(identify(&self.store, &*self.target, &self.workspace)).await?;
        self.keep_pace().await?;
        identity
    }

    /// Closes the run in the store, whatever became of it, and says how it ended.
    async fn finish(&self, mut run: Run, result: Result<(), EngineError>) -> Result<Report, EngineError> {
        self.watch.tell(Event::Ended);
        run.count_requests(&self.spent());
        let report = &mut run.report;
        report.finished_at = Some(Utc::now());
        report.progress = None;
        report.status = match &result {
            Err(EngineError::Interrupted) => RunStatus::Interrupted,
            Err(_) => RunStatus::Failed,
            Ok(()) if self.stop.is_cancelled() => RunStatus::Interrupted,
            Ok(()) if run.failed_sources => RunStatus::Partial,
            Ok(()) if report.kind == RunKind::Plan || report.operations.in_step() => RunStatus::Complete,
            Ok(()) => RunStatus::Partial,
        };
        if let Err(error) = &result {
            report.error =
                Some(ErrorReport { kind: error.kind().to_owned(), message: error.to_string(), hint: error.hint() });
        }
        tell::ended(report, &result);
        let stored = self.store.finish_run(report).await;
        let kept = self.keep_pace().await;
        self.remember_the_rate().await?;
        result?;
        kept?;
        stored?;
        self.retain(Utc::now()).await;
        Ok(run.report)
    }

    /// What Pivotal was found to allow, for estimates when nobody talks to it.
    async fn remember_the_rate(&self) -> Result<(), EngineError> {
        if self.target.spent().requests == 0 {
            return Ok(());
        }
        let rate = self.target.rate_per_minute().map_or_else(String::new, |rate| rate.to_string());
        if self.store.fact(RATE).await?.as_deref() != Some(&rate) {
            self.store.set_fact(RATE, &rate).await?;
        }
        Ok(())
    }

    fn spent(&self) -> Vec<(Option<SourceName>, Spent)> {
        let sources = self.sources.iter().map(|s| (Some(s.name()), s.spent()));
        sources.chain([(None, self.target.spent())]).collect()
    }

    /// A read, given up when the run is asked to stop: it may be waiting for its turn. Never for what writes.
    async fn or_stop<T>(&self, read: impl Future<Output = T>) -> Result<T, EngineError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(EngineError::Interrupted),
            done = read => Ok(done),
        }
    }

    fn check_stop(&self) -> Result<(), EngineError> {
        if self.stop.is_cancelled() { Err(EngineError::Interrupted) } else { Ok(()) }
    }
}

/// Whose key is this? Refuses another workspace than the configured one, and a store that was filled from another.
async fn identify(store: &Store, target: &dyn Target, workspace: &str) -> Result<Identity, EngineError> {
    let identity = target.identify().await?;
    if workspace != identity.workspace_slug && workspace != identity.workspace_id {
        return Err(EngineError::Workspace { wanted: workspace.to_owned(), found: identity.workspace_slug });
    }
    match store.fact("workspace_id").await? {
        Some(known) if known != identity.workspace_id => {
            let slug = store.fact("workspace_slug").await?.unwrap_or(known);
            return Err(EngineError::OtherWorkspacesStore {
                path: store.path().to_owned(),
                wanted: identity.workspace_slug,
                found: slug,
            });
        }
        Some(_) => {}
        None => {
            store.set_fact("workspace_id", &identity.workspace_id).await?;
            store.set_fact("workspace_slug", &identity.workspace_slug).await?;
        }
    }
    Ok(identity)
}
