//! What makes the runs: one engine, one writer, one store, for the life of the process.

use std::future::Future;
use std::sync::Arc;

use chrono::Utc;
use futures::FutureExt;
use tokio::sync::watch;

use crate::app::{App, Wired};
use crate::config::Secrets;
use crate::domain::{ErrorReport, PivotalId, Report, RunKind, Timestamp};
use crate::engine::{Ask, Engine, EngineError, Look};
use crate::pivotal::PivotalWriter;
use crate::ports::{Target, Writer};
use crate::store::Store;

use super::timetable::Marks;
use super::webhooks::drift;
use super::{Asker, Audit, Brought, Errand, Finished};

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
        let bare = done.as_ref().err().map(EngineError::bare);
        let (so_far, details) = match &done {
            Ok(_) => (None, Vec::new()),
            Err(error) => (self.engine.store.report_since(begun).await, details(error, &self.secrets)),
        };
        let (outcome, brought) = match done {
            Ok((report, brought)) => (Ok(report), brought),
            Err(error) => {
                let kind = error.kind().to_owned();
                (Err(ErrorReport { kind, message: error.to_string(), hint: error.hint() }), Brought::Nothing)
            }
        };
        let so_far = so_far.map(Box::new);
        let errand = errand.in_short();
        let at = Utc::now();
        let finished = Finished { by, errand, at, outcome, bare, so_far, details, rate_per_minute, brought };
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
                tracing::warn!(%error, hint = error.hint(), "the timetable could not be remembered: {error}");
            }
        }
    }
}

impl Crew {
    async fn make(&self, by: Asker, errand: &Errand) -> Result<(Report, Brought), EngineError> {
        let ask = |kind, full, only| Ask { kind, asked_by: by.as_str().to_owned(), full, only };
        match errand {
            Errand::Plan { only, offline, keep } => {
                let report = if *offline {
                    self.engine.plan_offline(by.as_str()).await?
                } else {
                    self.engine.plan(&ask(RunKind::Plan, false, *only)).await?
                };
                let brought = match keep {
                    true => Brought::Plan(self.engine.save_plan(&report, *only).await?),
                    false => Brought::Nothing,
                };
                Ok((report, brought))
            }
            Errand::Apply(plan) => {
                let ask = ask(RunKind::Sync, false, plan.only);
                Ok((self.engine.sync(&self.writer, &ask, Some(plan)).await?, Brought::Nothing))
            }
            Errand::Audit(audit) => self.audit(by, audit).await,
            Errand::Undo { run, seen: None, guard } => {
                let began = Utc::now();
                let plan = self.engine.plan_undo(*run, guard).await?;
                Ok((plan.report(began), Brought::Undo(Box::new(plan))))
            }
            Errand::Undo { seen: Some(shown), guard, .. } => {
                let report = self.engine.undo_as_shown(&self.writer, shown, guard, by.as_str()).await?;
                Ok((report, Brought::Nothing))
            }
            Errand::Sync | Errand::Full | Errand::Backfill => {
                let ask = ask(errand.run_kind(), matches!(errand, Errand::Full), None);
                Ok((self.engine.sync(&self.writer, &ask, None).await?, Brought::Nothing))
            }
        }
    }
}

impl Crew {
    async fn audit(&self, by: Asker, audit: &Audit) -> Result<(Report, Brought), EngineError> {
        if *audit == Audit::default() {
            self.look_where_events_were(by).await?;
        }
        let Audit { references, deep, dry_run } = audit;
        let look = self.engine.look_of(references, *deep).await?;
        // With nothing to write with, nothing can be written.
        let writer = (!dry_run).then_some(&self.writer as &dyn Writer);
        let report = self.engine.audit(writer, &look, by.as_str()).await?;
        Ok((report, Brought::Findings(self.engine.found(&look).await?)))
    }

    /// What Pivotal's own events named is looked at first, each by itself: a walk shows customers only.
    async fn look_where_events_were(&self, by: Asker) -> Result<(), EngineError> {
        let store = &self.engine.store;
        let marks = drift::waiting(store).await?;
        if !marks.is_empty() {
            let objects = marks.iter().map(|mark| (mark.object, mark.pivotal_id.clone())).collect();
            self.engine.audit(Some(&self.writer), &Look::At(objects), by.as_str()).await?;
            let looked: Vec<PivotalId> = marks.into_iter().map(|mark| mark.pivotal_id).collect();
            drift::looked_at(store, &looked).await?;
        }
        Ok(())
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

/// The engine tells of every run; of one that could not even begin nobody else does. A name that nothing bears is between
/// whoever typed it and their terminal: it may be somebody's address.
fn log(finished: &Finished) {
    if let (Err(error), None) = (&finished.outcome, &finished.so_far)
        && error.kind != "not_found"
    {
        let (by, errand, hint) = (finished.by.as_str(), finished.errand.as_str(), &error.hint);
        let bare = finished.bare.as_deref();
        let why = bare.unwrap_or("unknown");
        tracing::error!(
            asked_by = by,
            errand,
            error = bare,
            hint,
            "a run could not begin: {errand}: {why} (hint: {hint})"
        );
    }
}
