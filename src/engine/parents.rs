//! An entity as the reconciler takes it: with its records, and with what this plan will make of its customer.

use std::collections::{HashMap, HashSet};

use crate::domain::{Action, EntityId, Kind, MirrorState, Operation, PivotalId, SourceKey, Standing};
use crate::reconcile::{Desired, Home, Known, Leaver, ParentState, Sibling, Subject, Survivor, Wanted};
use crate::store::{KnownRow, RemoteRow, SubjectRow, SurvivorRow};

use super::beside::Beside;

/// What this plan will make of the customers it looked at, for their children.
#[derive(Default)]
pub(super) struct Parents {
    fates: HashMap<EntityId, Fate>,
    /// Customers that turned out to be one with another: a person says which stays.
    doubled: HashSet<PivotalId>,
    /// By account: customers that were kept beside its own, and that nothing here stands for.
    beside: Beside,
}

enum Fate {
    /// Will be adopted under this id.
    Adopted(PivotalId),
    /// Will be created, though Pivotal had it before.
    Anew,
    /// Waits, is held or refused.
    Blocked(String),
}

impl Parents {
    pub(super) fn with(beside: Beside) -> Self {
        Self { beside, ..Self::default() }
    }

    /// Every customer beside an account's own.
    pub(super) fn all_beside(&self) -> impl Iterator<Item = &PivotalId> {
        self.beside.values().flatten().map(|row| &row.id)
    }

    /// The customers beside an account's own.
    pub(super) fn beside(&self, account: EntityId) -> Vec<PivotalId> {
        self.rows_beside(account).iter().map(|row| row.id.clone()).collect()
    }

    /// The same, with what they say.
    pub(super) fn rows_beside(&self, account: EntityId) -> &[RemoteRow] {
        self.beside.get(&account).map_or(&[], Vec::as_slice)
    }

    /// Nothing goes under its customer in this run after all.
    pub(super) fn block(&mut self, account: EntityId, why: String) {
        self.fates.insert(account, Fate::Blocked(why));
    }

    pub(super) fn learn(&mut self, subject: &Subject, desired: &Desired, operations: &[Operation]) {
        if subject.entity.kind != Kind::Customer {
            return;
        }
        let waits = operations.iter().any(|operation| !operation.is_ready());
        if let (Wanted::Doubled(_), Some(mirror), true) = (&desired.wanted, &subject.entity.mirror, waits) {
            self.doubled.insert(mirror.id.clone());
        }
        for operation in operations {
            let fate = match (&operation.standing, &operation.action) {
                (Standing::Ready, Action::Adopt { id, .. }) => Fate::Adopted(id.clone()),
                (Standing::Ready, Action::Create { .. }) => Fate::Anew,
                (Standing::Ready, _) => continue,
                // An update that rests does not keep children from an existing customer.
                (_, Action::Update { .. }) => continue,
                (Standing::Held(why) | Standing::Quarantined(why) | Standing::Waiting(why), _) => {
                    Fate::Blocked(why.clone())
                }
            };
            self.fates.insert(operation.entity, fate);
        }
    }
}

/// An entity as the reconciler takes it.
pub(super) fn subject(row: SubjectRow, parents: &Parents) -> Subject {
    let parent = row.parent.map(|parent| {
        let fate = parents.fates.get(&parent.entity);
        let planned = match fate {
            Some(Fate::Adopted(id)) => Some(id.clone()),
            _ => None,
        };
        let blocked = match (parent.state, fate) {
            (Some(MirrorState::Lost), Some(Fate::Anew)) => None,
            (Some(MirrorState::Lost), _) => Some("its customer is no longer in Pivotal".to_owned()),
            (_, Some(Fate::Blocked(why))) if parent.pivotal_id.is_none() => Some(why.clone()),
            _ => None,
        };
        let there = parent.pivotal_id.filter(|_| !matches!(fate, Some(Fate::Anew)));
        let left = parent.state == Some(MirrorState::Deleted);
        let beside = parents.beside(parent.entity);
        let (entity, wanted, pivotal_id) = (parent.entity, parent.wanted, there.or(planned));
        ParentState { entity, wanted, pivotal_id, left, blocked, beside }
    });
    let mut survivors = row.survivors;
    let records = row.records.into_iter().map(|row| known(row, &mut survivors)).collect();
    let siblings = row.siblings.into_iter();
    let siblings = siblings.map(|(row, settled)| Sibling { known: known(row, &mut HashMap::new()), settled }).collect();
    let lives_under = row.entity.mirror.as_ref().and_then(|mirror| mirror.parent.as_ref());
    let torn = lives_under.is_some_and(|customer| parents.doubled.contains(customer));
    let beside = |customer| parent.as_ref().is_some_and(|parent: &ParentState| parent.beside.contains(customer));
    let home = match (row.left_out || lives_under.is_some_and(beside), torn) {
        (true, _) => Home::LeftOut,
        (false, true) => Home::Torn,
        (false, false) => Home::Free,
    };
    let left = row.left.map(|left| {
        let now = left.now.map(survivor);
        Leaver { key: left.key, unlinked: left.unlinked, merged: left.merged, now }
    });
    Subject { entity: row.entity, records, parent, siblings, home, left }
}

fn survivor(row: SurvivorRow) -> Survivor {
    Survivor { key: row.key, pivotal_id: row.pivotal_id, display_id: row.display_id }
}

fn known(row: KnownRow, survivors: &mut HashMap<SourceKey, SurvivorRow>) -> Known {
    let survivor = survivors.remove(&row.record.key).map(survivor);
    Known { record: row.record, gone: row.gone, problem: row.problem, survivor, chosen: row.chosen }
}
