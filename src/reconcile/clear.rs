//! What one object carries alone goes off it before another takes it on: the ids of a customer's records, and an address that
//! passes from one person to another.
//!
//! An id waits for certain: on two customers at once it would say that both are one account, and a lost store would believe it. An
//! address only goes first: whether two may have it Pivotal alone knows (pivotal-api.md 10.2), and it says so itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Action, EntityId, Kind, Operation, Parent, Standing};

use super::disown::carriers;

const EMAIL: &str = "email";

/// Something that one object of a kind has alone: which kind, the field, what it says.
type Own = (Kind, &'static str, String);

/// Which operations of a plan go before which, for what they give up and take on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clearing {
    levels: BTreeMap<EntityId, u16>,
    after: BTreeMap<EntityId, BTreeSet<EntityId>>,
}

impl Clearing {
    /// Of the operations that are ready; `address` tells what address an entity's contact has in Pivotal, for those that go.
    pub fn of(operations: &[Operation], address: &dyn Fn(EntityId) -> Option<String>) -> Self {
        let ready = || operations.iter().filter(|operation| operation.is_ready());
        let given = |operation| given_up(operation, address).into_iter().map(move |own| (own, entity(operation)));
        let mut givers: BTreeMap<Own, EntityId> = ready().flat_map(given).collect();
        if givers.is_empty() {
            return Self::default();
        }
        // Half of a move goes with the other half.
        let mut seen = BTreeSet::new();
        let moves: BTreeSet<EntityId> = ready().map(entity).filter(|entity| !seen.insert(*entity)).collect();
        givers.retain(|(kind, ..), entity| *kind == Kind::Customer || !moves.contains(entity));
        let mut edges: BTreeMap<EntityId, BTreeSet<EntityId>> = BTreeMap::new();
        let mut strict = BTreeSet::new();
        for operation in ready() {
            let before = taken_on(operation).into_iter().filter_map(|own| givers.get(&own).copied());
            for giver in before.filter(|giver| *giver != operation.entity) {
                edges.entry(operation.entity).or_default().insert(giver);
                if operation.kind == Kind::Customer {
                    strict.insert(operation.entity);
                }
            }
        }
        let levels = levels(&mut edges);
        edges.retain(|taker, _| strict.contains(taker));
        Self { levels, after: edges }
    }

    /// The step at which an entity gives up what another takes on, from 0; nothing when it need not go first.
    pub fn level(&self, entity: EntityId) -> Option<u16> {
        self.levels.get(&entity).copied()
    }

    /// The customers that must have given something up before this one is written to.
    pub fn before(&self, taker: EntityId) -> impl Iterator<Item = EntityId> {
        self.after.get(&taker).into_iter().flatten().copied()
    }
}

/// Has customers wait that would take on an id while what takes it off another one cannot go ahead; and with a customer that
/// would be created, who goes under it.
pub fn wait_for_clearing(operations: &mut [Operation]) {
    loop {
        let stuck: Vec<(Own, String, EntityId)> = operations.iter().filter(|o| !o.is_ready()).flat_map(stuck).collect();
        let takes = |operation: &Operation| {
            let taken = if operation.is_ready() { taken_on(operation) } else { Vec::new() };
            let found = stuck.iter().find(|(own, _, giver)| *giver != operation.entity && taken.contains(own));
            found.map(|(_, why, _)| why.clone())
        };
        let waits: Vec<Option<String>> = operations.iter().map(takes).collect();
        if waits.iter().all(Option::is_none) {
            break;
        }
        for (operation, why) in operations.iter_mut().zip(waits) {
            if let Some(why) = why {
                operation.standing = Standing::Waiting(why);
            }
        }
    }
    let waiting: BTreeMap<EntityId, String> = operations
        .iter()
        .filter_map(|operation| match (&operation.action, &operation.standing) {
            (Action::Create { parent: None, .. }, Standing::Waiting(why)) => Some((operation.entity, why.clone())),
            _ => None,
        })
        .collect();
    for operation in operations.iter_mut().filter(|operation| operation.is_ready()) {
        if let Action::Create { parent: Some(Parent::Planned(customer)), .. } = &operation.action
            && let Some(why) = waiting.get(customer)
        {
            operation.standing = Standing::Waiting(format!("its customer: {why}"));
        }
    }
}

