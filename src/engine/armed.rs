//! An operation as bytes: what is committed before it leaves, and how it ends.

use std::collections::VecDeque;

use chrono::Utc;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::domain::{Action, ApiError, Fault, Fields, IdempotencyKey, Mirror, Operation, Parent, RunId};
use crate::ports::{Call, Heard, Prepared, Writer};
use crate::store::{AttemptId, Intent, OperationId, Settled, Settlement};

use super::plan::Planned;

/// An operation as bytes, with what follows it.
pub(super) struct Armed {
    pub(super) attempt: Option<AttemptId>,
    pub(super) id: OperationId,
    pub(super) operation: Operation,
    pub(super) mirror: Option<Mirror>,
    pub(super) prepared: Prepared,
    /// The entity's next operations.
    pub(super) rest: VecDeque<Planned>,
    /// Whether it was made to go round a conflict: it does so once.
    pub(super) second: bool,
}

impl Armed {
    pub(super) fn new(
        writer: &dyn Writer,
        id: OperationId,
        operation: Operation,
        mirror: Option<Mirror>,
        rest: VecDeque<Planned>,
    ) -> Option<Self> {
        let call = call(&operation)?;
        let prepared = writer.prepare(&call, fresh_key(&operation));
        Some(Self { attempt: None, id, operation, mirror, prepared, rest, second: false })
    }

    /// Sends along what others keep in the customer's metadata.
    pub(super) fn keep(&mut self, writer: &dyn Writer, theirs: &Fields) {
        if let Some(Call::Update { kind, id, fields }) = call(&self.operation) {
            let mut whole = theirs.clone();
            whole.0.extend(fields.0);
            let key = fresh_key(&self.operation);
            self.prepared = writer.prepare(&Call::Update { kind, id, fields: whole }, key);
        }
    }

    pub(super) fn intent(&self, run: RunId) -> Intent {
        // Of what is deleted nothing else will tell what it said.
        let deletes = matches!(self.operation.action, Action::Delete { .. });
        let before = self.mirror.as_ref().filter(|_| deletes).map(|mirror| mirror.written.clone());
        Intent { operation: self.id, run, action: self.operation.clone(), prepared: self.prepared.clone(), before }
    }

    pub(super) fn settle(self, settle: &mpsc::UnboundedSender<Outcome>, heard: Heard, outcome: Settled) {
        settle_as(settle, self.attempt, heard, self.id, self.operation, outcome);
    }
}

/// Random, made once, stored with the attempt: never derived from the record, which may be created again after a delete
/// (pivotal-api.md 8).
fn fresh_key(operation: &Operation) -> IdempotencyKey {
    IdempotencyKey::new(format!("pivotal-sync-{}-create-{}", operation.kind, Uuid::now_v7()))
}

fn call(operation: &Operation) -> Option<Call> {
    let kind = operation.kind;
    Some(match &operation.action {
        Action::Create { parent, fields } => {
            let parent = match parent {
                Some(Parent::Known(id)) => Some(id.clone()),
                // Resolved before; an unresolved parent must never become an orphan.
                Some(Parent::Planned(_)) => return None,
                None => None,
            };
            Call::Create { kind, parent, fields: fields.clone() }
        }
        Action::Update { id, changes } | Action::Adopt { id, changes, .. } => {
            Call::Update { kind, id: id.clone(), fields: changes.after() }
        }
        Action::Delete { id } => Call::Delete { kind, id: id.clone() },
    })
}

/// An answer that was not waited for: the request may have been carried out.
pub(super) fn hurried(armed: &Armed) -> ApiError {
    ApiError {
        fault: Fault::TimedOut,
        api: "Pivotal",
        endpoint: format!("{} {}", armed.prepared.method, armed.prepared.path),
        status: None,
        code: None,
        field: None,
        message: "its answer was not waited for, because the run was told to hurry".to_owned(),
        request_id: None,
    }
}

/// One settled operation on its way into the store and the counts.
pub(super) struct Outcome {
    pub(super) settlement: Settlement,
    pub(super) operation: Operation,
}

/// Leaves operations for the next run.
pub(super) fn leave(
    plan: &[Operation],
    operations: VecDeque<Planned>,
    how: &Settled,
    settle: &mpsc::UnboundedSender<Outcome>,
) {
    for planned in operations {
        let operation = plan[planned.at].clone();
        settle_as(settle, None, Heard::default(), planned.id, operation, how.clone());
    }
}

/// How what follows an operation is left that ended like this: while that rests, no run can go on with the rest.
pub(super) fn after(settled: &Settled) -> Settled {
    let why = "waits for the operation before it".to_owned();
    if rests(settled) { Settled::Waits(why) } else { Settled::Owed(why) }
}

/// Whether the next run will not try it again by itself.
pub(super) const fn rests(settled: &Settled) -> bool {
    matches!(settled, Settled::Refused(_) | Settled::Held(_) | Settled::Contested(_) | Settled::Lost(_))
}

pub(super) fn settle_as(
    settle: &mpsc::UnboundedSender<Outcome>,
    attempt: Option<AttemptId>,
    heard: Heard,
    id: OperationId,
    operation: Operation,
    outcome: Settled,
) {
    let entity = operation.entity;
    let settlement = Settlement { attempt, heard, operation: id, entity, outcome, now: Utc::now() };
    // The settler outlives every sender; if it is gone the run has failed already and the attempt stays pending.
    let _ = settle.send(Outcome { settlement, operation });
}
