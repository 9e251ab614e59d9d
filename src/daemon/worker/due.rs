//! What the loop does next, and when: of what is heard, of what is due, of how the last run ended.

use std::sync::Arc;

use chrono::SecondsFormat;

use crate::domain::Timestamp;

use super::super::again::{self, Ended};
use super::super::left::{Failed, Left};
use super::super::queue::Order;
use super::super::timetable::{Marks, due};
use super::super::{Asker, Brought, Errand, Finished, Trigger};
use super::{Hand, Loop};

impl<H: Hand> Loop<H> {
    pub(super) fn look_at_the_timetable(&mut self, now: Timestamp) {
        let sane = self.timetable.sane(self.marks, now);
        if sane != self.marks {
            tracing::warn!("the clock was set back by more than a day; the timetable goes on from now");
            self.set_marks(sane);
        }
        while let Some(task) = due(&self.next, now) {
            self.set_marks(self.marks.answered(task, now));
            let errand = task.errand();
            self.hear(Trigger::new(Asker::Schedule, errand));
        }
    }

    pub(super) fn set_marks(&mut self, marks: Marks) {
        self.marks = marks;
        self.next = self.timetable.next(marks);
    }

    /// Takes a trigger in. One for what changed has a long run under way take that in, too: it need not wait for the run's end.
    pub(super) fn hear(&mut self, trigger: Trigger) {
        let now = (self.clock)();
        let (by, errand) = (trigger.by.as_str(), trigger.errand.as_str());
        let allowed = self.allowed_for_events(now);
        if trigger.by == Asker::Webhook && allowed > now {
            self.try_again(allowed, trigger.errand);
            return;
        }
        let changes = matches!(trigger.errand, Errand::Sync);
        let shows = trigger.errand.is_plain_plan();
        if !self.queue.push(trigger) {
            tracing::warn!(
                asked_by = by,
                errand,
                "too many runs wait already; this one was turned away: {errand} for {by}"
            );
        }
        if (changes || shows) && matches!(&self.running, Some(running) if running.errand.takes_turns()) {
            if shows {
                self.progress.want_plan();
            }
            self.make_way.notify_one();
        }
    }

    /// Shows what the run under way has left to do to those who wait for a plan.
    pub(super) fn show_plan(&mut self) {
        let Some((report, rate_per_minute)) = self.progress.take_plan() else { return };
        for Order { by, errand, answers, .. } in self.queue.take_plain_plans() {
            tracing::info!(
                run = report.run.0,
                asked_by = by.as_str(),
                "a plan was asked for: what this run has left to do was shown"
            );
            let finished = Arc::new(Finished {
                by,
                errand,
                at: (self.clock)(),
                outcome: Ok(report.clone()),
                bare: None,
                so_far: None,
                details: Vec::new(),
                rate_per_minute,
                brought: Brought::Nothing,
            });
            for answer in answers {
                // Who went away in the meantime is not waiting any more.
                let _ = answer.send(finished.clone());
            }
        }
    }

    /// When a run that no person asked for may begin: outside of the windows, and while things go wrong not more often than the
    /// first pause, or events would show a refused key to an API with each of them.
    pub(super) fn allowed_for_events(&self, now: Timestamp) -> Timestamp {
        let troubled = self.state.last.as_ref().filter(|_| self.state.last_error.is_some());
        self.timetable.allowed_from(troubled.map_or(now, |last| now.max(last.at + again::FIRST)))
    }

    /// What follows of a run's end.
    pub(super) fn learn(&mut self, ended: Ended, finished: &Finished, errand: Errand) {
        if ended == Ended::Stopped {
            return;
        }
        self.state.last_error = again::trouble(&finished.outcome);
        self.state.failures_in_a_row = if ended == Ended::Well { 0 } else { self.state.failures_in_a_row + 1 };
        let Some(pause) = ended.pause(self.state.failures_in_a_row) else { return };
        let at = self.timetable.allowed_from((self.clock)() + pause);
        let (name, when) = (errand.as_str(), at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let why = again::cause(ended, finished);
        tracing::warn!(
            errand = name,
            at = %when,
            why,
            "{name} did not come to a good end: {why}; it is tried again at {when}"
        );
        if ended == Ended::Badly && self.queue.take_events() {
            tracing::debug!("what changed meanwhile is read when it is tried again");
        }
        // The pause is the newest failure's.
        let owed = self.again.take();
        self.try_again(
            at,
            owed.map_or(errand.clone(), |(_, owed)| if does_for(&owed, &errand) { owed } else { errand }),
        );
    }

    /// Takes over what an earlier process left: what came to no good end is known, and tried again as soon as it may be.
    pub(super) fn inherit(&mut self, Left { first, failed, open }: Left) {
        self.state.open = open;
        if let Some(Failed { errand, error, in_a_row }) = failed {
            self.state.last_error = error;
            self.state.failures_in_a_row = in_a_row;
            let is_done = |errand: &Errand| first.as_ref().is_some_and(|first| does_for(&first.errand, errand));
            if let Some(errand) = errand.filter(|errand| !is_done(errand)) {
                let name = errand.as_str();
                tracing::info!(errand = name, "the last {name} came to no good end; it is tried again");
                self.try_again(self.timetable.allowed_from((self.clock)()), errand);
            }
        }
        first.into_iter().for_each(|trigger| self.hear(trigger));
    }

    /// Has it tried at that time, or sooner where that was agreed. What is wider is not forgotten for it.
    pub(super) fn try_again(&mut self, at: Timestamp, errand: Errand) {
        self.again = Some(match self.again.take() {
            Some((sooner, owed)) => (sooner.min(at), if does_for(&owed, &errand) { owed } else { errand }),
            None => (at, errand),
        });
    }
}

/// Whether one errand, done, leaves nothing of another to do.
pub(super) fn does_for(done: &Errand, other: &Errand) -> bool {
    matches!(
        (done, other),
        (Errand::Full, Errand::Sync | Errand::Full | Errand::Backfill)
            | (Errand::Sync | Errand::Backfill, Errand::Sync | Errand::Backfill)
    ) || matches!((done, other), (Errand::Audit(one), Errand::Audit(other)) if one == other)
}