fn stuck(operation: &Operation) -> Vec<(Own, String, EntityId)> {
    let how = match &operation.standing {
        Standing::Held(_) => "is held",
        Standing::Quarantined(_) => "was refused by Pivotal",
        Standing::Waiting(_) => "waits itself",
        Standing::Ready => return Vec::new(),
    };
    let given = given_up(operation, &|_| None).into_iter().filter(|(kind, ..)| *kind == Kind::Customer);
    let told = given.map(|own| {
        let why = format!(
            "{} has to go off the customer of {} first, and that {how}: one id is one customer's",
            own.2, operation.subject
        );
        (own, why, operation.entity)
    });
    told.collect()
}

const fn entity(operation: &Operation) -> EntityId {
    operation.entity
}

/// Steps for those that give up what others take on: each after those it takes from itself. Of a ring the first begins, and its own
/// edges go: nobody could.
fn levels(edges: &mut BTreeMap<EntityId, BTreeSet<EntityId>>) -> BTreeMap<EntityId, u16> {
    let mut left: BTreeSet<EntityId> = edges.values().flatten().copied().collect();
    let mut levels = BTreeMap::new();
    let mut level = 0_u16;
    while let Some(first) = left.first().copied() {
        let waits = |giver: &EntityId| edges.get(giver).is_some_and(|before| before.iter().any(|b| left.contains(b)));
        let mut now: Vec<EntityId> = left.iter().copied().filter(|giver| !waits(giver)).collect();
        if now.is_empty() {
            if let Some(before) = edges.get_mut(&first) {
                before.retain(|giver| !left.contains(giver));
            }
            now.push(first);
        }
        for giver in now {
            left.remove(&giver);
            levels.insert(giver, level);
        }
        level = level.saturating_add(1);
    }
    levels
}

/// What an operation takes off its object.
fn given_up(operation: &Operation, address: &dyn Fn(EntityId) -> Option<String>) -> Vec<Own> {
    let from = |field: &'static str| {
        let Action::Update { changes, .. } = &operation.action else { return None };
        Some((field, changes.0.get(field)?.from.as_text()?.to_owned()))
    };
    match (operation.kind, &operation.action) {
        (Kind::Customer, _) => carriers().filter_map(from).map(|(field, id)| (Kind::Customer, field, id)).collect(),
        (Kind::Contact, Action::Delete { .. }) => {
            address(operation.entity).map(|email| (Kind::Contact, EMAIL, email.to_lowercase())).into_iter().collect()
        }
        (Kind::Contact, _) => {
            from(EMAIL).map(|(field, email)| (Kind::Contact, field, email.to_lowercase())).into_iter().collect()
        }
        (Kind::Onboarding, _) => Vec::new(),
    }
}

/// What an operation writes on its object that no other may have.
fn taken_on(operation: &Operation) -> Vec<Own> {
    let written = |field: &'static str| {
        let text = match &operation.action {
            Action::Create { fields, .. } => fields.text(field),
            Action::Adopt { changes, .. } | Action::Update { changes, .. } => changes.0.get(field)?.to.as_text(),
            Action::Delete { .. } => None,
        };
        Some((field, text?.to_owned()))
    };
    match operation.kind {
        Kind::Customer => carriers().filter_map(written).map(|(field, id)| (Kind::Customer, field, id)).collect(),
        Kind::Contact => {
            written(EMAIL).map(|(field, email)| (Kind::Contact, field, email.to_lowercase())).into_iter().collect()
        }
        Kind::Onboarding => Vec::new(),
    }
}

#[cfg(test)]
#[path = "clear_tests.rs"]
mod tests;
