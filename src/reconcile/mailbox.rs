//! One address that two contacts of one customer would have. Whatever else Pivotal holds unique (pivotal-api.md 10.2), that it
//! refuses: so one of them goes ahead, and the others are held before anything is sent.
//!
//! Who has the address keeps it, unless that one gives it up in the same plan. Where nobody has it, who is in Pivotal already
//! comes before who is new, and of two that are alike the lower key.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Action, EntityId, Hold, Kind, Operation, Parent, PivotalId, SourceKey, Standing};

use super::adopt::{another_persons, named};
use super::identity::{self, key_order};

const EMAIL: &str = "email";

/// A contact in Pivotal that has an address, as far as is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// Its entity.
    pub entity: EntityId,
    /// The customer it lives under.
    pub roof: Option<PivotalId>,
    /// The address, in lower case.
    pub address: String,
    /// What names it to people and commands: a record, else the object itself.
    pub called: String,
    /// What people call it.
    pub name: String,
}

/// An operation after which its contact has an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    at: usize,
    address: String,
    roof: Parent,
}

impl Claim {
    /// The address, in lower case.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether its customer is in Pivotal already, so that somebody may live there.
    pub const fn is_under_a_roof(&self) -> bool {
        matches!(self.roof, Parent::Known(_))
    }
}

/// The addresses that contacts take on. `roof` tells the customer that an entity's contact lives under.
pub fn claims(operations: &[Operation], roof: &dyn Fn(EntityId) -> Option<PivotalId>) -> Vec<Claim> {
    let claim = |(at, operation): (usize, &Operation)| {
        let address = address_after(operation).filter(|_| operation.is_ready())?;
        let roof = match &operation.action {
            Action::Create { parent, .. } => parent.clone()?,
            Action::Adopt { parent, .. } => Parent::Known(parent.clone()?),
            Action::Update { .. } => Parent::Known(roof(operation.entity)?),
            Action::Delete { .. } => return None,
        };
        Some(Claim { at, address, roof })
    };
    operations.iter().enumerate().filter_map(claim).collect()
}

/// Holds those whose address another contact of the same customer has and keeps, or comes to have, and those who pass their
/// addresses round in a ring. What a person let through goes ahead all the same.
pub fn hold_second(
    operations: &mut [Operation],
    claims: Vec<Claim>,
    residents: &[Resident],
    is_let_through: &dyn Fn(&Operation) -> bool,
) {
    let known: BTreeSet<&str> = residents.iter().map(|resident| resident.address.as_str()).collect();
    let mut by_address: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    for claim in claims {
        by_address.entry(claim.address.clone()).or_default().push(claim);
    }
    by_address.retain(|address, claims| claims.len() > 1 || known.contains(address.as_str()));
    hold_rings(operations, &by_address, residents, is_let_through);
    // Whoever is held gives nothing up, so that who counted on that is held, too.
    loop {
        let given = givers(operations);
        let mut second: Vec<(usize, String)> = Vec::new();
        for (address, claims) in &mut by_address {
            claims.retain(|claim| operations[claim.at].is_ready());
            claims.sort_by(|a, b| precedence(&operations[a.at], &operations[b.at], is_let_through));
            let staying = residents.iter().filter(|it| it.address == *address && !given.contains(&it.entity));
            let mut there: Vec<Occupant> = staying.filter_map(Occupant::of_resident).collect();
            for claim in claims.iter() {
                let operation = &operations[claim.at];
                let same = |it: &&Occupant| it.roof == claim.roof && it.entity != operation.entity;
                match there.iter().find(same) {
                    None => there.push(Occupant::of_claim(claim, operation)),
                    Some(_) if is_let_through(operation) => {}
                    Some(other) => second.push((claim.at, why(operation, other, address))),
                }
            }
        }
        if second.is_empty() {
            return;
        }
        second.into_iter().for_each(|(at, why)| hold(&mut operations[at], why));
    }
}

