//! Asks Pivotal what it says before a customer is archived, or no longer is, and before a field is filled that is filled only
//! where it is empty: people set these too.

use std::collections::{HashMap, HashSet};

use futures::StreamExt;
use futures::stream::iter;

use crate::domain::{Action, EntityId, Fault, Mirror, Operation, RunKind, Standing};

use super::plan::Asking;
use super::{Engine, EngineError, Run};

impl Engine {
    /// Fits what is about to be archived, taken back or filled to what Pivotal says now; what is left with nothing to change goes off the
    /// plan. What a plan alone learns it forgets again, so that the run that follows tells it too.
    pub(super) async fn ask_first(
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
            let asks = operation.is_ready() && self.reconciler.asks_first(operation);
            operation.pivotal_id().filter(|_| asks).map(|id| (at, operation.kind, id.clone()))
        };
        let asked: Vec<_> = operations.iter().enumerate().filter_map(asks).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let found = iter(asked).map(|(at, kind, id)| async move { (at, self.target.get(kind, &id).await) });
        let found: Vec<_> = self.or_stop(found.buffered(self.concurrency.max(1)).collect()).await?;
        let mut corrected = Vec::new();
        for (at, found) in found {
            let found = match found {
                Ok(found) => found,
                // The write will say so.
                Err(error) if error.fault == Fault::NotFound => continue,
                Err(error) if error.fault.is_passing() => {
                    // One that cannot be asked about stops no other.
                    operations[at].standing =
                        Standing::Waiting(format!("Pivotal could not be asked what it says of it: {error}"));
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
