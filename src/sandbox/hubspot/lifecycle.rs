//! How records go, come back, and become one (section 6).

use std::collections::BTreeMap;

use super::render::instant;
use super::world::{NoSuchRecord, ObjectType, World};

impl World {
    /// Archives a live record: it leaves lists, search and associations and shows in the archived list only. Moves no
    /// last-modified (trap 7).
    ///
    /// # Errors
    /// [`NoSuchRecord`].
    pub fn archive(&mut self, object: ObjectType, id: &str) -> Result<(), NoSuchRecord> {
        let id = self.live(object, id)?;
        let now = self.now();
        let shelf = self.shelf_mut(object);
        if let Some(record) = shelf.records.get_mut(&id) {
            record.archived = Some(now);
            shelf.archived.insert(id);
        }
        Ok(())
    }

    /// Brings an archived record back under its id (trap 9); see the switches for its timestamp and associations.
    ///
    /// # Errors
    /// [`NoSuchRecord`] if it is not archived.
    pub fn restore(&mut self, object: ObjectType, id: &str) -> Result<(), NoSuchRecord> {
        let number = id.parse().ok().filter(|number| self.shelf(object).archived.contains(number));
        let number: u64 = number.ok_or_else(|| NoSuchRecord { object, id: id.to_owned() })?;
        self.shelf_mut(object).archived.remove(&number);
        if let Some(record) = self.shelf_mut(object).records.get_mut(&number) {
            record.archived = None;
        }
        if self.switches.restore_moves_modified {
            self.edit(object, number);
        }
        if !self.switches.restore_keeps_links {
            self.links.forget(object, number);
        }
        Ok(())
    }

    /// Deletes a record for good, as privacy law asks: it never shows in the archived list (trap 8).
    ///
    /// # Errors
    /// [`NoSuchRecord`].
    pub fn purge(&mut self, object: ObjectType, id: &str) -> Result<(), NoSuchRecord> {
        let number = id.parse().ok().filter(|number| self.shelf(object).records.contains_key(number));
        let number: u64 = number.ok_or_else(|| NoSuchRecord { object, id: id.to_owned() })?;
        let shelf = self.shelf_mut(object);
        shelf.records.remove(&number);
        shelf.archived.remove(&number);
        self.links.forget(object, number);
        Ok(())
    }

    /// Merges two live records. A third one with a new id appears, both old ids answer as it, associations move, a
    /// surplus primary company is dropped, the winner's values win (trap 10). Returns the survivor's id.
    ///
    /// # Errors
    /// [`NoSuchRecord`] for either; a record cannot be merged with itself.
    pub fn merge(&mut self, object: ObjectType, winner: &str, loser: &str) -> Result<String, NoSuchRecord> {
        let (first, second) = (self.live(object, winner)?, self.live(object, loser)?);
        if first == second {
            return Err(NoSuchRecord { object, id: loser.to_owned() });
        }
        let now = self.now();
        let keeps = self.switches.merge_keeps_winner;
        let shelf = self.shelf_mut(object);
        let (Some(one), Some(two)) = (shelf.records.get(&first).cloned(), shelf.records.remove(&second)) else {
            return Err(NoSuchRecord { object, id: loser.to_owned() });
        };
        let created = instant(one.created);
        let mut properties = united(object, one.properties, two.properties);
        properties.entry("createdate".to_owned()).or_insert(created);
        let mut merged = one.merged;
        merged.extend(two.merged);
        merged.extend([first, second]);
        merged.sort_unstable();
        merged.dedup();
        let survivor = if keeps {
            self.edit(object, first);
            first
        } else {
            shelf.records.remove(&first);
            self.add(object, properties.clone(), now)
        };
        if let Some(record) = self.shelf_mut(object).records.get_mut(&survivor) {
            record.properties = properties;
            record.merged = merged;
        }
        for old in [first, second].into_iter().filter(|old| *old != survivor) {
            self.shelf_mut(object).survivors.insert(old, survivor);
            self.links.hand_over(object, old, survivor);
        }
        Ok(survivor.to_string())
    }
}

/// The winner's values over the loser's, the loser's second address kept beside the first.
fn united(
    object: ObjectType,
    winner: BTreeMap<String, String>,
    loser: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let (one, many) = match object {
        ObjectType::Company => ("domain", "hs_additional_domains"),
        ObjectType::Contact => ("email", "hs_additional_emails"),
        ObjectType::Deal => return over(winner, loser),
    };
    let mut kept: Vec<String> = Vec::new();
    for value in [winner.get(many), loser.get(one), loser.get(many)].into_iter().flatten() {
        kept.extend(value.split(';').filter(|part| !part.is_empty()).map(str::to_owned));
    }
    kept.retain(|value| winner.get(one) != Some(value));
    kept.sort();
    kept.dedup();
    let mut united = over(winner, loser);
    united.remove(many);
    if !kept.is_empty() {
        united.insert(many.to_owned(), kept.join(";"));
    }
    united
}

fn over(winner: BTreeMap<String, String>, mut loser: BTreeMap<String, String>) -> BTreeMap<String, String> {
    loser.extend(winner.into_iter().filter(|(_, value)| !value.is_empty()));
    loser
}
