//! Which entities a plan must look at, with everything it needs to decide, and what each look led to.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::error::Trouble;
use super::nudge::calm_down;
use super::rows::{self, ParentRow, RawEntity, RawRecord, SubjectRow, SurvivorRow};
use super::{KnownRow, Look, Store, StoreError, json, time};
use crate::domain::{EntityId, Gone, Kind, PivotalId, Quarantine, Role, SourceKey, Stream, Timestamp};

/// Streams whose records decide whether an entity is gone: a subscription outlives its customer at times and never keeps one.
fn deciding() -> impl Iterator<Item = Stream> {
    Stream::ALL.into_iter().filter(|s| s.role() != Role::Subscription)
}

#[derive(Serialize)]
struct LookRow<'a> {
    id: i64,
    name: &'a str,
    wanted: &'a str,
    settled: bool,
    look_at: Option<String>,
    leaving: Option<&'static str>,
    notes: Option<&'a [String]>,
}

impl Store {
    /// Entities of a kind that are dirty, unsettled or due again (`full`: all), in id order: the next `most` after `after`,
    /// with all their records and their account. Customers come with the deals of their onboardings too, after their own
    /// records: rules may read them. An entity without records comes only while it has a Pivotal object.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn to_look_at(
        &self,
        kind: Kind,
        full: bool,
        now: Timestamp,
        after: Option<EntityId>,
        most: u32,
    ) -> Result<Vec<SubjectRow>, StoreError> {
        self.told(async {
            let entities =
                if full { self.every(kind, after, most).await? } else { self.due(kind, now, after, most).await? };
            self.subjects_of(entities).await
        })
        .await
    }

    /// The same of these entities, whatever their kind and however they stand.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn subjects(&self, entities: &[EntityId]) -> Result<Vec<SubjectRow>, StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let entities = sqlx::query_as!(
                RawEntity,
                "SELECT n.id, n.object, n.parent_id, n.pivotal_id, n.display_id, n.pivotal_parent, n.origin, n.state,
                        n.written, n.found, n.refused, n.approved, n.undone, n.shelved, n.wanted,
                        n.unselected_since
                 FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value ORDER BY n.id",
                ids
            )
            .fetch_all(self.read())
            .await?;
            self.subjects_of(entities).await
        })
        .await
    }

    async fn subjects_of(&self, entities: Vec<RawEntity>) -> Result<Vec<SubjectRow>, Trouble> {
        let ids = json(&entities.iter().map(|e| e.id).collect::<Vec<_>>())?;
        let parents: HashSet<i64> = entities.iter().filter_map(|e| e.parent_id).collect();
        let mut records = self.records_of(&ids).await?;
        let customers = entities.iter().any(|e| e.object == Kind::Customer.as_str());
        let mut deals = if customers { self.deals_of(&ids).await? } else { HashMap::new() };
        let parents = self.parents(&json(&parents)?).await?;
        let mut survivors = self.survivors(&records).await?;
        let left_out = self.left_out(&ids).await?;
        let mut siblings = self.siblings(&records).await?;
        let mut leavers = self.leavers(&ids).await?;
        entities
            .into_iter()
            .map(|mut raw| {
                let mut records = records.remove(&raw.id).unwrap_or_default();
                let gone_since = gone_since(&records).or(raw.unselected_since()?);
                records.extend(deals.remove(&raw.id).unwrap_or_default());
                let parent = raw.parent_id.and_then(|id| parents.get(&id).cloned());
                let wanted_before = raw.wanted.take();
                let survivors = survivors.remove(&raw.id).unwrap_or_default();
                let left_out = left_out.contains(&raw.id);
                let siblings = siblings.remove(&raw.id).unwrap_or_default();
                let left = leavers.remove(&raw.id);
                let entity = raw.entity(gone_since)?;
                Ok(SubjectRow { entity, wanted_before, records, parent, left_out, survivors, siblings, left })
            })
            .collect()
    }

    async fn every(&self, kind: Kind, after: Option<EntityId>, most: u32) -> Result<Vec<RawEntity>, Trouble> {
        let (kind, after) = (kind.as_str(), after.map_or(0, |e| e.0));
        Ok(sqlx::query_as!(
            RawEntity,
            "SELECT id, object, parent_id, pivotal_id, display_id, pivotal_parent, origin, state, written, found, refused,
                    approved, undone, shelved, wanted, unselected_since
             FROM entity
             WHERE object = ? AND id > ?
               AND (pivotal_id IS NOT NULL OR EXISTS (SELECT 1 FROM record r WHERE r.entity_id = entity.id))
             ORDER BY id LIMIT ?",
            kind,
            after,
            most
        )
        .fetch_all(self.read())
        .await?)
    }

    async fn due(
        &self,
        kind: Kind,
        now: Timestamp,
        after: Option<EntityId>,
        most: u32,
    ) -> Result<Vec<RawEntity>, Trouble> {
        let (kind, after, now) = (kind.as_str(), after.map_or(0, |e| e.0), time::text(now));
        Ok(sqlx::query_as!(
            RawEntity,
            r#"SELECT n.id AS "id!", n.object AS "object!", n.parent_id, n.pivotal_id, n.display_id, n.pivotal_parent,
                      n.origin, n.state, n.written, n.found, n.refused, n.approved, n.undone, n.shelved, n.wanted,
                      n.unselected_since
               FROM (SELECT * FROM (
                         SELECT id FROM entity e WHERE object = ?1 AND id > ?2 AND (dirty = 1 OR settled = 0)
                           AND (pivotal_id IS NOT NULL OR EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id))
                         ORDER BY id LIMIT ?4)
                     UNION SELECT * FROM (
                         SELECT id FROM entity e INDEXED BY entity_later WHERE look_at <= ?3 AND object = ?1 AND id > ?2
                           AND (pivotal_id IS NOT NULL OR EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id))
                         ORDER BY id LIMIT ?4)) due
               CROSS JOIN entity n ON n.id = due.id
               ORDER BY n.id LIMIT ?4"#,
            kind,
            after,
            now,
            most
        )
        .fetch_all(self.read())
        .await?)
    }

    async fn records_of(&self, entities: &str) -> Result<HashMap<i64, Vec<KnownRow>>, Trouble> {
        let found = sqlx::query_as!(
            RawRecord,
            r#"SELECT r.stream, r.external_id, r.entity_id, r.state, r.merged_into, r.facts, r.properties, r.problem,
                      r.unreadable, r.changed_at, r.gone_at,
                      (SELECT json_object('choice', d.choice, 'pivotal_id', d.pivotal_id, 'decided_at', d.decided_at)
                       FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id) AS "chosen: String"
               FROM json_each(?) j CROSS JOIN record r ON r.entity_id = j.value
               WHERE r.state <> 'malformed' ORDER BY r.entity_id, r.stream, r.external_id"#,
            entities
        )
        .fetch_all(self.read())
        .await?;
        by_entity(found)
    }

    /// The deals that are there, by the customer their onboardings belong to: the one they live under, which no deal that
    /// moves takes them away from; while there is none, the one their deal belongs to.
    async fn deals_of(&self, customers: &str) -> Result<HashMap<i64, Vec<KnownRow>>, Trouble> {
        let deals =
            json(&Stream::ALL.into_iter().filter(|s| s.role() == Role::Deal).map(Stream::as_str).collect::<Vec<_>>())?;
        let found = sqlx::query_as!(
            RawRecord,
            r#"SELECT r.stream, r.external_id, n.customer AS "entity_id: i64", r.state, r.merged_into, r.facts, r.properties,
                      r.problem, r.unreadable, r.changed_at, r.gone_at,
                      (SELECT json_object('choice', d.choice, 'pivotal_id', d.pivotal_id, 'decided_at', d.decided_at)
                       FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id) AS "chosen: String"
               FROM (SELECT o.id, o.parent_id AS customer FROM json_each(?1) j
                     CROSS JOIN entity o INDEXED BY entity_by_parent
                       ON o.parent_id = j.value AND o.object = 'onboarding' AND o.pivotal_id IS NULL
                     UNION ALL
                     SELECT o.id, c.id FROM json_each(?1) j CROSS JOIN entity c ON c.id = j.value
                     CROSS JOIN entity o ON o.pivotal_parent = c.pivotal_id AND o.object = 'onboarding'
                       AND o.pivotal_id IS NOT NULL) n
               CROSS JOIN record r ON r.entity_id = n.id
               WHERE r.state = 'live' AND r.stream IN (SELECT value FROM json_each(?2))
               ORDER BY n.customer, r.stream, r.external_id"#,
            customers,
            deals
        )
        .fetch_all(self.read())
        .await?;
        by_entity(found)
    }

    /// By entity: which of its records live on in a record that speaks of another live object.
    async fn survivors(
        &self,
        records: &HashMap<i64, Vec<KnownRow>>,
    ) -> Result<HashMap<i64, HashMap<SourceKey, SurvivorRow>>, Trouble> {
        let merged = |known: &KnownRow| matches!(known.gone, Some((Gone::Merged { .. }, _)));
        let asked: Vec<i64> = records.iter().filter(|(_, own)| own.iter().any(merged)).map(|(id, _)| *id).collect();
        let mut survivors: HashMap<i64, HashMap<SourceKey, SurvivorRow>> = HashMap::new();
        if asked.is_empty() {
            return Ok(survivors);
        }
        let asked = json(&asked)?;
        let found = sqlx::query!(
            r#"SELECT r.entity_id AS "entity_id!", r.stream, r.external_id, s.external_id AS survivor,
                      n.pivotal_id AS "pivotal_id!", n.display_id
               FROM json_each(?) j CROSS JOIN record r ON r.entity_id = j.value
               CROSS JOIN record s ON s.stream = r.stream AND s.external_id = r.merged_into
               CROSS JOIN entity n ON n.id = s.entity_id
               WHERE r.state = 'merged' AND n.id <> r.entity_id AND n.pivotal_id IS NOT NULL AND n.state = 'live'"#,
            asked
        )
        .fetch_all(self.read())
        .await?;
        for row in found {
            let stream = rows::stream("record", &row.stream)?;
            let survivor = SurvivorRow {
                key: SourceKey::new(stream, row.survivor),
                pivotal_id: PivotalId::new(row.pivotal_id),
                display_id: row.display_id,
            };
            survivors.entry(row.entity_id).or_default().insert(SourceKey::new(stream, row.external_id), survivor);
        }
        Ok(survivors)
    }

    /// Contacts that live under a customer of another account, which a person left out.
    async fn left_out(&self, ids: &str) -> Result<HashSet<i64>, Trouble> {
        let found = sqlx::query_scalar!(
            r#"SELECT n.id AS "id!" FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value
               CROSS JOIN entity c ON c.pivotal_id = n.pivotal_parent
               WHERE n.object = 'contact' AND n.parent_id IS NOT c.id AND EXISTS
                   (SELECT 1 FROM record r CROSS JOIN decision d ON d.stream = r.stream AND d.external_id = r.external_id
                    WHERE r.entity_id = c.id AND d.choice = 'ignore')"#,
            ids
        )
        .fetch_all(self.read())
        .await?;
        Ok(found.into_iter().collect())
    }

    async fn parents(&self, ids: &str) -> Result<HashMap<i64, ParentRow>, Trouble> {
        let found = sqlx::query!(
            r#"SELECT n.id AS "id!", n.wanted, n.pivotal_id, n.state, n.refused,
                      (SELECT COALESCE(o.why, '') FROM operation o
                       WHERE o.state = 'held' AND o.entity_id = n.id LIMIT 1) AS "held: String"
               FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value"#,
            ids
        )
        .fetch_all(self.read())
        .await?;
        let parents = found.into_iter().map(|row| {
            let refused = row.refused.as_deref().map(|text| rows::parse::<Quarantine>("entity", text)).transpose()?;
            let parent = ParentRow {
                entity: EntityId(row.id),
                wanted: row.wanted.as_deref() == Some("yes"),
                pivotal_id: row.pivotal_id.map(PivotalId::new),
                state: row.state.as_deref().map(|text| rows::word("entity", text)).transpose()?,
                refused: refused.map(|q| q.reason),
                held: row.held,
            };
            Ok((row.id, parent))
        });
        parents.collect()
    }

    /// Stores what looks led to: the entities are clean now. When a customer's being wanted flips, its children are looked at.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn save_looks(&self, looks: &[Look], now: Timestamp) -> Result<(), StoreError> {
        self.told(async {
            let in_step: Vec<i64> = looks.iter().filter(|look| look.settled).map(|look| look.entity.0).collect();
            let looks: Vec<_> = looks
                .iter()
                .map(|look| LookRow {
                    id: look.entity.0,
                    name: &look.name,
                    wanted: look.unwanted.as_deref().unwrap_or("yes"),
                    settled: look.settled,
                    look_at: look.later.map(|later| later.at).into_iter().chain(look.again).min().map(time::text),
                    leaving: look.later.map(|later| later.removal.as_str()),
                    notes: Some(look.notes.as_slice()).filter(|notes| !notes.is_empty()),
                })
                .collect();
            let looks = json(&looks)?;
            let now = time::text(now);
            let deciding = json(&deciding().map(Stream::as_str).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            // Before the entities themselves: a child in the same list ends clean, as it was looked at knowing its account.
            sqlx::query!(
                "UPDATE entity SET dirty = 1 WHERE dirty = 0 AND parent_id IN
                     (SELECT p.id FROM json_each(?) j CROSS JOIN entity p ON p.id = j.value ->> '$.id'
                      WHERE p.object = 'customer'
                        AND (COALESCE(p.wanted, '') = 'yes') <> (j.value ->> '$.wanted' = 'yes'))",
                looks
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "UPDATE entity SET name = l.name, wanted = l.wanted, settled = l.settled, look_at = l.look_at,
                     leaving = l.leaving, notes = l.notes, dirty = 0, gone_since = l.gone_since,
                     unselected_since = CASE WHEN l.wanted = 'yes' OR l.gone_since IS NOT NULL THEN NULL
                                       ELSE COALESCE(entity.unselected_since, iif(l.leaving IS NULL, NULL, ?3)) END
                 FROM (SELECT value ->> '$.id' AS id, value ->> '$.name' AS name, value ->> '$.wanted' AS wanted,
                              value ->> '$.settled' AS settled, value ->> '$.look_at' AS look_at,
                              value ->> '$.leaving' AS leaving, value ->> '$.notes' AS notes,
                              (SELECT CASE WHEN min(r.state <> 'live') THEN max(r.gone_at) END FROM record r
                               WHERE r.entity_id = value ->> '$.id' AND r.state <> 'malformed'
                                 AND r.stream IN (SELECT value FROM json_each(?2))) AS gone_since
                       FROM json_each(?1)) l
                 WHERE entity.id = l.id
                   AND (entity.dirty, entity.name, entity.wanted, entity.settled, entity.look_at, entity.leaving,
                        entity.notes, entity.gone_since)
                       IS NOT (0, l.name, l.wanted, l.settled, l.look_at, l.leaving, l.notes, l.gone_since)",
                looks,
                deciding,
                now
            )
            .execute(&mut *tx)
            .await?;
            calm_down(&mut tx, &in_step).await?;
            super::commit(tx).await
        })
        .await
    }

    /// Has the next plan look at every entity: a rule changed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn mark_all_dirty(&self) -> Result<(), StoreError> {
        self.told(async {
            let mut tx = self.begin().await?;
            // Not those that are nobody: no look would make them clean again.
            sqlx::query!(
                "UPDATE entity SET dirty = 1 WHERE dirty = 0
                   AND (pivotal_id IS NOT NULL OR EXISTS (SELECT 1 FROM record r WHERE r.entity_id = entity.id))"
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Which of these slugs our own objects, or those seen on the last walk, have; but for the objects of some entities.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn slugs_in_use(&self, slugs: &[String], but: &[EntityId]) -> Result<HashSet<String>, StoreError> {
        self.told(async {
            let (slugs, but) = (json(slugs)?, json(&but.iter().map(|entity| entity.0).collect::<Vec<_>>())?);
            let found = sqlx::query_scalar!(
                r#"SELECT j.value || '' AS "slug!: String" FROM json_each(?1) j
                   WHERE EXISTS (SELECT 1 FROM entity n WHERE n.slug = j.value
                                 AND n.id NOT IN (SELECT value FROM json_each(?2)))
                      OR EXISTS (SELECT 1 FROM remote m WHERE m.slug = j.value)"#,
                slugs,
                but
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().collect())
        })
        .await
    }
}

fn by_entity(found: Vec<RawRecord>) -> Result<HashMap<i64, Vec<KnownRow>>, Trouble> {
    let mut records: HashMap<i64, Vec<KnownRow>> = HashMap::new();
    for raw in found {
        if let Some(entity) = raw.entity_id {
            records.entry(entity).or_default().push(raw.known()?);
        }
    }
    Ok(records)
}

/// When the last of an entity's deciding records was first seen gone; `None` while one is there.
fn gone_since(records: &[KnownRow]) -> Option<Timestamp> {
    let times = records.iter().filter(|known| deciding().any(|s| s == known.record.key.stream));
    times.map(|known| known.gone.as_ref().map(|(_, at)| *at)).collect::<Option<Vec<_>>>()?.into_iter().max()
}
