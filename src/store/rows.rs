//! Rows as they lie in the tables, read into the domain's words.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::error::Trouble;
use super::{Placed, time};
use crate::domain::{
    Changes, Chosen, Entity, EntityId, ExternalId, Gone, Kind, Mirror, MirrorState, Operation, PivotalId, Quarantine,
    Record, SourceKey, Stream, Timestamp, Verb,
};

/// A record that was read at least once, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRow {
    /// What the source last showed that could be read.
    pub record: Record,
    /// Set once it was seen gone: how, and when that was first seen.
    pub gone: Option<(Gone, Timestamp)>,
    /// An ambiguity that binding found, in words.
    pub problem: Option<String>,
    /// Why the source's last showing could not be read, while what is here is older.
    pub unreadable: Option<String>,
    /// What a person decided about it.
    pub chosen: Option<Chosen>,
}

/// One entity with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRow {
    /// The entity.
    pub entity: Entity,
    /// What the last look said: `yes`, or why it is not wanted; `None` before the first look.
    pub wanted_before: Option<String>,
    /// Its records, in key order. Empty when all were bound elsewhere and its Pivotal object remained.
    pub records: Vec<KnownRow>,
    /// Its account, for contacts and onboardings.
    pub parent: Option<ParentRow>,
    /// Whether it is a contact under a customer that is not its account's, and that a person left out.
    pub left_out: bool,
    /// Of its records, those that were merged into a record that speaks of another live Pivotal object.
    pub survivors: HashMap<SourceKey, SurvivorRow>,
    /// For a billing contact: the other persons of its account that show its address, and whether each has a live object.
    pub siblings: Vec<(KnownRow, bool)>,
    /// For a customer without records: the one that left it.
    pub left: Option<LeaverRow>,
}

/// A record that went to another entity and left a customer behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaverRow {
    /// The record.
    pub key: SourceKey,
    /// Whether a person said that it is not that customer.
    pub unlinked: bool,
    /// Whether it was merged into another at its source.
    pub merged: bool,
    /// The object it stands for now, where that is there.
    pub now: Option<SurvivorRow>,
}

/// A record that another one was merged into, and its Pivotal object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurvivorRow {
    /// The record.
    pub key: SourceKey,
    /// The object's cuid.
    pub pivotal_id: PivotalId,
    /// Its number.
    pub display_id: Option<i64>,
}

/// How the account of a contact or an onboarding stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentRow {
    /// The account's entity.
    pub entity: EntityId,
    /// Whether the last look wanted it in Pivotal.
    pub wanted: bool,
    /// Its customer's cuid.
    pub pivotal_id: Option<PivotalId>,
    /// Where its customer stands.
    pub state: Option<MirrorState>,
    /// Why Pivotal refused its last operation, while that stands.
    pub refused: Option<String>,
    /// Why its open operation is held, if one is.
    pub held: Option<String>,
}

/// The columns of `record` that make a [`KnownRow`], as queries select them.
pub(super) struct RawRecord {
    pub stream: String,
    pub external_id: String,
    pub entity_id: Option<i64>,
    pub state: String,
    pub merged_into: Option<String>,
    pub facts: String,
    pub properties: String,
    pub problem: Option<String>,
    pub unreadable: Option<String>,
    pub changed_at: Option<String>,
    pub gone_at: Option<String>,
    pub chosen: Option<String>,
}

impl RawRecord {
    pub(super) fn known(self) -> Result<KnownRow, Trouble> {
        let gone = match (gone(&self.state, self.merged_into)?, self.gone_at) {
            (Some(how), Some(at)) => Some((how, time::instant("record", &at)?)),
            (Some(_), None) => {
                return Err(Trouble::bad("record", format_args!("{} is gone without a time", self.external_id)));
            }
            (None, _) => None,
        };
        let record = Record {
            key: SourceKey { stream: stream("record", &self.stream)?, id: ExternalId::new(self.external_id) },
            facts: parse("record", &self.facts)?,
            properties: parse("record", &self.properties)?,
            changed_at: time::maybe("record", self.changed_at.as_deref())?,
        };
        let chosen = self.chosen.as_deref().map(|text| parse::<Chosen>("decision", text)).transpose()?;
        Ok(KnownRow { record, gone, problem: self.problem, unreadable: self.unreadable, chosen })
    }
}

/// A [`RawRecord`] with its entity's standing and its tokens.
pub(super) struct RawPlaced {
    pub stream: String,
    pub external_id: String,
    pub entity_id: Option<i64>,
    pub state: String,
    pub merged_into: Option<String>,
    pub facts: String,
    pub properties: String,
    pub problem: Option<String>,
    pub unreadable: Option<String>,
    pub changed_at: Option<String>,
    pub gone_at: Option<String>,
    pub chosen: Option<String>,
    pub object: Option<String>,
    pub tokens: String,
}

