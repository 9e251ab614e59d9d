//! How much one run may do unasked. A tripped guard holds every operation of that kind and verb, not only the excess.

use std::collections::BTreeSet;

use crate::domain::{Action, EntityId, Kind, Operation, Standing, Value};

use super::settings::Guard;
use super::types::Population;

/// Shares mean nothing among a handful: below so many live objects of a kind only counts are measured.
pub const SMALLEST_POPULATION: u64 = 10;

/// However small the share, one deletion a run is never too many.
pub const FREE_DELETES: u64 = 1;

/// Turns the operations of every tripped kind and verb into held ones.
pub(super) fn guard(
    settings: &Guard,
    operations: &mut [Operation],
    population: &Population,
    approved: &dyn Fn(&Operation) -> bool,
) {
    for kind in Kind::ALL {
        guard_removals(settings, operations, kind, population.of(kind), approved);
        guard_updates(settings, operations, kind, population.of(kind), approved);
    }
}

fn guard_removals(
    settings: &Guard,
    operations: &mut [Operation],
    kind: Kind,
    live: u64,
    approved: &dyn Fn(&Operation) -> bool,
) {
    let ours = |operation: &Operation| operation.kind == kind && operation.is_ready() && removes(operation);
    let count = operations.iter().filter(|operation| ours(operation)).count() as u64;
    let share = u128::from(live) * u128::from(settings.max_delete_percent) / 100;
    let by_share = live >= SMALLEST_POPULATION && u128::from(count) > share.max(u128::from(FREE_DELETES));
    let (key, limit, needed) = if count > settings.max_deletes {
        ("max_deletes", format!("guard.max_deletes = {}", settings.max_deletes), count)
    } else if by_share {
        let limit = format!("guard.max_delete_percent = {}", settings.max_delete_percent);
        ("max_delete_percent", limit, whole_percent(count, live))
    } else {
        return;
    };
    let why = format!(
        "{count} of {live} {kind}s would be removed at once ({}), more than {limit} allows; {}",
        percent(count, live),
        let_go(key, needed)
    );
    let mut moving: BTreeSet<EntityId> = BTreeSet::new();
    for operation in operations.iter_mut().filter(|operation| ours(operation) && !approved(operation)) {
        operation.standing = Standing::Held(why.clone());
        moving.insert(operation.entity);
    }
    let appears = |operation: &Operation| matches!(operation.action, Action::Create { .. } | Action::Adopt { .. });
    for operation in operations.iter_mut().filter(|operation| operation.is_ready() && appears(operation)) {
        if moving.contains(&operation.entity) {
            operation.standing = Standing::Waiting("the deletion before it is held".to_owned());
        }
    }
}

fn guard_updates(
    settings: &Guard,
    operations: &mut [Operation],
    kind: Kind,
    live: u64,
    approved: &dyn Fn(&Operation) -> bool,
) {
    let updates = |operation: &Operation| matches!(operation.action, Action::Update { .. }) && !removes(operation);
    let ours = |operation: &Operation| operation.kind == kind && operation.is_ready() && updates(operation);
    let count = operations.iter().filter(|operation| ours(operation)).count() as u64;
    let allowed = u128::from(live) * u128::from(settings.max_updates_percent) / 100;
    if live < SMALLEST_POPULATION || u128::from(count) <= allowed {
        return;
    }
    let why = format!(
        "{count} of {live} {kind}s would be updated at once ({}), more than guard.max_updates_percent = {} allows; {}",
        percent(count, live),
        settings.max_updates_percent,
        let_go("max_updates_percent", whole_percent(count, live))
    );
    for operation in operations.iter_mut().filter(|operation| ours(operation) && !approved(operation)) {
        operation.standing = Standing::Held(why.clone());
    }
}

/// A deletion, or the archiving that stands for one.
fn removes(operation: &Operation) -> bool {
    match &operation.action {
        Action::Delete { .. } => true,
        Action::Update { changes, .. } => {
            changes.0.get("status").is_some_and(|change| change.to == Value::from("archived"))
        }
        Action::Create { .. } | Action::Adopt { .. } => false,
    }
}

/// What to do: look, and lift the limit for one run.
fn let_go(key: &str, needed: u64) -> String {
    let variable = format!("PIVOTAL_SYNC__GUARD__{}", key.to_uppercase());
    format!("look at `pivotal-sync plan`; if it is right, run `{variable}={needed} pivotal-sync sync` once")
}

/// The smallest whole percentage that allows so many.
fn whole_percent(count: u64, live: u64) -> u64 {
    count.saturating_mul(100).div_ceil(live.max(1)).min(100)
}

fn percent(count: u64, live: u64) -> String {
    let tenths = (u128::from(count) * 1000).checked_div(u128::from(live)).unwrap_or(1000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
