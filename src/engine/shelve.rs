//! Asks Pivotal for the status of a customer before that is archived, or no longer is: people set it too.

use std::collections::{HashMap, HashSet};

use futures::StreamExt;
use futures::stream::iter;

use crate::domain::{Action, EntityId, Fault, Kind, Mirror, Operation, RunKind, Standing};
use crate::reconcile::turns_on_status;

use super::plan::Asking;
use super::{Engine, EngineError, Run};

impl Engine {
    /// Fits what is about to be archived or taken back to what Pivotal says now; what is left with nothing to change goes off the
    /// plan. What a plan alone learns it forgets again, so that the run that follows tells it too.
    pub(super) async fn ask_for_statuses(
        &self,
        operations: &mut Vec<Operation>,
        mirrors: &mut HashMap<EntityId, Mirror>,
        asking: Asking,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let (kind, silent) = (run.report.kind, asking == Asking::Nothing);
        if kind == RunKind::Undo || (kind == RunKind::Plan && silent) {
            return Ok(());
        }
        let asks = |(at, operation): (usize, &Operation)| {
            let turns = operation.is_ready() && turns_on_status(operation);
            operation.pivotal_id().filter(|_| turns).map(|id| (at, id.clone()))
        };
        let asked: Vec<_> = operations.iter().enumerate().filter_map(asks).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let found = iter(asked).map(|(at, id)| async move { (at, self.target.get(Kind::Customer, &id).await) });
        let found: Vec<_> = self.or_stop(found.buffered(self.concurrency.max(1)).collect()).await?;
        let mut corrected = Vec::new();
        for (at, found) in found {
            let found = match found {
                Ok(found) => found,
                // The write will say so.
                Err(error) if error.fault == Fault::NotFound => continue,
                Err(error) if error.fault.is_passing() => {
                    // One that cannot be asked about stops no other.
                    operations[at].standing = Standing::Waiting(format!("its status could not be asked for: {error}"));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let operation = &mut operations[at];
            let Some(mirror) = mirrors.get_mut(&operation.entity) else { continue };
            let Some(shelved) = self.reconciler.meet(operation, mirror, &found.fields) else { continue };
            (mirror.written, mirror.found) = (shelved.written, shelved.found);
            corrected.push((operation.entity, mirror.written.clone(), mirror.found.clone()));
            shelved.note.into_iter().for_each(|note| run.note(note));
        }
        let left: HashSet<EntityId> = operations.iter().filter(|o| !is_moot(o)).map(|o| o.entity).collect();
        let moot = operations.extract_if(.., |operation| is_moot(operation)).map(|operation| operation.entity);
        let done: Vec<EntityId> = moot.filter(|entity| !left.contains(entity)).collect();
        self.store.clear_open_operations(&done).await?;
        if kind != RunKind::Plan {
            self.store.correct_mirrors(&corrected).await?;
        }
        Ok(())
    }
}

/// Whether nothing is left to send of a change.
fn is_moot(operation: &Operation) -> bool {
    operation.is_ready() && matches!(operation.action, Action::Update { .. }) && operation.changes().is_empty()
}
