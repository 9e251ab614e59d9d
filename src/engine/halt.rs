//! What the futures of one apply share: the writer, the customers just made, and whether to stop.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::domain::{Action, ApiError, EntityId, Fault, Kind, Operation, Parent, PivotalId, RunId};
use crate::ports::Writer;

use crate::reconcile::Clearing;
use crate::store::{OperationId, Settled};

use super::EngineError;
use super::armed::rests;
use super::aside::Aside;
use super::plan::Planned;

/// Failures in a row after which Pivotal counts as down, and the rest is left for the next run.
const FAILURES_IN_A_ROW: u32 = 5;

/// What the three futures share.
pub(super) struct Shared<'a> {
    pub(super) writer: &'a dyn Writer,
    pub(super) plan: &'a [Operation],
    /// The numbers of the plan's operations, in its order.
    pub(super) numbers: Vec<OperationId>,
    /// What must be given up before it is taken on.
    clearing: Clearing,
    pub(super) run: RunId,
    /// Cancelled when nothing more may leave: the run stops, or this pass makes way for what became urgent.
    pub(super) pass: CancellationToken,
    /// Customers written in this pass: for their children, and for those that take on what they gave up.
    created: Mutex<HashMap<EntityId, PivotalId>>,
    /// Those whose operation was refused or held in this run.
    resting: Mutex<HashSet<EntityId>>,
    /// Customers that Pivotal was found to have no longer: what lived under them is gone as well.
    lost: Mutex<HashSet<PivotalId>>,
    /// Refused, though another of this pass gives up what they asked for; nothing once they were tried again.
    aside: Mutex<Option<Vec<Aside>>>,
    halt: Mutex<Halt>,
    /// Whether metadata is left off what is still to be sent.
    no_metadata: AtomicBool,
}

#[derive(Default)]
struct Halt {
    /// Ends the run as failed.
    error: Option<EngineError>,
    /// Ends the writing, not the run: in words.
    quietly: Option<String>,
    failures_in_a_row: u32,
}

