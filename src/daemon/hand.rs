//! What makes the runs: one engine, one writer, one store, for the life of the process.

use std::future::Future;
use std::sync::Arc;

use chrono::Utc;
use futures::FutureExt;
use tokio::sync::watch;

use crate::app::{App, Wired};
use crate::config::Secrets;
use crate::domain::{ErrorReport, PivotalId, Report, RunKind, Timestamp};
use crate::engine::{Ask, Engine, EngineError, Look, SavedPlan};
use crate::pivotal::PivotalWriter;
use crate::ports::Target;
use crate::store::Store;

use super::timetable::Marks;
use super::webhooks::drift;
use super::{Asker, Errand, Finished};

/// Makes runs for the worker. It is handed over for a run and handed back after it, so there is never more than one.
pub(super) trait Hand: Sized + Send + 'static {
    /// What a reload exchanges.
    type Fresh: Send + 'static;

    /// Makes a run, and says how it ended.
    fn carry_out(self, by: Asker, errand: Errand) -> impl Future<Output = (Self, Finished)> + Send;

    /// Whether something that was said to have changed before then has not been read yet.
    fn has_unread(&self, before: Timestamp) -> impl Future<Output = bool> + Send;

    /// Goes on with a new configuration.
    fn take(&mut self, fresh: Self::Fresh);

    /// Remembers up to when the timetable is answered.
    fn keep(&self, marks: Marks) -> impl Future<Output = ()> + Send;
}

/// Facts of the store: up to when the patterns are answered.
pub(super) const SYNC_MARK: &str = "schedule_sync_at";
pub(super) const FULL_MARK: &str = "schedule_full_at";
pub(super) const AUDIT_MARK: &str = "schedule_audit_at";

/// The real one.
pub(super) struct Crew {
    pub(super) engine: Engine,
    pub(super) writer: PivotalWriter,
    pub(super) secrets: Secrets,
    /// Told which Pivotal is asked from now on.
    pub(super) target: watch::Sender<Arc<dyn Target>>,
}

/// A configuration that was read anew and found good.
pub(super) struct Fresh {
    pub(super) app: App,
    pub(super) wired: Wired,
}

impl Hand for Crew {
    type Fresh = Fresh;

    async fn carry_out(self, by: Asker, errand: Errand) -> (Self, Finished) {
        // What was asked of the run before it and came too late there is what this one does anyway.
        let _ = self.engine.again.notified().now_or_never();
        let begun = Utc::now();
        let done = self.make(by, &errand).await;
        let rate_per_minute = self.engine.target.rate_per_minute();
        let (so_far, details) = match &done {
            Ok(_) => (None, Vec::new()),
            Err(error) => (self.engine.store.report_since(begun).await, details(error, &self.secrets)),
        };
        let (outcome, saved) = match done {
            Ok((report, saved)) => (Ok(report), saved),
            Err(error) => {
                let kind = error.kind().to_owned();
                (Err(ErrorReport { kind, message: error.to_string(), hint: error.hint() }), None)
            }
        };
        let so_far = so_far.map(Box::new);
        let finished = Finished { by, errand, at: Utc::now(), outcome, so_far, details, rate_per_minute, saved };
        log(&finished);
        self.engine.store.rest().await;
        (self, finished)
    }

    async fn has_unread(&self, before: Timestamp) -> bool {
        // Whatever ails the store, the next run will say so.
        let nudges = self.engine.store.nudges().await.unwrap_or_default();
        nudges.iter().any(|nudge| !nudge.known && nudge.at < before)
    }

    fn take(&mut self, Fresh { app, wired }: Fresh) {
        self.writer = app.rewire(&mut self.engine, wired);
        self.secrets = app.secrets;
        self.target.send_replace(self.engine.target.clone());
        tracing::info!("the configuration was read anew");
    }

    async fn keep(&self, marks: Marks) {
        let store = &self.engine.store;
        for (name, mark) in [(SYNC_MARK, marks.sync), (FULL_MARK, marks.full), (AUDIT_MARK, marks.audit)] {
            if let Err(error) = store.set_fact(name, &mark.to_rfc3339()).await {
                // The worst of it: a restart before the next time makes one run more.
                tracing::warn!(%error, hint = error.hint(), "the timetable could not be remembered");
            }
        }
    }
}

impl Crew {
    async fn make(&self, by: Asker, errand: &Errand) -> Result<(Report, Option<SavedPlan>), EngineError> {
        let ask = |kind, full, only| Ask { kind, asked_by: by.as_str().to_owned(), full, only };
        match errand {
            Errand::Plan { only, offline, keep } => {
                let report = if *offline {
                    self.engine.plan_offline(by.as_str()).await?
                } else {
                    self.engine.plan(&ask(RunKind::Plan, false, *only)).await?
                };
                let saved = if *keep { Some(self.engine.save_plan(&report, *only).await?) } else { None };
                Ok((report, saved))
            }
            Errand::Apply(plan) => {
                let ask = ask(RunKind::Sync, false, plan.only);
                Ok((self.engine.sync(&self.writer, &ask, Some(plan)).await?, None))
            }
            Errand::Audit => Ok((self.audit(by).await?, None)),
            Errand::Sync | Errand::Full | Errand::Backfill => {
                let ask = ask(errand.run_kind(), matches!(errand, Errand::Full), None);
                Ok((self.engine.sync(&self.writer, &ask, None).await?, None))
            }
        }
    }
}

impl Crew {
    /// What Pivotal's own events named is looked at first, each by itself: a walk shows customers only.
    async fn audit(&self, by: Asker) -> Result<Report, EngineError> {
        let store = &self.engine.store;
        let marks = drift::waiting(store).await?;
        if !marks.is_empty() {
            let objects = marks.iter().map(|mark| (mark.object, mark.pivotal_id.clone())).collect();
            self.engine.audit(Some(&self.writer), &Look::At(objects), by.as_str()).await?;
            let looked: Vec<PivotalId> = marks.into_iter().map(|mark| mark.pivotal_id).collect();
            drift::looked_at(store, &looked).await?;
        }
        self.engine.audit(Some(&self.writer), &Look::Customers, by.as_str()).await
    }
}

/// Up to when the store says the patterns are answered.
pub(super) async fn kept_mark(store: &Store, name: &str) -> Option<Timestamp> {
    // A mark that cannot be read is one that was never set.
    let text = store.fact(name).await.ok().flatten()?;
    chrono::DateTime::parse_from_rfc3339(&text).ok().map(|at| at.to_utc())
}

/// Where, when there is more than one place to tell.
fn details(error: &EngineError, secrets: &Secrets) -> Vec<String> {
    match error {
        EngineError::Api(error) => secrets.blamed(error),
        other => other.details().to_vec(),
    }
}

/// The engine tells of every run; of one that could not even begin nobody else does.
fn log(finished: &Finished) {
    if let (Err(error), None) = (&finished.outcome, &finished.so_far) {
        let (by, errand) = (finished.by.as_str(), finished.errand.as_str());
        let (kind, hint) = (error.kind.as_str(), error.hint.as_str());
        tracing::error!(asked_by = by, errand, error = kind, hint, "a run could not begin");
    }
}
