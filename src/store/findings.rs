//! What audits found, and what they make of the mirror.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::error::Trouble;
use super::gone::lose;
use super::{Store, StoreError, json, rows, time};
use crate::domain::{EntityId, Fields, Finding, FindingKind, Kind, PivotalId, RunId, Timestamp, Value};

/// A finding as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRow {
    /// What was found.
    pub finding: Finding,
    /// The newest audit that found it.
    pub run: RunId,
    /// When an audit first found it so.
    pub first_seen_at: Timestamp,
}

#[derive(Serialize)]
struct Row<'a> {
    pivotal_id: &'a str,
    kind: &'a str,
    field: &'a str,
    object: &'a str,
    display_id: Option<i64>,
    entity: Option<i64>,
    subject: Option<String>,
    name: &'a str,
    written: String,
    found: String,
    wanted: Option<String>,
    said: &'a str,
    changed_at: Option<String>,
}

impl<'a> Row<'a> {
    fn new(finding: &'a Finding) -> Result<Self, Trouble> {
        Ok(Self {
            pivotal_id: finding.pivotal_id.as_str(),
            kind: finding.kind.as_str(),
            field: &finding.field,
            object: finding.object.as_str(),
            display_id: finding.display_id,
            entity: finding.entity.map(|e| e.0),
            subject: finding.subject.as_ref().map(ToString::to_string),
            name: &finding.name,
            written: json::<Value>(&finding.written)?,
            found: json::<Value>(&finding.found)?,
            wanted: finding.wanted.as_ref().map(json::<Value>).transpose()?,
            said: &finding.said,
            changed_at: finding.changed_at.map(time::text),
        })
    }
}

