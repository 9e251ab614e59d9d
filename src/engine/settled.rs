//! What came back of an apply is committed, counted and told.

use tokio::sync::mpsc;

use crate::domain::{Doing, Operation};
use crate::store::Settled;

use super::apply::MADE_WAY;
use super::armed::Outcome;
use super::halt::Shared;
use super::run::TELL_EVERY;
use super::{Engine, EngineError, Event, Run, tell};

/// Settlements committed together at most.
const SETTLE_MOST: usize = 256;

impl Engine {
    /// Commits what came back, in groups, and counts it.
    pub(super) async fn settle_all(
        &self,
        shared: &Shared<'_>,
        mut outcomes: mpsc::UnboundedReceiver<Outcome>,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let mut batch = Vec::with_capacity(SETTLE_MOST);
        let mut untold = false;
        loop {
            let came = tokio::select! {
                biased;
                came = outcomes.recv_many(&mut batch, SETTLE_MOST) => came,
                // What went out at once is told, though the rest waits for its turn.
                () = tokio::time::sleep(TELL_EVERY), if untold => {
                    untold = false;
                    if let Err(error) = self.tell_progress(Doing::Writing, true, run).await {
                        shared.fail(error);
                    }
                    continue;
                }
            };
            if came == 0 {
                return Ok(());
            }
            let settlements = batch.iter().map(|o| o.settlement.clone()).collect();
            if let Err(error) = self.store.settle(settlements).await {
                // Their attempts stay pending and are settled at the next start; nothing more may leave now.
                shared.fail(error.into());
                continue;
            }
            for outcome in batch.drain(..) {
                self.count(run, &outcome);
            }
            let told_before = run.report.progress;
            if let Err(error) = self.tell_progress(Doing::Writing, false, run).await {
                shared.fail(error);
            }
            untold = run.report.progress == told_before;
        }
    }

    fn count(&self, run: &mut Run, outcome: &Outcome) {
        tell::settled(outcome);
        let verb = outcome.operation.verb();
        let counts = &mut run.report.operations;
        let done = match &outcome.settlement.outcome {
            Settled::Written { .. } | Settled::Deleted => {
                counts.count(verb);
                run.settled.insert(outcome.settlement.operation);
                true
            }
            Settled::Held(_) | Settled::Contested(_) | Settled::Lost(_) => {
                counts.held += 1;
                false
            }
            Settled::Refused(_) => {
                counts.quarantined += 1;
                false
            }
            // It is planned again at once, and counted then.
            Settled::Unsent(why) if why == MADE_WAY => return,
            Settled::Waits(_) => {
                (counts.owed, counts.waiting) = (counts.owed + 1, counts.waiting + 1);
                false
            }
            Settled::Owed(_) | Settled::Unsent(_) | Settled::Unknown(_) => {
                counts.owed += 1;
                false
            }
        };
        if sends(&outcome.operation) {
            run.tried += 1;
            self.watch.tell(Event::Settled { verb, name: outcome.operation.name.clone(), done });
        }
    }
}

/// Whether an operation sends anything: what is in Pivotal already, and agrees, is merely taken over.
pub(super) fn sends(operation: &Operation) -> bool {
    operation.requests() > 0
}
