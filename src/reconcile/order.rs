//! The order in which operations are applied.

use std::collections::BTreeSet;

use crate::domain::{Action, EntityId, Kind, Operation, Parent, PivotalId, Value, Verb};

use super::clear::Clearing;
use super::identity::key_order;

/// Sorts operations as they must be applied, the same for the same set however it came.
///
/// What is given up goes off one before another takes it on (`clearing`). Then the urgent entities' go first. Then all that
/// appears or changes, customers before contacts before onboardings, a primary contact before its colleagues (Pivotal promotes the first; pivotal-api.md 10.2), then by record. Deletes come last,
/// children before parents; but one that is the first half of a move stays right before its create. `urgent` must hold what
/// the urgent cannot do without: see [`with_urgent`].
pub fn order(operations: &mut [Operation], urgent: &BTreeSet<EntityId>, clearing: &Clearing) {
    let appearing: BTreeSet<EntityId> = operations
        .iter()
        .filter(|operation| matches!(operation.action, Action::Create { .. } | Action::Adopt { .. }))
        .map(|operation| operation.entity)
        .collect();
    let step = |operation: &Operation| {
        let gives = operation.kind == Kind::Contact || operation.verb() == Verb::Update;
        clearing.level(operation.entity).filter(|_| gives).unwrap_or(u16::MAX)
    };
    let deletes = |operation: &Operation| matches!(operation.action, Action::Delete { .. });
    let last = |operation: &Operation| deletes(operation) && !appearing.contains(&operation.entity);
    // A stable sort: two operations of one entity and verb keep the order they were decided in.
    operations.sort_by(|a, b| {
        let kinds = if last(a) { b.kind.cmp(&a.kind) } else { a.kind.cmp(&b.kind) };
        let rests = |operation: &Operation| !urgent.contains(&operation.entity);
        step(a)
            .cmp(&step(b))
            .then_with(|| rests(a).cmp(&rests(b)))
            .then(last(a).cmp(&last(b)))
            .then(kinds)
            .then_with(|| is_primary(b).cmp(&is_primary(a)))
            .then_with(|| key_order(&a.subject, &b.subject))
            .then_with(|| a.entity.cmp(&b.entity))
            .then_with(|| deletes(b).cmp(&deletes(a)))
            .then_with(|| a.verb().cmp(&b.verb()))
    });
}

/// The urgent entities, and those whose operations must come before theirs: the customers that their creates wait for, and
/// the children of a customer whose delete is urgent. `under` tells the customer an entity's object lives under.
pub fn with_urgent<'a>(
    operations: &[Operation],
    urgent: &BTreeSet<EntityId>,
    under: &dyn Fn(EntityId) -> Option<&'a PivotalId>,
) -> BTreeSet<EntityId> {
    let mut all = urgent.clone();
    let mut leaving = BTreeSet::new();
    for operation in operations.iter().filter(|operation| urgent.contains(&operation.entity)) {
        match &operation.action {
            Action::Create { parent: Some(Parent::Planned(parent)), .. } => {
                all.insert(*parent);
            }
            Action::Delete { id } => {
                leaving.insert(id);
            }
            _ => {}
        }
    }
    if !leaving.is_empty() {
        let goes_with = |o: &&Operation| {
            matches!(o.action, Action::Delete { .. }) && under(o.entity).is_some_and(|id| leaving.contains(id))
        };
        all.extend(operations.iter().filter(goes_with).map(|operation| operation.entity));
    }
    all
}

fn is_primary(operation: &Operation) -> bool {
    let primary = Value::Bool(true);
    match &operation.action {
        Action::Create { fields, .. } => fields.get("is_primary") == Some(&primary),
        Action::Adopt { changes, .. } | Action::Update { changes, .. } => {
            changes.0.get("is_primary").is_some_and(|change| change.to == primary)
        }
        Action::Delete { .. } => false,
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
