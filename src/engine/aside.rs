//! Refused because another of this run still had what was asked for: tried once more as soon as that one has given it up.
//! Refused because another of this run asks for the same: what is told of it waits for what became of that one.
//!
//! Two that exchange their addresses have no right order, and who goes first is told "taken", though the other gives its address
//! up a moment later. So the refused one is set aside, its attempt open, until all else is done.

use std::collections::VecDeque;

use chrono::Utc;
use tokio::sync::mpsc;

use crate::domain::{Action, ApiError, EntityId, Operation};
use crate::ports::Heard;
use crate::store::{OperationId, Settled, Settlement};

use super::armed::{Armed, after, leave};
use super::conflict::{address_of, rival};
use super::halt::Shared;
use super::plan::Planned;
use super::stages::Group;
use super::{Engine, EngineError, Run};

/// One that was refused, and the operation that gives up what it asked for, if one does.
pub(super) struct Aside {
    armed: Armed,
    error: ApiError,
    giver: Option<OperationId>,
}

impl Engine {
    /// Goes through what was set aside: what is free by now is asked for again, the rest ends as it was refused.
    pub(super) async fn try_again(&self, shared: &Shared<'_>, run: &mut Run) -> Result<(), EngineError> {
        let mut waiting = shared.close_aside();
        loop {
            let is_free =
                |aside: &Aside| !shared.stopping() && aside.giver.is_some_and(|giver| run.settled.contains(&giver));
            let (free, rest): (Vec<Aside>, Vec<Aside>) = waiting.into_iter().partition(is_free);
            waiting = rest;
            if free.is_empty() {
                break;
            }
            self.close_refused(&free).await?;
            let groups = free.into_iter().filter_map(|aside| group(shared, aside.armed)).collect();
            self.apply_stage(shared, groups, run).await?;
        }
        self.refuse(shared, waiting, run).await
    }

    /// The refused attempts end; the operations go on under new ones.
    async fn close_refused(&self, free: &[Aside]) -> Result<(), EngineError> {
        let ends = free.iter().map(|aside| Settlement {
            attempt: aside.armed.attempt,
            heard: Heard::from(&aside.error),
            operation: aside.armed.id,
            entity: aside.armed.operation.entity,
            outcome: Settled::Owed(aside.error.to_string()),
            now: Utc::now(),
        });
        Ok(self.store.settle(ends.collect()).await?)
    }

    async fn refuse(&self, shared: &Shared<'_>, refused: Vec<Aside>, run: &mut Run) -> Result<(), EngineError> {
        if refused.is_empty() {
            return Ok(());
        }
        let (settle, settled) = mpsc::unbounded_channel();
        for Aside { mut armed, error, .. } in refused {
            let how = self.contested(shared, &armed.operation, &error).await?;
            shared.note_rest(&armed.operation, &how);
            leave(shared.plan, std::mem::take(&mut armed.rest), &after(&how), &settle);
            armed.settle(&settle, Heard::from(&error), how);
        }
        drop(settle);
        self.settle_all(shared, settled, run).await
    }
}

impl Shared<'_> {
    /// Sets one aside whose address another operation of this run gives up, or asks for as well. Answers with it when there is
    /// none, or when all that was set aside was gone through already.
    pub(super) fn set_aside(&self, armed: Armed, error: &ApiError, holder: Option<EntityId>) -> Option<Armed> {
        let giver = self.plan.iter().position(|other| takes_off(other, &armed.operation, holder));
        let giver = giver.and_then(|at| self.numbers.get(at).copied());
        if giver.is_none() && rival(self.plan, &armed.operation).is_none() {
            return Some(armed);
        }
        self.keep_aside(Aside { armed, error: error.clone(), giver }).map(|aside| aside.armed)
    }
}

/// The operation as it stands in the plan, with what follows it.
fn group(shared: &Shared<'_>, armed: Armed) -> Option<Group> {
    let at = shared.numbers.iter().position(|number| *number == armed.id)?;
    let mut operations = VecDeque::from([Planned { id: armed.id, at, mirror: armed.mirror, urgent: false }]);
    operations.extend(armed.rest);
    Some(Group { stage: 0, operations })
}

/// Whether an operation takes the address that another one asks for off who has it.
fn takes_off(other: &Operation, asks: &Operation, holder: Option<EntityId>) -> bool {
    if !other.is_ready() || other.entity == asks.entity || other.kind != asks.kind {
        return false;
    }
    match (&other.action, address_of(other), address_of(asks)) {
        (Action::Delete { .. }, _, Some(_)) => holder == Some(other.entity),
        (Action::Update { .. }, Some(change), Some(wanted)) => change.from == wanted.to,
        _ => false,
    }
}
