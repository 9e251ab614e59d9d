//! Everything the store knows of an entity, for a person who asks why.

use std::collections::BTreeMap;

use super::error::Trouble;
use super::explain::Named;
use super::people::{OperationRow, RawOperation};
use super::rows::{self, RawEntity};
use super::{AttemptId, Store, StoreError, json, time};
use crate::domain::{
    Changes, Entity, EntityId, ExternalId, Facts, MirrorState, Origin, PivotalId, RunId, SourceKey, Timestamp, Value,
    Verb,
};

/// Everything about one entity, or about one record that is bound to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The entity; `None` for a record that is bound to none.
    pub entity: Option<StoryEntity>,
    /// Its records, in key order.
    pub records: Vec<StoryRecord>,
    /// Its mappings, in key order.
    pub mapping: Vec<MappingRow>,
    /// Its open operations, oldest first.
    pub operations: Vec<OperationRow>,
    /// Its last ten attempts, newest first.
    pub attempts: Vec<AttemptRow>,
}

/// An entity with what looks at it led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryEntity {
    /// The entity. Its `gone_since` is the one stored at the last look.
    pub entity: Entity,
    /// What people call it.
    pub name: String,
    /// `yes`, or why it is not wanted in Pivotal; `None` before the first look.
    pub wanted: Option<String>,
    /// Whether nothing was owed at the last look.
    pub settled: bool,
    /// Whether the next plan looks at it.
    pub dirty: bool,
    /// When it is looked at again though nothing changes.
    pub look_at: Option<Timestamp>,
    /// When its Pivotal object was last written.
    pub written_at: Option<Timestamp>,
}

/// A record as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryRecord {
    /// Which record.
    pub key: SourceKey,
    /// `live`, `archived`, `deleted`, `merged`, or `malformed` when it never could be read.
    pub state: String,
    /// The surviving record, when it is merged.
    pub merged_into: Option<ExternalId>,
    /// The typed part; `None` when it never could be read.
    pub facts: Option<Facts>,
    /// The properties that rules read.
    pub properties: BTreeMap<String, Value>,
    /// An ambiguity, in words.
    pub problem: Option<String>,
    /// Why its last showing could not be read.
    pub unreadable: Option<String>,
    /// Its evidence tokens.
    pub tokens: Vec<String>,
    /// When the source last changed it.
    pub changed_at: Option<Timestamp>,
    /// When it last differed here.
    pub seen_at: Timestamp,
    /// When it was first seen gone.
    pub gone_at: Option<Timestamp>,
}

/// Which Pivotal object a record became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingRow {
    /// Which record.
    pub key: SourceKey,
    /// The object's cuid.
    pub pivotal_id: PivotalId,
    /// Its number.
    pub display_id: Option<i64>,
    /// How it came to be ours.
    pub origin: Origin,
    /// Where it stands.
    pub state: MirrorState,
}

/// One request that was made, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its number.
    pub id: AttemptId,
    /// The run that made it.
    pub run: RunId,
    /// What was sent.
    pub verb: Verb,
    /// Before and after, of what was sent.
    pub changes: Changes,
    /// Why.
    pub reason: String,
    /// `POST`, `PATCH` or `DELETE`.
    pub method: String,
    /// Path below the base URL.
    pub path: String,
    /// When it was stored, just before it was sent.
    pub planned_at: Timestamp,
    /// When its answer was stored.
    pub answered_at: Option<Timestamp>,
    /// `pending`, `done`, `refused`, `failed`, `unknown` or `unsent`.
    pub outcome: String,
    /// HTTP status.
    pub status: Option<i64>,
    /// Pivotal's own name for the answer, where it gave one.
    pub request_id: Option<String>,
    /// The idempotency key of a POST.
    pub idempotency_key: Option<String>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The object it made or changed.
    pub pivotal_id: Option<PivotalId>,
}

impl Story {
    fn about(entity: Option<StoryEntity>) -> Self {
        Self { entity, records: Vec::new(), mapping: Vec::new(), operations: Vec::new(), attempts: Vec::new() }
    }
}

