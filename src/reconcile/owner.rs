//! Who has the last word on a field, once people edit it in Pivotal too (design section 6, "A human edit").
//!
//! | owner | at creation | when the desired value changes | at adoption |
//! | --- | --- | --- | --- |
//! | `source`, `report` | sent | sent | sent if it differs |
//! | `fill-if-empty` | sent | sent only where the mirror holds nothing | sent only where nothing was found |
//! | `pivotal` | sent | never | never |
//!
//! `source` and `report` part ways only in an audit. The mirror is what was last written or found: what a person has typed
//! into an empty field since then shows only in an audit, too.

use crate::domain::{Changes, Fields, Kind, Mirror, Origin};

use super::limits;
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