/// Holds those of whom each asks for the address of the next, and the last for that of the first: none of them can go first.
fn hold_rings(
    operations: &mut [Operation],
    by_address: &BTreeMap<String, Vec<Claim>>,
    residents: &[Resident],
    is_let_through: &dyn Fn(&Operation) -> bool,
) {
    let asks: BTreeMap<EntityId, (&Claim, &Resident)> = by_address
        .values()
        .flatten()
        .filter(|claim| matches!(operations[claim.at].action, Action::Update { .. }))
        .filter(|claim| !is_let_through(&operations[claim.at]))
        .filter_map(|claim| {
            let holds = |it: &&Resident| {
                it.address == claim.address && it.roof.clone().map(Parent::Known).as_ref() == Some(&claim.roof)
            };
            let holder = residents.iter().find(holds).filter(|it| it.entity != operations[claim.at].entity)?;
            Some((operations[claim.at].entity, (claim, holder)))
        })
        .collect();
    let mut held: Vec<(usize, String)> = Vec::new();
    for (entity, (claim, holder)) in &asks {
        let mut others: Vec<&SourceKey> = Vec::new();
        let mut next = holder.entity;
        while let Some((its, holder)) = asks.get(&next).filter(|_| next != *entity && others.len() < asks.len()) {
            others.push(&operations[its.at].subject);
            next = holder.entity;
        }
        if next == *entity && !others.is_empty() {
            let who = format!("{} has the address {}", named(&holder.called, &holder.name), claim.address);
            held.push((claim.at, format!("{who}{}", ring(&operations[claim.at].subject, &others))));
        }
    }
    held.into_iter().for_each(|(at, why)| hold(&mut operations[at], why));
}

/// What is told of a ring of addresses after who has the one that is asked for; nothing where there is no other in it.
pub fn ring(key: &SourceKey, others: &[&SourceKey]) -> String {
    match others {
        [] => String::new(),
        [other] => format!(
            ", and wants this one's. Give either another address in Pivotal for the moment; then `pivotal-sync approve {key} \
             {other}` sends both again"
        ),
        [first, rest @ ..] => {
            let rest: String = rest.iter().map(|other| format!(" {other}")).collect();
            format!(
                ", and each of {key} {first}{rest} wants another's. Give one of them another address in Pivotal for the \
                 moment; then `pivotal-sync approve {key} {first}{rest}` sends all again"
            )
        }
    }
}

/// Who has an address under a customer, or is about to.
struct Occupant {
    entity: EntityId,
    roof: Parent,
    called: String,
    name: String,
}

impl Occupant {
    fn of_resident(resident: &Resident) -> Option<Self> {
        let Resident { entity, roof, called, name, .. } = resident.clone();
        Some(Self { entity, roof: Parent::Known(roof?), called, name })
    }

    fn of_claim(claim: &Claim, operation: &Operation) -> Self {
        let (called, name) = (operation.subject.to_string(), operation.name.clone());
        Self { entity: operation.entity, roof: claim.roof.clone(), called, name }
    }
}

fn hold(operation: &mut Operation, why: String) {
    operation.standing = Standing::Held(why);
    // To let a new one through is to ask for a second one beside it.
    operation.hold = matches!(operation.action, Action::Create { .. }).then_some(Hold::Choice).or(operation.hold);
}

fn why(operation: &Operation, other: &Occupant, address: &str) -> String {
    let (key, Occupant { called, name, .. }) = (&operation.subject, other);
    match operation.action {
        Action::Create { .. } => another_persons(&key.to_string(), called, name, address),
        _ => format!(
            "{} has the address {address}, and two contacts of one customer cannot have the same. Give one of the two another \
             at its source, or `pivotal-sync ignore {key}` lets this one rest; `pivotal-sync approve {key}` sends it all the \
             same",
            named(called, name)
        ),
    }
}

/// What of two that ask for one address comes first.
fn precedence(a: &Operation, b: &Operation, is_let_through: &dyn Fn(&Operation) -> bool) -> std::cmp::Ordering {
    let has_it = |it: &Operation| matches!(it.action, Action::Adopt { .. }) && !it.changes().0.contains_key(EMAIL);
    let rank = |it: &Operation| {
        let is_new = matches!(it.action, Action::Create { .. });
        (!has_it(it), !is_let_through(it), is_new)
    };
    rank(a).cmp(&rank(b)).then_with(|| key_order(&a.subject, &b.subject))
}

/// Whose contacts give up the address they have.
fn givers(operations: &[Operation]) -> BTreeSet<EntityId> {
    let gives = |it: &&Operation| match &it.action {
        Action::Update { changes, .. } => changes.0.contains_key(EMAIL),
        Action::Delete { .. } => true,
        Action::Create { .. } | Action::Adopt { .. } => false,
    };
    let contacts = operations.iter().filter(|it| it.is_ready() && it.kind == Kind::Contact);
    contacts.filter(gives).map(|it| it.entity).collect()
}

/// The address a contact has once the operation is done, where it is one that Pivotal would look at.
fn address_after(operation: &Operation) -> Option<String> {
    if operation.kind != Kind::Contact {
        return None;
    }
    let text = match &operation.action {
        Action::Create { fields, .. } => fields.text(EMAIL),
        Action::Update { changes, .. } => changes.0.get(EMAIL)?.to.as_text(),
        Action::Adopt { found, changes, .. } => match changes.0.get(EMAIL) {
            Some(change) => change.to.as_text(),
            None => found.text(EMAIL),
        },
        Action::Delete { .. } => None,
    };
    text.and_then(identity::email)
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
