//! A run under way: what it has found, done and left so far.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{EntityId, Operation, Report, SourceName, Standing};
use crate::ports::Spent;
use crate::reconcile::Population;
use crate::store::OperationId;

use super::again::Turns;
use super::metadata::Metadata;
use super::nudged::Told;

/// A run under way.
pub(super) struct Run {
    pub(super) report: Report,
    /// Requests before it began.
    pub(super) before: Vec<(Option<SourceName>, Spent)>,
    pub(super) failed_sources: bool,
    /// Whether the writing ended before its end.
    pub(super) halted: bool,
    pub(super) turns: Turns,
    /// What the guards measure by, as it was before this run wrote anything.
    pub(super) population: Option<Population>,
    /// What earlier plans of this run carried out.
    pub(super) done: Vec<Operation>,
    /// What the plan under way has carried out.
    pub(super) settled: HashSet<OperationId>,
    /// Entities that may have been created already: an answer was lost, and asking again failed.
    pub(super) unknown: HashSet<EntityId>,
    /// Operations tried by this plan, and those of earlier plans of this run that were carried out.
    pub(super) tried: u64,
    /// What is done about metadata.
    pub(super) metadata: Metadata,
    /// When it was last stored how far this run is.
    told_at: Option<Instant>,
}

/// How often at most it is stored how far a run is.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(2);

impl Run {
    pub(super) fn new(report: Report, before: Vec<(Option<SourceName>, Spent)>) -> Self {
        Self {
            report,
            before,
            failed_sources: false,
            halted: false,
            turns: Turns::new(),
            population: None,
            done: Vec::new(),
            settled: HashSet::new(),
            unknown: HashSet::new(),
            tried: 0,
            metadata: Metadata::Plain,
            told_at: None,
        }
    }

    /// Whether it is time to store how far this run is.
    pub(super) fn is_time_to_tell(&mut self) -> bool {
        let due = self.told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY);
        if due {
            self.told_at = Some(Instant::now());
        }
        due
    }

    /// Takes in what was read of streams. A stream may be read several times in one run.
    pub(super) fn learn(&mut self, told: Vec<Told>) {
        for (stream, counts, note) in told {
            self.failed_sources |= counts.error.is_some();
            self.report.streams.entry(stream).or_default().add(counts);
            note.into_iter().for_each(|note| self.note(note));
        }
    }

    /// One plan was applied, or made way for the next. `numbers` are its operations' in the store.
    pub(super) fn close_pass(&mut self, plan: Vec<Operation>, numbers: &[OperationId], made_way: bool) {
        if !made_way {
            self.report.plan = std::mem::take(&mut self.done);
            self.report.plan.extend(plan);
            return;
        }
        // Until it is planned again, what was not sent is owed.
        let left = plan.iter().filter(|operation| operation.is_ready()).count() - self.settled.len();
        self.report.operations.owed += left as u64;
        let done = plan.into_iter().zip(numbers).filter(|(_, number)| self.settled.contains(number));
        self.done.extend(done.map(|(operation, _)| operation));
    }

    /// All of a plan was tried, and another follows in the same run. Answers what was tried so far.
    pub(super) fn begin_again(&mut self) -> BTreeSet<EntityId> {
        self.done = std::mem::take(&mut self.report.plan);
        self.done.retain(Operation::is_ready);
        self.done.iter().map(|operation| operation.entity).collect()
    }

    /// What is undone is planned again, and counted then.
    pub(super) fn forget_undone(&mut self) {
        let counts = &mut self.report.operations;
        (counts.held, counts.quarantined, counts.owed, counts.waiting) = (0, 0, 0, 0);
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.report.notes.contains(&note) {
            self.report.notes.push(note);
        }
    }

    /// What a plan would do, for a run that does nothing.
    pub(super) fn count_planned(&mut self) {
        for operation in std::mem::take(&mut self.report.plan) {
            match operation.standing {
                Standing::Ready => self.report.operations.count(operation.verb()),
                _ => self.count_undone(&operation.standing),
            }
            self.report.plan.push(operation);
        }
    }

    pub(super) fn count_undone(&mut self, standing: &Standing) {
        let counts = &mut self.report.operations;
        match standing {
            Standing::Held(_) => counts.held += 1,
            Standing::Quarantined(_) => counts.quarantined += 1,
            Standing::Ready => counts.owed += 1,
            Standing::Waiting(_) => {
                counts.owed += 1;
                counts.waiting += 1;
            }
        }
    }

    pub(super) fn count_requests(&mut self, after: &[(Option<SourceName>, Spent)]) {
        for ((who, now), (_, before)) in after.iter().zip(&self.before) {
            let requests = now.requests - before.requests;
            let counts = &mut self.report.requests;
            counts.throttled += now.throttled - before.throttled;
            match who {
                Some(SourceName::Hubspot) => counts.hubspot += requests,
                Some(SourceName::Stripe) => counts.stripe += requests,
                None => counts.pivotal += requests,
            }
        }
    }
}
