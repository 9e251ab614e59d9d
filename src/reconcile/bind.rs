//! Which account records speak of the same account.
//!
//! The records of the first account stream in a cluster (companies) are *anchors*: each is an account of its own, even when
//! two share a domain. Every other account record looks for its anchor: the one whose id a customer in Pivotal carries beside
//! its own, else the one an explicit id names, else the one that shares a domain. Exactly one: they are one account. None: it
//! is an account of its own. Several: a person decides.
//!
//! What Pivotal carries comes first because it is what a lost store's mappings are read from: a rebuilt store comes to the same
//! entities. What the sources say against the place a record has is no reason to move it, but is told ([`rifts`]): the same for
//! the same records, whichever of them came first.
//!
//! A record whose entity has a Pivotal object is settled and stays where it is, whatever the evidence says today; a
//! person moves it with `link` and `unlink` (see `choice.rs`). A record that is gone stays where it is too. So the outcome
//! depends on neither the order of the input nor on how often it is worked out.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Choice, EntityId, PivotalId, SourceKey, Stream};

use super::choice::{Footing, footing};
use super::identity::key_order;
use super::place::{Place, name};
use super::rift::Rift;
use super::types::{Bindable, Bindings};
use super::unclear;

/// Binds one cluster. The outcome is in key order.
pub(super) fn bind(cluster: &[Bindable]) -> Bindings {
    let mut records: Vec<&Bindable> = cluster.iter().collect();
    records.sort_by(|a, b| key_order(&a.key, &b.key));
    records.dedup_by(|a, b| a.key == b.key);
    let footings: Vec<Footing> = records.iter().map(|record| footing(record)).collect();
    let places = Cluster::new(&records, &footings).place();
    name(&records, &footings, places)
}

/// Records that stay with their customer though what the sources say, as it is now, names another company, alone or as well.
/// Nothing is merged silently: a person decides, and until then it stands.
pub(super) fn rifts(cluster: &[Bindable]) -> Vec<Rift> {
    let mut records: Vec<&Bindable> = cluster.iter().collect();
    records.sort_by(|a, b| key_order(&a.key, &b.key));
    records.dedup_by(|a, b| a.key == b.key);
    let footings: Vec<Footing> = records.iter().map(|record| footing(record)).collect();
    let cluster = Cluster::new(&records, &footings);
    let places = cluster.place();
    let is_clear = |index: &usize| !matches!(&places[*index], Place::Unclear { .. });
    let ignored = records.iter().filter(|record| record.choice == Some(Choice::Ignore));
    // Left out along with the record that was: nothing is written to that customer, wherever it belongs.
    let left_out: BTreeSet<EntityId> =
        ignored.filter(|record| record.object.is_some()).filter_map(|r| r.entity).collect();
    let is_in = |record: &Bindable| record.entity.is_none_or(|entity| !left_out.contains(&entity));
    let follows = |index: &usize| {
        footings[*index].follows && records[*index].live && !cluster.is_anchor(*index) && is_in(records[*index])
    };
    let mut told = Vec::new();
    for index in (0..records.len()).filter(follows).filter(is_clear) {
        let found = cluster.said(index);
        let (own, rivals): (Vec<usize>, Vec<usize>) =
            found.anchors.into_iter().filter(is_clear).partition(|&anchor| places[anchor] == places[index]);
        if rivals.is_empty() {
            continue;
        }
        let rivals: Vec<&Bindable> = rivals.into_iter().map(|rival| records[rival]).collect();
        let mate = cluster.anchors().find(|&mate| places[mate] == places[index]).map(|mate| records[mate]);
        told.push(Rift::new(records[index], &rivals, mate, found.by, !own.is_empty()));
    }
    told
}

struct Cluster<'a> {
    records: &'a [&'a Bindable],
    footings: &'a [Footing],
    anchor_stream: Option<Stream>,
    /// Token to the live anchors that show it.
    shown: BTreeMap<&'a str, Vec<usize>>,
    /// An anchor to the anchors that say it was merged into them (hubspot-api.md traps 10, 11).
    survivors: BTreeMap<usize, Vec<usize>>,
}