impl RawPlaced {
    pub(super) fn placed(self) -> Result<Placed<KnownRow>, Trouble> {
        let (entity, object) = (self.entity_id.map(EntityId), self.object.map(PivotalId::new));
        let tokens = parse("evidence", &self.tokens)?;
        let raw = RawRecord {
            stream: self.stream,
            external_id: self.external_id,
            entity_id: self.entity_id,
            state: self.state,
            merged_into: self.merged_into,
            facts: self.facts,
            properties: self.properties,
            problem: self.problem,
            unreadable: self.unreadable,
            changed_at: self.changed_at,
            gone_at: self.gone_at,
            chosen: self.chosen,
        };
        Ok(Placed { known: raw.known()?, entity, object, tokens })
    }
}

/// The columns of `entity`, as queries select them.
pub(super) struct RawEntity {
    pub id: i64,
    pub object: String,
    pub parent_id: Option<i64>,
    pub pivotal_id: Option<String>,
    pub display_id: Option<i64>,
    pub pivotal_parent: Option<String>,
    pub origin: Option<String>,
    pub state: Option<String>,
    pub written: Option<String>,
    pub found: Option<String>,
    pub refused: Option<String>,
    pub approved: Option<String>,
    pub undone: Option<String>,
    pub shelved: Option<String>,
    pub wanted: Option<String>,
    pub unselected_since: Option<String>,
}

impl RawEntity {
    /// Since when it is outside the selection though a record of it is there.
    pub(super) fn unselected_since(&self) -> Result<Option<Timestamp>, Trouble> {
        super::time::maybe("entity", self.unselected_since.as_deref())
    }

    pub(super) fn entity(self, gone_since: Option<Timestamp>) -> Result<Entity, Trouble> {
        let missing = || Trouble::bad("entity", format_args!("{} has a pivotal_id but no origin or state", self.id));
        let parent = self.pivotal_parent.map(PivotalId::new);
        let vanished = parent.clone().filter(|_| self.pivotal_id.is_none());
        let mirror = match self.pivotal_id {
            None => None,
            Some(id) => Some(Mirror {
                id: PivotalId::new(id),
                display_id: self.display_id,
                parent,
                origin: word("entity", self.origin.as_deref().ok_or_else(missing)?)?,
                state: word("entity", self.state.as_deref().ok_or_else(missing)?)?,
                written: self.written.as_deref().map(|text| parse("entity", text)).transpose()?.unwrap_or_default(),
                found: self.found.as_deref().map(|text| parse("entity", text)).transpose()?.unwrap_or_default(),
            }),
        };
        Ok(Entity {
            id: EntityId(self.id),
            kind: kind("entity", &self.object)?,
            parent: self.parent_id.map(EntityId),
            mirror,
            vanished,
            shelved: self.shelved,
            gone_since,
            quarantine: self.refused.as_deref().map(|text| parse::<Quarantine>("entity", text)).transpose()?,
            undone: self.undone.as_deref().map(|text| parse("entity", text)).transpose()?,
            approval: self.approved.as_deref().map(|text| parse("entity", text)).transpose()?.unwrap_or_default(),
        })
    }
}

/// The state words of a record that is no longer there.
pub(super) fn gone_words(gone: &Gone) -> (&'static str, Option<&str>) {
    match gone {
        Gone::Archived => ("archived", None),
        Gone::Deleted => ("deleted", None),
        Gone::Merged { into } => ("merged", Some(into.as_str())),
    }
}

fn gone(state: &str, merged_into: Option<String>) -> Result<Option<Gone>, Trouble> {
    Ok(match (state, merged_into) {
        ("live", _) => None,
        ("archived", _) => Some(Gone::Archived),
        ("deleted", _) => Some(Gone::Deleted),
        ("merged", Some(into)) => Some(Gone::Merged { into: ExternalId::new(into) }),
        (other, _) => return Err(Trouble::bad("record", format_args!("state '{other}' is unknown or incomplete"))),
    })
}

pub(super) fn stream(table: &'static str, text: &str) -> Result<Stream, Trouble> {
    text.parse().map_err(|e| Trouble::bad(table, e))
}

pub(super) fn kind(table: &'static str, text: &str) -> Result<Kind, Trouble> {
    text.parse().map_err(|e| Trouble::bad(table, e))
}

/// Reads a JSON column.
pub(super) fn parse<T: DeserializeOwned>(table: &'static str, text: &str) -> Result<T, Trouble> {
    serde_json::from_str(text).map_err(|e| Trouble::bad(table, e))
}

/// What an attempt sent, which may differ from what its operation planned: another slug, an object that turned out to be there.
/// Without an attempt, what was planned.
pub(super) fn sent(intent: Option<&str>, verb: &str, changes: &str) -> Result<(Verb, Changes), Trouble> {
    match intent {
        Some(intent) => {
            let sent: Operation = parse("attempt", intent)?;
            Ok((sent.verb(), sent.changes()))
        }
        None => Ok((word("operation", verb)?, parse("operation", changes)?)),
    }
}

/// Reads a column that holds one word of a closed list, e.g. `created`.
pub(super) fn word<T: DeserializeOwned>(table: &'static str, text: &str) -> Result<T, Trouble> {
    T::deserialize(StrDeserializer::<WordError>::new(text)).map_err(|e| Trouble::bad(table, e))
}

pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
