//! What a run under way has still to do, for whoever asks for a plan in the middle of it.

use chrono::Utc;

use crate::domain::{Report, RunKind, RunStatus};

use super::{Engine, EngineError, Run};

impl Engine {
    /// Shows the plan that a run has just made, if somebody waits for it.
    pub(super) async fn show_what_is_left(&self, run: &Run) -> Result<(), EngineError> {
        if self.watch.wants_plan() {
            self.watch.show_plan(self.what_is_left(run).await?, self.target.rate_per_minute());
        }
        Ok(())
    }

    /// The plan that a run has just made for the rest of its way, as a report of its own. It bears the run's number: there is no
    /// other run behind it.
    async fn what_is_left(&self, run: &Run) -> Result<Report, EngineError> {
        let Report { run: number, kind, started_at, streams, notes, plan, .. } = &run.report;
        let report = Report {
            streams: streams.clone(),
            notes: notes.clone(),
            plan: plan.clone(),
            later: self.store.leaving(u32::MAX).await?,
            status: if run.failed_sources { RunStatus::Partial } else { RunStatus::Complete },
            finished_at: Some(Utc::now()),
            ..Report::begun(*number, RunKind::Plan, *started_at)
        };
        let mut left = Run::new(report, Vec::new());
        left.note(format!("this is what run {number}, a {}, has left to do; it goes on with it now", kind.as_str()));
        left.count_planned();
        Ok(left.report)
    }
}
