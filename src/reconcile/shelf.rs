//! Archiving a customer, and taking that back, as Pivotal's own word on its status has it: what a person set there is given
//! back, and never written over.

use crate::domain::{Action, Fields, Kind, Mirror, Operation, Value};

use super::owner::owner_of;
use super::plan::{ARCHIVED, STATUS, differs};
use super::settings::{Owner, Settings};

/// What follows from what Pivotal says, besides the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// What the mirror holds then.
    pub written: Fields,
    /// What of it was not set here.
    pub found: Fields,
    /// What a person should know, in words.
    pub note: Option<String>,
}

/// Whether an operation archives a customer or takes that back.
pub fn turns_on_status(operation: &Operation) -> bool {
    let revives = || operation.changes().0.get(STATUS).is_some_and(|change| change.from == Value::from(ARCHIVED));
    operation.kind == Kind::Customer
        && matches!(operation.action, Action::Update { .. })
        && (operation.archives() || revives())
}

/// Fits such an operation to what Pivotal says of the customer; it may have nothing left to change. Answers what the mirror is
/// to hold, where Pivotal has moved on without us.
pub(super) fn meet(settings: &Settings, operation: &mut Operation, mirror: &Mirror, there: &Fields) -> Option<Shelved> {
    let archived = Value::from(ARCHIVED);
    let archives = operation.archives();
    let says = there.get(STATUS).filter(|says| !says.is_null())?.clone();
    let subject = operation.subject.clone();
    let Action::Update { changes, .. } = &mut operation.action else { return None };
    let change = changes.0.get_mut(STATUS)?;
    change.from = says.clone();
    // Archived where it is not yet, or taken back where it still is.
    if archives != (says == archived) {
        return None;
    }
    let to = change.to.clone();
    let ruled = settings.customers.fields.contains_key(STATUS);
    let owner = owner_of(settings, Kind::Customer, STATUS);
    if !archives && ruled && owner == Owner::Source && says != to {
        return None;
    }
    changes.0.remove(STATUS);
    operation.reason = differs(changes);
    let (mut written, mut found) = (mirror.written.clone(), mirror.found.clone());
    if !archives && ruled && matches!(owner, Owner::Source | Owner::Report) {
        // Theirs stands until the source says something else.
        written.0.insert(STATUS.to_owned(), to);
        found.0.remove(STATUS);
    } else {
        written.0.insert(STATUS.to_owned(), says.clone());
        found.0.insert(STATUS.to_owned(), says.clone());
    }
    let told =
        || format!("{subject} is wanted again, but Pivotal says '{says}' by now, which a person set: it stays so");
    Some(Shelved { written, found, note: (!archives).then(told) })
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
