//! Where the records of a cluster belong, and which entities the accounts they make get.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Binding, EntityId, SourceKey};

use super::choice::Footing;
use super::types::{Bindable, Bindings};

/// Where a record belongs before entities are given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In an entity that exists.
    Entity(EntityId),
    /// With the account of the record at this index (its own index: an account of its own).
    With(usize),
    /// Nobody can say.
    Unclear { candidates: Vec<SourceKey>, why: String },
}

/// Gives entities to the places: an account keeps the entity one of its records has, the lowest record's first; no entity
/// goes to two accounts. What is gone claims nothing.
pub(super) fn name(records: &[&Bindable], footings: &[Footing], places: Vec<Place>) -> Bindings {
    let mut taken: BTreeSet<EntityId> = places
        .iter()
        .zip(records)
        .filter(|(_, record)| record.live)
        .filter_map(|(place, _)| match place {
            Place::Entity(entity) => Some(*entity),
            _ => None,
        })
        .collect();
    let mut homes: BTreeMap<usize, Binding> = BTreeMap::new();
    let mut next = 0;
    for (index, place) in places.iter().enumerate() {
        let Place::With(home) = place else { continue };
        if homes.contains_key(home) {
            continue;
        }
        let members = (index..places.len()).filter(|&other| places[other] == Place::With(*home));
        let own = members.filter_map(|other| footings[other].entity).find(|entity| !taken.contains(entity));
        let binding = match own {
            Some(entity) => {
                taken.insert(entity);
                Binding::Join(entity)
            }
            None => {
                next += 1;
                Binding::New(next - 1)
            }
        };
        homes.insert(*home, binding);
    }
    let bindings = places.into_iter().map(|place| match place {
        Place::Entity(entity) => Binding::Join(entity),
        Place::With(home) => homes.get(&home).cloned().unwrap_or(Binding::New(home)),
        Place::Unclear { candidates, why } => Binding::Ambiguous { candidates, why },
    });
    records.iter().map(|record| record.key.clone()).zip(bindings).collect()
}