impl Store {
    pub(super) async fn stories(&self, named: Named) -> Result<Vec<Story>, Trouble> {
        let ids = json(&named.entities)?;
        let mut stories = BTreeMap::new();
        for entity in self.story_entities(&ids).await? {
            stories.insert(entity.entity.id.0, Story::about(Some(entity)));
        }
        let keys: Vec<_> = named.records.iter().map(|key| (key.stream.as_str(), key.id.as_str())).collect();
        let mut unbound = Vec::new();
        for (entity, record) in self.story_records(&ids, &json(&keys)?).await? {
            match entity.and_then(|id| stories.get_mut(&id)) {
                Some(story) => story.records.push(record),
                None => unbound.push(Story { records: vec![record], ..Story::about(None) }),
            }
        }
        for (entity, row) in self.story_mapping(&ids).await? {
            stories.entry(entity).and_modify(|story| story.mapping.push(row));
        }
        for row in self.story_operations(&ids).await? {
            stories.entry(row.entity.0).and_modify(|story| story.operations.push(row));
        }
        for (entity, row) in self.story_attempts(&ids).await? {
            stories.entry(entity).and_modify(|story| story.attempts.push(row));
        }
        Ok(stories.into_values().chain(unbound).collect())
    }

    /// What people call an entity, and its Pivotal object.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn called(&self, entity: EntityId) -> Result<Option<(String, Option<PivotalId>)>, StoreError> {
        self.told(async {
            let found = sqlx::query!("SELECT name, pivotal_id FROM entity WHERE id = ?", entity.0)
                .fetch_optional(self.read())
                .await?;
            Ok(found.map(|row| (row.name, row.pivotal_id.map(PivotalId::new))))
        })
        .await
    }

    async fn story_entities(&self, ids: &str) -> Result<Vec<StoryEntity>, Trouble> {
        let found = sqlx::query!(
            r#"SELECT n.id AS "id!", n.object, n.parent_id, n.pivotal_id, n.display_id, n.pivotal_parent, n.origin, n.state,
                      n.written, n.found, n.refused, n.approved, n.undone, n.shelved, n.name, n.wanted, n.settled, n.dirty,
                      n.look_at, n.gone_since, n.unselected_since, n.written_at
               FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value"#,
            ids
        )
        .fetch_all(self.read())
        .await?;
        let entities = found.into_iter().map(|row| {
            let raw = RawEntity {
                id: row.id,
                object: row.object,
                parent_id: row.parent_id,
                pivotal_id: row.pivotal_id,
                display_id: row.display_id,
                pivotal_parent: row.pivotal_parent,
                origin: row.origin,
                state: row.state,
                written: row.written,
                found: row.found,
                refused: row.refused,
                approved: row.approved,
                undone: row.undone,
                shelved: row.shelved,
                wanted: None,
                unselected_since: row.unselected_since,
            };
            let unwanted_since = time::maybe("entity", row.gone_since.as_deref())?.or(raw.unselected_since()?);
            Ok(StoryEntity {
                entity: raw.entity(unwanted_since)?,
                name: row.name,
                wanted: row.wanted,
                settled: row.settled != 0,
                dirty: row.dirty != 0,
                look_at: time::maybe("entity", row.look_at.as_deref())?,
                written_at: time::maybe("entity", row.written_at.as_deref())?,
            })
        });
        entities.collect()
    }

    async fn story_records(&self, ids: &str, keys: &str) -> Result<Vec<(Option<i64>, StoryRecord)>, Trouble> {
        let found = sqlx::query!(
            r#"WITH named AS (
                   SELECT r.stream, r.external_id FROM json_each(?1) j CROSS JOIN record r ON r.entity_id = j.value
                   UNION SELECT value ->> 0, value ->> 1 FROM json_each(?2))
               SELECT r.stream, r.external_id, r.entity_id, r.state, r.merged_into, r.facts, r.properties, r.problem,
                      r.unreadable, r.changed_at, r.seen_at, r.gone_at,
                      (SELECT json_group_array(e.token) FROM evidence e
                       WHERE e.stream = r.stream AND e.external_id = r.external_id) AS "tokens!: String"
               FROM named k CROSS JOIN record r ON r.stream = k.stream AND r.external_id = k.external_id
               ORDER BY r.stream, r.external_id"#,
            ids,
            keys
        )
        .fetch_all(self.read())
        .await?;
        let records = found.into_iter().map(|row| {
            let record = StoryRecord {
                key: SourceKey { stream: rows::stream("record", &row.stream)?, id: ExternalId::new(row.external_id) },
                state: row.state,
                merged_into: row.merged_into.map(ExternalId::new),
                facts: rows::parse("record", &row.facts)?,
                properties: rows::parse("record", &row.properties)?,
                problem: row.problem,
                unreadable: row.unreadable,
                tokens: rows::parse("evidence", &row.tokens)?,
                changed_at: time::maybe("record", row.changed_at.as_deref())?,
                seen_at: time::instant("record", &row.seen_at)?,
                gone_at: time::maybe("record", row.gone_at.as_deref())?,
            };
            Ok((row.entity_id, record))
        });
        records.collect()
    }

    async fn story_mapping(&self, ids: &str) -> Result<Vec<(i64, MappingRow)>, Trouble> {
        let found = sqlx::query!(
            "SELECT m.entity_id, m.stream, m.external_id, m.pivotal_id, m.display_id, m.origin, m.state
             FROM json_each(?) j CROSS JOIN mapping m ON m.entity_id = j.value ORDER BY m.stream, m.external_id",
            ids
        )
        .fetch_all(self.read())
        .await?;
        let mapping = found.into_iter().map(|row| {
            let mapping = MappingRow {
                key: SourceKey { stream: rows::stream("mapping", &row.stream)?, id: ExternalId::new(row.external_id) },
                pivotal_id: PivotalId::new(row.pivotal_id),
                display_id: row.display_id,
                origin: rows::word("mapping", &row.origin)?,
                state: rows::word("mapping", &row.state)?,
            };
            Ok((row.entity_id, mapping))
        });
        mapping.collect()
    }

    async fn story_operations(&self, ids: &str) -> Result<Vec<OperationRow>, Trouble> {
        let found = sqlx::query_as!(
            RawOperation,
            r#"SELECT o.id AS "id!", o.run_id, o.entity_id, o.object, o.verb, o.ref AS subject, o.name, o.pivotal_id,
                      o.changes, o.reason, o.state, o.why, o.guarded, o.choice, o.waits
               FROM json_each(?) j CROSS JOIN operation o ON o.entity_id = j.value
               WHERE o.state IN ('planned', 'held', 'quarantined', 'owed') ORDER BY o.id"#,
            ids
        )
        .fetch_all(self.read())
        .await?;
        found.into_iter().map(RawOperation::row).collect()
    }

    async fn story_attempts(&self, ids: &str) -> Result<Vec<(i64, AttemptRow)>, Trouble> {
        let found = sqlx::query!(
            r#"SELECT a.id AS "id!", a.entity_id, a.run_id, o.verb, o.changes, o.reason, a.intent, a.method, a.path, a.planned_at,
                      a.answered_at, a.outcome, a.status, a.request_id, a.idempotency_key, a.error, a.pivotal_id
               FROM json_each(?) j
               CROSS JOIN operation o ON o.entity_id = j.value
               CROSS JOIN attempt a ON a.operation_id = o.id
                   AND a.id IN (SELECT b.id FROM operation p CROSS JOIN attempt b ON b.operation_id = p.id
                                WHERE p.entity_id = j.value ORDER BY b.id DESC LIMIT 10)
               ORDER BY a.id DESC"#,
            ids
        )
        .fetch_all(self.read())
        .await?;
        let attempts = found.into_iter().map(|row| {
            let (verb, changes) = rows::sent(Some(&row.intent), &row.verb, &row.changes)?;
            let attempt = AttemptRow {
                id: AttemptId(row.id),
                run: RunId(row.run_id),
                verb,
                changes,
                reason: row.reason,
                method: row.method,
                path: row.path,
                planned_at: time::instant("attempt", &row.planned_at)?,
                answered_at: time::maybe("attempt", row.answered_at.as_deref())?,
                outcome: row.outcome,
                status: row.status,
                request_id: row.request_id,
                idempotency_key: row.idempotency_key,
                error: row.error,
                pivotal_id: row.pivotal_id.map(PivotalId::new),
            };
            Ok((row.entity_id, attempt))
        });
        attempts.collect()
    }
}
