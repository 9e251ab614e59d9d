//! Who has the last word on a field, once people edit it in Pivotal too (design section 6, "A human edit").
//!
//! | owner | at creation | when the desired value changes | at adoption |
//! | --- | --- | --- | --- |
//! | `source`, `report` | sent | sent | sent if it differs |
//! | `fill-if-empty` | sent | sent only where Pivotal holds nothing, which it is asked for first | sent only where nothing was found |
//! | `pivotal` | sent | never | never |
//!
//! `source` and `report` part ways only in an audit. The mirror is what was last written or found: what a person has typed since
//! then into a field that is theirs shows only in an audit, too.

use crate::domain::{Action, Changes, Fields, Kind, Mirror, Operation, Origin};

use super::limits;
use super::plan::differs;
use super::settings::{Owner, Settings};

/// Who has the last word on a field. A customer's status is never empty in Pivotal, so filling it if it is empty comes to
/// leaving it to Pivotal.
pub(super) fn owner_of(settings: &Settings, kind: Kind, field: &str) -> Owner {
    match settings.section(kind).owner.get(field).copied().unwrap_or_default() {
        Owner::FillIfEmpty if (kind, field) == (Kind::Customer, "status") => Owner::Pivotal,
        owner => owner,
    }
}

/// Who has the last word on a field, in words; nothing where the source simply has it.
pub(super) fn told(settings: &Settings, kind: Kind, field: &str, mirror: Option<&Mirror>) -> Option<&'static str> {
    match (owner_of(settings, kind, field), mirror.map(|mirror| mirror.origin)) {
        (Owner::Source | Owner::Report, _) => None,
        (Owner::FillIfEmpty, _) => Some("written only where Pivotal holds nothing"),
        (Owner::Pivotal, None) => Some("set when it is created, and Pivotal's from then on"),
        (Owner::Pivotal, Some(Origin::Created)) => Some("belongs to Pivotal since it was created"),
        (Owner::Pivotal, Some(_)) => Some("belongs to Pivotal"),
    }
}

/// What the owners of the fields let through of changes to an object that is there.
pub(super) fn allowed(settings: &Settings, kind: Kind, mut changes: Changes) -> Changes {
    changes.0.retain(|field, change| match owner_of(settings, kind, field) {
        Owner::Source | Owner::Report => true,
        Owner::FillIfEmpty => change.from.is_null(),
        Owner::Pivotal => false,
    });
    changes
}

/// Whether a change fills a field that may have been filled by a person since it was last seen.
pub(super) fn fills(settings: &Settings, operation: &Operation) -> bool {
    let mut changed = match &operation.action {
        Action::Update { changes, .. } => changes.0.keys(),
        _ => return false,
    };
    changed.any(|field| owner_of(settings, operation.kind, field) == Owner::FillIfEmpty)
}

/// Leaves to Pivotal what it says of such fields; the change may have nothing left. Answers what the mirror is to hold then.
pub(super) fn leave_filled(
    settings: &Settings,
    operation: &mut Operation,
    mirror: &Mirror,
    there: &Fields,
) -> Option<(Fields, Fields)> {
    let kind = operation.kind;
    let Action::Update { changes, .. } = &mut operation.action else { return None };
    let (mut written, mut found) = (mirror.written.clone(), mirror.found.clone());
    let before = changes.0.len();
    changes.0.retain(|field, _| {
        let is_theirs = owner_of(settings, kind, field) == Owner::FillIfEmpty;
        let Some(says) = there.get(field).filter(|says| is_theirs && !says.is_null()) else { return true };
        let says = limits::as_found(kind, field, says);
        written.0.insert(field.clone(), says.clone());
        found.0.insert(field.clone(), says);
        false
    });
    if changes.0.len() == before {
        return None;
    }
    operation.reason = differs(changes);
    Some((written, found))
}

/// Taking over an object: what of it the mirror begins with, and what changes. Adoption never takes over what it does not
/// say, but for what only an empty field would be given: that value must be known, so that it is never written over.
pub(super) fn take_over(settings: &Settings, kind: Kind, desired: &Fields, there: &Fields) -> (Fields, Changes) {
    let said = desired.without_nulls();
    let known = |field: &str| match owner_of(settings, kind, field) {
        Owner::Source | Owner::Report => said.get(field).is_some(),
        Owner::FillIfEmpty => true,
        Owner::Pivotal => false,
    };
    let found = there.0.iter().filter(|(field, _)| known(field));
    let found = Fields(found.map(|(field, value)| (field.clone(), limits::as_found(kind, field, value))).collect());
    let changes = allowed(settings, kind, found.changes_to(&said));
    (found, changes)
}

#[cfg(test)]
#[path = "owner_tests.rs"]
mod tests;