impl<'a> Cluster<'a> {
    fn new(records: &'a [&'a Bindable], footings: &'a [Footing]) -> Self {
        let anchor_stream = records.first().map(|record| record.key.stream);
        let mut cluster = Self { records, footings, anchor_stream, shown: BTreeMap::new(), survivors: BTreeMap::new() };
        let names: BTreeMap<String, usize> = (0..records.len())
            .filter(|&index| cluster.is_anchor(index))
            .map(|index| (format!("is:{}", records[index].key), index))
            .collect();
        for (index, record) in records.iter().enumerate().filter(|(_, record)| record.live) {
            if Some(record.key.stream) != anchor_stream || !footings[index].leads {
                continue;
            }
            for token in &record.tokens {
                cluster.shown.entry(token.as_str()).or_default().push(index);
                if let Some(&old) = names.get(token).filter(|&&old| old != index) {
                    cluster.survivors.entry(old).or_default().push(index);
                }
            }
        }
        cluster
    }

    fn place(&self) -> Vec<Place> {
        let mut places: Vec<Place> = (0..self.records.len()).map(Place::With).collect();
        for (index, record) in self.records.iter().enumerate() {
            let footing = self.footings[index];
            if let Some(entity) = footing.entity.filter(|_| footing.settled || !record.live) {
                places[index] = Place::Entity(entity);
            }
        }
        let evidence: BTreeMap<usize, Evidence> = (0..self.records.len())
            .filter(|&index| self.records[index].live && self.footings[index].follows && !self.is_anchor(index))
            .map(|index| (index, self.evidence(index)))
            .collect();
        let claims = self.claims(&places, &evidence);
        for (&anchor, claim) in &claims {
            places[anchor] = claim.clone();
        }
        for anchor in self.anchors().filter(|&anchor| self.root(anchor) != anchor && self.footings[anchor].follows) {
            if !matches!(places[anchor], Place::Entity(_)) {
                places[anchor] = places[self.root(anchor)].clone();
            }
        }
        self.gather_linked(&mut places);
        for (&index, found) in &evidence {
            if !matches!(places[index], Place::Entity(_)) {
                places[index] = self.follow(index, found, &places);
            }
        }
        places
    }

    /// Records linked to one object that no entity has yet make one entity: with the record that will take the object over
    /// because its id is on it, if there is one.
    fn gather_linked(&self, places: &mut [Place]) {
        let mut leaders: BTreeMap<&PivotalId, usize> = BTreeMap::new();
        for (index, record) in self.records.iter().enumerate().filter(|(_, record)| record.live) {
            if let (Some(Choice::Link { pivotal_id }), Place::With(_)) = (&record.choice, &places[index]) {
                let takes = self.anchors().find(|&anchor| self.takes(anchor, record));
                places[index] = match takes {
                    Some(anchor) => places[anchor].clone(),
                    None => Place::With(*leaders.entry(pivotal_id).or_insert(index)),
                };
            }
        }
    }

    fn takes(&self, anchor: usize, linked: &Bindable) -> bool {
        let free = self.footings[anchor].follows && !self.footings[anchor].settled;
        free && self.root(anchor) == anchor && linked.ties.contains(&self.records[anchor].key)
    }

    fn is_anchor(&self, index: usize) -> bool {
        Some(self.records[index].key.stream) == self.anchor_stream
    }

    fn anchors(&self) -> impl Iterator<Item = usize> {
        (0..self.records.len()).filter(|&index| self.is_anchor(index) && self.records[index].live)
    }

    /// The live anchors that a record's evidence names: by what a customer in Pivotal carries, else by what the sources say.
    /// Of several customers in Pivotal that carry its id, those that the sources name, too. None that a person said is not the
    /// customer which carries its id.
    fn evidence(&self, index: usize) -> Evidence {
        let mut tied = self.sharing(&self.records[index].tied, "is:");
        let mut said = self.said(index);
        let parted = self.sharing(&self.records[index].parted, "is:");
        tied.retain(|anchor| !parted.contains(anchor));
        said.anchors.retain(|anchor| !parted.contains(anchor));
        if tied.is_empty() {
            return said;
        }
        let agreed: Vec<usize> = tied.iter().copied().filter(|anchor| said.anchors.contains(anchor)).collect();
        let anchors = if agreed.is_empty() { tied } else { agreed };
        Evidence { anchors, by: "a customer in Pivotal carries the ids of it and of" }
    }

    /// The live anchors that the sources name for a record: by explicit id, else by domain.
    fn said(&self, index: usize) -> Evidence {
        let tokens = &self.records[index].tokens;
        let named = self.sharing(tokens, "is:");
        if named.is_empty() {
            Evidence { anchors: self.sharing(tokens, "domain:"), by: "its domain fits" }
        } else {
            Evidence { anchors: named, by: "an explicit id names" }
        }
    }

    /// The live anchors that show one of these tokens. One that was merged into another is not a second possibility.
    fn sharing(&self, tokens: &BTreeSet<String>, prefix: &str) -> Vec<usize> {
        let mine = tokens.iter().filter(|token| token.starts_with(prefix));
        let found: BTreeSet<usize> = mine
            .filter_map(|token| self.shown.get(token.as_str()))
            .flatten()
            .map(|&anchor| self.root(anchor))
            .collect();
        found.into_iter().collect()
    }

    /// Whether anchor `survivor` took over `old` by a merge. When each says so of the other, the later one survived.
    fn took_over(&self, survivor: usize, old: usize) -> bool {
        let says = |a: usize, b: usize| self.survivors.get(&b).is_some_and(|list| list.contains(&a));
        says(survivor, old) && (!says(old, survivor) || survivor > old)
    }

    /// The live anchor at the end of a chain of merges; itself when it was never merged away.
    fn root(&self, anchor: usize) -> usize {
        let mut at = anchor;
        for _ in 0..self.records.len() {
            let next = self.survivors.get(&at).and_then(|list| list.iter().find(|&&next| self.took_over(next, at)));
            match next {
                Some(&next) if next != anchor => at = next,
                _ => break,
            }
        }
        at
    }

    /// Unsettled anchors that belong with something that is there already: the record they took over by a merge, or
    /// the settled billing records that point to them alone.
    fn claims(&self, places: &[Place], evidence: &BTreeMap<usize, Evidence>) -> BTreeMap<usize, Place> {
        let unsettled: BTreeSet<usize> = self
            .anchors()
            .filter(|&anchor| matches!(places[anchor], Place::With(_)) && self.root(anchor) == anchor)
            .filter(|&anchor| self.footings[anchor].follows)
            .collect();
        let mut claims = BTreeMap::new();
        for &anchor in &unsettled {
            if let Some(entity) = self.inherited(anchor) {
                claims.insert(anchor, Place::Entity(entity));
            }
        }
        let with_anchor: BTreeSet<EntityId> = self
            .anchors()
            .filter_map(|anchor| match &places[anchor] {
                Place::Entity(entity) => Some(*entity),
                _ => None,
            })
            .chain(claims.values().filter_map(|place| match place {
                Place::Entity(entity) => Some(*entity),
                _ => None,
            }))
            .collect();
        let mut pointed: BTreeMap<usize, BTreeMap<EntityId, usize>> = BTreeMap::new();
        for (&index, found) in evidence {
            if let (Place::Entity(entity), [anchor]) = (&places[index], found.anchors.as_slice())
                && unsettled.contains(anchor)
                && !self.records[*anchor].stands
                && !claims.contains_key(anchor)
                && !with_anchor.contains(entity)
            {
                pointed.entry(*anchor).or_default().entry(*entity).or_insert(index);
            }
        }
        for (&anchor, entities) in &pointed {
            let place = match entities.iter().next() {
                Some((&entity, &index)) if entities.len() == 1 => self.meet(anchor, entity, index, &pointed),
                _ => self.torn(anchor, entities.values().copied().collect()),
            };
            claims.insert(anchor, place);
        }
        claims
    }

    /// One settled account points to this anchor. If it points to another anchor as well, nobody can say.
    fn meet(
        &self,
        anchor: usize,
        entity: EntityId,
        index: usize,
        pointed: &BTreeMap<usize, BTreeMap<EntityId, usize>>,
    ) -> Place {
        let rival = pointed.iter().any(|(&other, entities)| other != anchor && entities.contains_key(&entity));
        if rival { self.torn(anchor, vec![index]) } else { Place::Entity(entity) }
    }

    fn torn(&self, anchor: usize, indexes: Vec<usize>) -> Place {
        let candidates: Vec<&Bindable> = indexes.iter().map(|&index| self.records[index]).collect();
        let why = unclear::account_of(self.records[anchor], &candidates);
        Place::Unclear { why, candidates: keys(&candidates) }
    }

    /// The settled entity of a record this anchor took over by a merge, the oldest of several.
    fn inherited(&self, anchor: usize) -> Option<EntityId> {
        let old = self.survivors.keys().filter(|&&old| old != anchor && self.root(old) == anchor);
        old.map(|&old| self.footings[old]).filter(|old| old.settled && old.leads).filter_map(|old| old.entity).min()
    }

    /// Where a record that is not settled goes by its evidence.
    fn follow(&self, index: usize, found: &Evidence, places: &[Place]) -> Place {
        let key = &self.records[index].key;
        let anchors: Vec<&Bindable> = found.anchors.iter().map(|&anchor| self.records[anchor]).collect();
        match found.anchors.as_slice() {
            [] => Place::With(index),
            // It has a customer of its own there, and they have another: that it should be one with them is told (see `rifts`).
            [anchor] if self.records[index].stands && self.footings[*anchor].settled => Place::With(index),
            [anchor] => match &places[*anchor] {
                Place::Unclear { .. } => Place::Unclear {
                    candidates: keys(&anchors),
                    why: format!(
                        "{key} belongs to {}, which itself waits for a decision",
                        unclear::called(self.records[*anchor])
                    ),
                },
                place => place.clone(),
            },
            _ => {
                let why = unclear::any_of(self.records[index], &anchors, found.by);
                Place::Unclear { why, candidates: keys(&anchors) }
            }
        }
    }
}

fn keys(records: &[&Bindable]) -> Vec<SourceKey> {
    records.iter().map(|record| record.key.clone()).collect()
}

struct Evidence {
    anchors: Vec<usize>,
    by: &'static str,
}

#[cfg(test)]
#[path = "bind_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "bind_properties_tests.rs"]
mod properties;