impl<'a> Shared<'a> {
    fn with<T>(&self, work: impl FnOnce(&mut Halt) -> T) -> T {
        work(&mut self.halt.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(super) fn new(
        writer: &'a dyn Writer,
        plan: &'a [Operation],
        planned: &[Planned],
        clearing: Clearing,
        run: RunId,
        pass: CancellationToken,
    ) -> Self {
        Self {
            writer,
            plan,
            numbers: planned.iter().map(|planned| planned.id).collect(),
            clearing,
            run,
            pass,
            created: Mutex::default(),
            resting: Mutex::default(),
            lost: Mutex::default(),
            aside: Mutex::new(Some(Vec::new())),
            halt: Mutex::default(),
            no_metadata: AtomicBool::new(false),
        }
    }

    pub(super) const fn clearing(&self) -> &Clearing {
        &self.clearing
    }

    /// How the writing ended: what stopped it quietly, what failed it.
    pub(super) fn verdict(self) -> (Option<String>, Option<EngineError>) {
        let halt = self.halt.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        (halt.quietly, halt.error)
    }

    pub(super) fn fail(&self, error: EngineError) {
        self.with(|halt| {
            halt.error.get_or_insert(error);
        });
    }

    pub(super) fn halted(&self) -> bool {
        self.with(|halt| halt.error.is_some() || halt.quietly.is_some())
    }

    /// Whether nothing more may leave.
    pub(super) fn stopping(&self) -> bool {
        self.pass.is_cancelled() || self.halted()
    }

    pub(super) fn answered(&self) {
        self.with(|halt| halt.failures_in_a_row = 0);
    }

    pub(super) fn failed(&self, error: &ApiError) {
        self.with(|halt| {
            if !error.fault.is_passing() {
                halt.failures_in_a_row = 0;
                return;
            }
            halt.failures_in_a_row += 1;
            if halt.failures_in_a_row >= FAILURES_IN_A_ROW {
                halt.quietly = Some(format!("{}, so the rest waits for the next run: {error}", what_ails(error)));
            }
        });
    }

    /// Keeps one that is to be tried again; gives it back once that is over.
    pub(super) fn keep_aside(&self, one: Aside) -> Option<Aside> {
        match self.aside.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_mut() {
            Some(aside) => {
                aside.push(one);
                None
            }
            None => Some(one),
        }
    }

    /// What is to be tried again; from now on nothing more is set aside.
    pub(super) fn close_aside(&self) -> Vec<Aside> {
        self.aside.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take().unwrap_or_default()
    }

    /// From now on metadata is left off.
    pub(super) fn leave_metadata(&self) {
        self.no_metadata.store(true, Ordering::Relaxed);
    }

    pub(super) fn leaves_metadata(&self) -> bool {
        self.no_metadata.load(Ordering::Relaxed)
    }

    pub(super) fn remember(&self, entity: EntityId, id: PivotalId) {
        self.created.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(entity, id);
    }

    /// Notes how an operation ended, for those that go under it.
    pub(super) fn note_rest(&self, operation: &Operation, settled: &Settled) {
        if rests(settled) {
            self.resting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(operation.entity);
        }
        let lost = operation.pivotal_id().filter(|_| operation.kind == Kind::Customer);
        if let (Settled::Lost(_), Some(customer)) = (settled, lost) {
            self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(customer.clone());
        }
    }

    /// Whether an operation is on what vanished with its customer, or goes under a customer that is gone.
    pub(super) fn went_along(&self, planned: &Planned) -> bool {
        let lost = self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let under = match &self.plan[planned.at].action {
            Action::Create { parent: Some(Parent::Known(customer)), .. } => Some(customer),
            Action::Update { .. } => planned.mirror.as_ref().and_then(|mirror| mirror.parent.as_ref()),
            Action::Adopt { parent, .. } => parent.as_ref(),
            Action::Create { .. } | Action::Delete { .. } => None,
        };
        under.is_some_and(|customer| lost.contains(customer))
    }

    /// How operations are left whose customer was not created.
    pub(super) fn without_parent(&self, operations: &VecDeque<Planned>) -> Settled {
        let why = "waits for its customer, which could not be created".to_owned();
        let resting = self.resting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let under = |planned: &Planned| match &self.plan[planned.at].action {
            Action::Create { parent: Some(Parent::Planned(customer)), .. } => resting.contains(customer),
            _ => false,
        };
        if operations.iter().any(under) { Settled::Waits(why) } else { Settled::Owed(why) }
    }

    /// Whether an operation goes under a customer that was to be created before it, and was not.
    pub(super) fn lacks_parent(&self, operation: &Operation) -> bool {
        match &operation.action {
            Action::Create { parent: Some(Parent::Planned(entity)), .. } => self.created_by(*entity).is_none(),
            _ => false,
        }
    }

    /// How an operation is left that would take on an id which another customer was to give up first, and did not.
    pub(super) fn until_given_up(&self, operation: &Operation) -> Option<Settled> {
        let giver = self.clearing.before(operation.entity).find(|giver| self.created_by(*giver).is_none())?;
        let subject = self.plan.iter().find(|other| other.entity == giver).map(|other| other.subject.to_string());
        let why = format!(
            "waits for the customer of {} to give up an id that goes to this one: one id is one customer's",
            subject.unwrap_or_default()
        );
        let resting = self.resting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Some(if resting.contains(&giver) { Settled::Waits(why) } else { Settled::Owed(why) })
    }

    pub(super) fn created_by(&self, entity: EntityId) -> Option<PivotalId> {
        self.created.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&entity).cloned()
    }
}

/// What Pivotal did that nothing more is sent after, in words.
fn what_ails(error: &ApiError) -> String {
    match (&error.fault, error.status) {
        (Fault::Throttled { .. }, _) => "Pivotal kept asking to wait".to_owned(),
        (_, Some(_)) => format!("Pivotal answered {FAILURES_IN_A_ROW} writes in a row, and carried out none"),
        (_, None) => "Pivotal stopped answering".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_refuses_is_told_as_an_answer() {
        let error = |fault, status| ApiError {
            fault,
            api: "Pivotal",
            endpoint: "POST /customers".to_owned(),
            status,
            code: None,
            field: None,
            message: "no".to_owned(),
            request_id: None,
        };
        for (fault, status, said) in [
            (Fault::KeyInUse, Some(409), "Pivotal answered 5 writes in a row, and carried out none"),
            (Fault::Unavailable, Some(500), "Pivotal answered 5 writes in a row, and carried out none"),
            (Fault::TimedOut, None, "Pivotal stopped answering"),
            (Fault::Unreachable, None, "Pivotal stopped answering"),
        ] {
            assert_eq!(what_ails(&error(fault, status)), said);
        }
    }
}