impl Store {
    /// Keeps what an audit found on all objects of these kinds, or on these objects, in place of what was kept of them. What was found before with the
    /// same value keeps the time it was first seen at; the others are counted in the answer.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn save_findings(
        &self,
        run: RunId,
        kinds: &[Kind],
        objects: &[PivotalId],
        findings: &[Finding],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let now = time::text(now);
        self.told(async {
            let rows = json(&findings.iter().map(Row::new).collect::<Result<Vec<_>, _>>()?)?;
            let kinds = json(&kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())?;
            let objects = json(&objects.iter().map(PivotalId::as_str).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            sqlx::query!(
                "INSERT INTO finding (pivotal_id, kind, field, run_id, object, display_id, entity_id, ref, name, written, found,
                                      wanted, said, changed_at, first_seen_at)
                 SELECT value ->> '$.pivotal_id', value ->> '$.kind', value ->> '$.field', ?1, value ->> '$.object',
                        value ->> '$.display_id', value ->> '$.entity', value ->> '$.subject', value ->> '$.name',
                        value ->> '$.written', value ->> '$.found', value ->> '$.wanted', value ->> '$.said',
                        value ->> '$.changed_at', ?2
                 FROM json_each(?3) WHERE true
                 ON CONFLICT (pivotal_id, kind, field) DO UPDATE SET
                     run_id = excluded.run_id, entity_id = excluded.entity_id, ref = excluded.ref, name = excluded.name,
                     written = excluded.written, wanted = excluded.wanted, said = excluded.said,
                     changed_at = excluded.changed_at,
                     first_seen_at = CASE WHEN found = excluded.found THEN first_seen_at ELSE excluded.first_seen_at END,
                     found = excluded.found",
                run.0,
                now,
                rows
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "DELETE FROM finding WHERE run_id <> ?1
                 AND (object IN (SELECT value FROM json_each(?2)) OR pivotal_id IN (SELECT value FROM json_each(?3)))",
                run.0,
                kinds,
                objects
            )
            .execute(&mut *tx)
            .await?;
            let new = sqlx::query_scalar!(
                r#"SELECT count(*) AS "new!: i64" FROM finding WHERE run_id = ?1 AND first_seen_at = ?2"#,
                run.0,
                now
            )
            .fetch_one(&mut *tx)
            .await?;
            super::commit(tx).await?;
            Ok(rows::count(new))
        })
        .await
    }

    /// What audits found and what still stands of it: what must be acted on first. Of one entity, or of all.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn findings(&self, of: Option<EntityId>, most: u32) -> Result<Vec<FindingRow>, StoreError> {
        let of = of.map(|entity| entity.0);
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT pivotal_id, kind, field, run_id, object, display_id, entity_id, ref AS subject, name, written, found,
                          wanted, said, changed_at, first_seen_at
                   FROM finding WHERE ?1 IS NULL OR entity_id = ?1
                   ORDER BY CASE kind WHEN 'put_back' THEN 0 WHEN 'ids' THEN 1 WHEN 'stranger' THEN 2 ELSE 3 END,
                            name, pivotal_id, field
                   LIMIT ?2"#,
                of,
                most
            )
            .fetch_all(self.read())
            .await?;
            let told = found.into_iter().map(|row| {
                let subject = row.subject.map(|text| text.parse()).transpose();
                let finding = Finding {
                    kind: rows::word::<FindingKind>("finding", &row.kind)?,
                    object: rows::kind("finding", &row.object)?,
                    pivotal_id: PivotalId::new(row.pivotal_id),
                    display_id: row.display_id,
                    entity: row.entity_id.map(EntityId),
                    subject: subject.map_err(|e| Trouble::bad("finding", e))?,
                    name: row.name,
                    field: row.field,
                    written: rows::parse("finding", &row.written)?,
                    found: rows::parse("finding", &row.found)?,
                    wanted: row.wanted.as_deref().map(|text| rows::parse("finding", text)).transpose()?,
                    said: row.said,
                    changed_at: time::maybe("finding", row.changed_at.as_deref())?,
                };
                let first_seen_at = time::instant("finding", &row.first_seen_at)?;
                Ok(FindingRow { finding, run: RunId(row.run_id), first_seen_at })
            });
            told.collect()
        })
        .await
    }

    /// How many findings stand.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_findings(&self) -> Result<u64, StoreError> {
        self.told(async {
            let found = sqlx::query_scalar!(r#"SELECT count(*) AS "number!: i64" FROM finding"#);
            Ok(rows::count(found.fetch_one(self.read()).await?))
        })
        .await
    }

    /// Has mirrors say what Pivotal was seen to say (what they hold, and what of that was found there), and the next plan look at their entities again. Nothing was written, so
    /// that stays as it was.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn correct_mirrors(&self, mirrors: &[(EntityId, Fields, Fields)]) -> Result<(), StoreError> {
        self.told(async {
            let row = |(entity, written, found): &(EntityId, Fields, Fields)| {
                let found = Some(found).filter(|found| !found.is_empty()).map(json).transpose()?;
                Ok((entity.0, json(written)?, found))
            };
            let rows: Vec<(i64, String, Option<String>)> = mirrors.iter().map(row).collect::<Result<_, Trouble>>()?;
            let rows = json(&rows)?;
            let mut tx = self.begin().await?;
            sqlx::query!(
                "UPDATE entity SET written = j.value ->> 1, found = j.value ->> 2, dirty = 1 FROM json_each(?) j
                 WHERE entity.id = j.value ->> 0 AND entity.pivotal_id IS NOT NULL",
                rows
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Notes that Pivotal no longer has the objects of these entities: they are lost, and the next plan looks at them.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn mark_lost(&self, entities: &[EntityId]) -> Result<(), StoreError> {
        self.told(async {
            let ids: Vec<i64> = entities.iter().map(|e| e.0).collect();
            let rows = json(&ids)?;
            let mut tx = self.begin().await?;
            lose(&mut tx, &ids).await?;
            sqlx::query!("UPDATE entity SET dirty = 1 WHERE id IN (SELECT value FROM json_each(?))", rows)
                .execute(&mut *tx)
                .await?;
            super::commit(tx).await
        })
        .await
    }

    /// The entity that has an object, while Pivotal is thought to have that too.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entity_with(&self, id: &PivotalId) -> Result<Option<EntityId>, StoreError> {
        let id = id.as_str();
        self.told(async {
            let found =
                sqlx::query_scalar!(r#"SELECT id AS "id!" FROM entity WHERE pivotal_id = ? AND state = 'live'"#, id);
            Ok(found.fetch_optional(self.read()).await?.map(EntityId))
        })
        .await
    }

    /// What Pivotal itself made of the objects of entities: the fields whose value, when it answered a write, was not what was
    /// written, or was not written at all.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn kept(&self, entities: &[EntityId]) -> Result<HashMap<EntityId, Fields>, StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT n.id AS "id!", n.kept AS "kept!" FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value
                   WHERE n.kept IS NOT NULL"#,
                ids
            )
            .fetch_all(self.read())
            .await?;
            let told = found.into_iter().map(|row| {
                let kept: BTreeMap<String, [Value; 1]> = rows::parse("entity", &row.kept)?;
                Ok((EntityId(row.id), Fields(kept.into_iter().map(|(field, [value])| (field, value)).collect())))
            });
            told.collect()
        })
        .await
    }

    /// Live objects of a kind that are ours: the next `most` after an entity, each with the customer it lives under.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn live_objects(
        &self,
        kind: Kind,
        after: Option<EntityId>,
        most: u32,
    ) -> Result<Vec<LiveObject>, StoreError> {
        let (kind, after) = (kind.as_str(), after.map_or(0, |e| e.0));
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT id, pivotal_id AS "pivotal_id!", pivotal_parent FROM entity
                   WHERE object = ? AND state = 'live' AND pivotal_id IS NOT NULL AND id > ? ORDER BY id LIMIT ?"#,
                kind,
                after,
                most
            )
            .fetch_all(self.read())
            .await?;
            let objects = found.into_iter().map(|row| LiveObject {
                entity: EntityId(row.id),
                id: PivotalId::new(row.pivotal_id),
                parent: row.pivotal_parent.map(PivotalId::new),
            });
            Ok(objects.collect())
        })
        .await
    }
}

/// A live object of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveObject {
    /// The entity.
    pub entity: EntityId,
    /// The object.
    pub id: PivotalId,
    /// The customer it lives under.
    pub parent: Option<PivotalId>,
}
