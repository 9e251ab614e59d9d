//! What the loop does next, and when: of what is heard, of what is due, of how the last run ended.

use crate::domain::{ErrorReport, Timestamp};

use super::super::again::{self, Ended};
use super::super::timetable::{Marks, due};
use super::super::{Asker, Errand, Finished, Trigger};
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
        if !self.queue.push(trigger) {
            tracing::warn!(asked_by = by, errand, "too many runs wait already; this one was turned away");
        }
        if changes && matches!(&self.running, Some(running) if takes_in(&running.errand)) {
            self.make_way.notify_one();
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
        self.state.last_error = trouble(finished);
        self.state.failures_in_a_row = if ended == Ended::Well { 0 } else { self.state.failures_in_a_row + 1 };
        let Some(pause) = ended.pause(self.state.failures_in_a_row) else { return };
        let at = self.timetable.allowed_from((self.clock)() + pause);
        tracing::warn!(errand = errand.as_str(), at = %at.to_rfc3339(), "it did not come to a good end; it is tried again");
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

/// Whether a run under way can take in what changed: one that is shown, or was approved as it is, cannot.
const fn takes_in(errand: &Errand) -> bool {
    matches!(errand, Errand::Sync | Errand::Full | Errand::Backfill)
}

/// What kept a run from its good end, as far as somebody should be told.
fn trouble(finished: &Finished) -> Option<ErrorReport> {
    let report = match &finished.outcome {
        Err(error) => return Some(error.clone()),
        Ok(report) => report,
    };
    let source = report.streams.iter().find_map(|(stream, counts)| {
        let error = counts.error.as_ref()?;
        let hint = "the other sources went on; `pivotal-sync check` says what is wrong with this one".to_owned();
        Some(ErrorReport { kind: "source".to_owned(), message: format!("{stream} stopped early: {error}"), hint })
    });
    report.error.clone().or(source)
}
