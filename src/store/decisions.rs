//! What a person decided: about records, about what was held, about what Pivotal refused.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::bind::{repoint, retire, touch_sharing};
use super::error::Trouble;
use super::nudge::{hasten, hasten_records};
use super::pull::mark_dirty;
use super::{OperationId, Store, StoreError, json, rows, time, torn};
use crate::domain::{Approval, Choice, Chosen, EntityId, ExternalId, PivotalId, SourceKey};

/// One decision about a record, as it is stored and exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// The record.
    #[serde(rename = "ref")]
    pub key: SourceKey,
    /// What was decided, and when.
    #[serde(flatten)]
    pub chosen: Chosen,
    /// Why the record was held then, in words.
    #[serde(default)]
    pub said: Option<String>,
}

/// A decision as the statements below read it.
#[derive(Serialize)]
struct Row<'a> {
    stream: &'a str,
    id: &'a str,
    choice: &'a str,
    pivotal_id: Option<&'a str>,
    said: Option<&'a str>,
    at: String,
}

impl<'a> From<&'a DecisionRow> for Row<'a> {
    fn from(row: &'a DecisionRow) -> Self {
        Self {
            stream: row.key.stream.as_str(),
            id: row.key.id.as_str(),
            choice: row.chosen.choice.as_str(),
            pivotal_id: row.chosen.choice.object().map(PivotalId::as_str),
            said: row.said.as_deref(),
            at: time::text(row.chosen.decided_at),
        }
    }
}

#[derive(Serialize)]
struct Name<'a> {
    stream: &'a str,
    id: &'a str,
}

impl Store {
    /// Stores decisions in place of older ones about the same records, and has binding look again at those records and at all
    /// that share evidence with them. A record need not be known yet.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn decide(&self, decisions: &[DecisionRow]) -> Result<(), StoreError> {
        self.told(async {
            let rows = json(&decisions.iter().map(Row::from).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            sqlx::query!(
                "INSERT INTO decision (stream, external_id, choice, pivotal_id, said, decided_at, was_entity)
                 SELECT value ->> '$.stream', value ->> '$.id', value ->> '$.choice', value ->> '$.pivotal_id',
                        value ->> '$.said', value ->> '$.at',
                        (SELECT r.entity_id FROM record r
                         WHERE r.stream = value ->> '$.stream' AND r.external_id = value ->> '$.id')
                 FROM json_each(?) WHERE true
                 ON CONFLICT (stream, external_id) DO UPDATE SET
                     choice = excluded.choice, pivotal_id = excluded.pivotal_id, said = excluded.said,
                     decided_at = excluded.decided_at",
                rows
            )
            .execute(&mut *tx)
            .await?;
            look_again(&mut tx, decisions.iter().map(|row| &row.key)).await?;
            super::commit(tx).await
        })
        .await
    }

    /// Takes decisions back; answers those that there were. Their records go back to where they were.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn take_back(&self, keys: &[SourceKey]) -> Result<Vec<DecisionRow>, StoreError> {
        let all = self.decisions().await?;
        let keys: BTreeSet<&SourceKey> = keys.iter().collect();
        let found: Vec<DecisionRow> = all.into_iter().filter(|row| keys.contains(&row.key)).collect();
        self.told(async {
            let rows = json(&found.iter().map(Row::from).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            go_back(&mut tx, &rows).await?;
            sqlx::query!(
                "DELETE FROM decision WHERE (stream, external_id) IN
                     (SELECT value ->> '$.stream', value ->> '$.id' FROM json_each(?))",
                rows
            )
            .execute(&mut *tx)
            .await?;
            look_again(&mut tx, found.iter().map(|row| &row.key)).await?;
            super::commit(tx).await
        })
        .await?;
        Ok(found)
    }

    /// Every decision about a record, in key order.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn decisions(&self) -> Result<Vec<DecisionRow>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                "SELECT stream, external_id, choice, pivotal_id, said, decided_at FROM decision
                 ORDER BY stream, external_id"
            )
            .fetch_all(self.read())
            .await?;
            let decisions = found.into_iter().map(|row| {
                let pivotal_id = row.pivotal_id.map(PivotalId::new);
                let choice = match (row.choice.as_str(), pivotal_id) {
                    ("link", Some(pivotal_id)) => Choice::Link { pivotal_id },
                    ("unlink", pivotal_id) => Choice::Unlink { pivotal_id },
                    ("ignore", _) => Choice::Ignore,
                    (other, _) => return Err(Trouble::bad("decision", format_args!("'{other}' is no decision"))),
                };
                Ok(DecisionRow {
                    key: SourceKey {
                        stream: rows::stream("decision", &row.stream)?,
                        id: ExternalId::new(row.external_id),
                    },
                    chosen: Chosen { choice, decided_at: time::instant("decision", &row.decided_at)? },
                    said: row.said,
                })
            });
            decisions.collect()
        })
        .await
    }

    /// The entities that stand for these live Pivotal objects.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn standing_for(&self, objects: &[PivotalId]) -> Result<HashMap<PivotalId, EntityId>, StoreError> {
        if objects.is_empty() {
            return Ok(HashMap::new());
        }
        self.told(async {
            let ids = json(&objects.iter().map(PivotalId::as_str).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT n.id AS "id!", n.pivotal_id AS "pivotal_id!" FROM json_each(?) j
                   CROSS JOIN entity n ON n.pivotal_id = j.value WHERE n.state = 'live'"#,
                ids
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().map(|row| (PivotalId::new(row.pivotal_id), EntityId(row.id))).collect())
        })
        .await
    }

    /// The objects that Pivotal no longer has, of those of these entities.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn lost_among(&self, entities: &[EntityId]) -> Result<HashMap<EntityId, PivotalId>, StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT n.id AS "id!", n.pivotal_id AS "pivotal_id!" FROM json_each(?) j
                   CROSS JOIN entity n ON n.id = j.value WHERE n.state = 'lost' AND n.pivotal_id IS NOT NULL"#,
                ids
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().map(|row| (EntityId(row.id), PivotalId::new(row.pivotal_id))).collect())
        })
        .await
    }

    /// Whether a person said that an entity's record is not this Pivotal object.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_unlinked(&self, entity: EntityId, object: &PivotalId) -> Result<bool, StoreError> {
        let object = object.as_str();
        self.told(async {
            let found = sqlx::query_scalar!(
                r#"SELECT EXISTS (SELECT 1 FROM record r CROSS JOIN decision d
                       ON d.stream = r.stream AND d.external_id = r.external_id
                   WHERE r.entity_id = ? AND d.choice = 'unlink' AND (d.pivotal_id IS NULL OR d.pivotal_id = ?)) AS "found!: i64""#,
                entity.0,
                object
            )
            .fetch_one(self.read())
            .await?;
            Ok(found != 0)
        })
        .await
    }

    /// Lets held operations through as seen: by entity, the fingerprints of what may be done, and the `operations` as listed. They add to what was let through
    /// before, and are forgotten once the entity is written.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn approve(
        &self,
        approvals: &[(EntityId, Approval)],
        operations: &[OperationId],
    ) -> Result<(), StoreError> {
        self.told(async {
            let ids = json(&operations.iter().map(|o| o.0).collect::<Vec<_>>())?;
            let rows: Vec<_> = approvals.iter().map(|(entity, approval)| (entity.0, approval)).collect();
            let rows = json(&rows)?;
            let mut tx = self.begin().await?;
            hasten(&mut tx, &approvals.iter().map(|(entity, _)| entity.0).collect::<Vec<_>>()).await?;
            sqlx::query!(
                "UPDATE entity SET dirty = 1, approved =
                     (SELECT json_group_array(DISTINCT f.value) FROM
                         (SELECT value FROM json_each(COALESCE(entity.approved, '[]'))
                          UNION SELECT k.value FROM json_each(j.value -> 1) k) f)
                 FROM json_each(?) j WHERE entity.id = j.value ->> 0",
                rows
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "UPDATE operation SET approved = 1 WHERE state = 'held' AND id IN (SELECT value FROM json_each(?))",
                ids
            )
            .execute(&mut *tx)
            .await?;
            // Those who lived under a customer that is lost come back with it.
            sqlx::query!(
                "UPDATE entity SET dirty = 1 WHERE parent_id IN
                     (SELECT n.id FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value ->> 0 WHERE n.state = 'lost')",
                rows
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Takes back what was let through and is not done yet, of these entities or of all; answers how many entities that was.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn take_back_approvals(&self, entities: Option<&[EntityId]>) -> Result<u64, StoreError> {
        self.told(async {
            let ids = entities.map(|ids| json(&ids.iter().map(|e| e.0).collect::<Vec<_>>())).transpose()?;
            let mut tx = self.begin().await?;
            let done = sqlx::query!(
                "UPDATE entity SET dirty = 1, approved = NULL
                 WHERE approved IS NOT NULL AND (?1 IS NULL OR id IN (SELECT value FROM json_each(?1)))",
                ids
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "UPDATE operation SET approved = 0
                 WHERE approved = 1 AND (?1 IS NULL OR entity_id IN (SELECT value FROM json_each(?1)))",
                ids
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// Forgets what was let through of these entities: nothing of it is owed any more, and what may be owed later was not seen.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn lapse_approvals(&self, entities: &[EntityId]) -> Result<(), StoreError> {
        if entities.is_empty() {
            return Ok(());
        }
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            sqlx::query!("UPDATE entity SET approved = NULL WHERE id IN (SELECT value FROM json_each(?))", ids)
                .execute(&mut *tx)
                .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Forgets that Pivotal refused these entities' operations: the next run sends them again.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn retry(&self, entities: &[EntityId]) -> Result<(), StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            hasten(&mut tx, &entities.iter().map(|e| e.0).collect::<Vec<_>>()).await?;
            sqlx::query!(
                "UPDATE entity SET dirty = 1, refused = NULL WHERE id IN (SELECT value FROM json_each(?))",
                ids
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }
}

/// Records go back to the entity they spoke of before anything was decided about them, and their mappings with them.
async fn go_back(tx: &mut sqlx::SqliteConnection, rows: &str) -> Result<(), Trouble> {
    let moved = sqlx::query!(
        r#"SELECT r.stream, r.external_id, r.entity_id AS "from: i64", d.was_entity AS "back!: i64" FROM json_each(?) j
           CROSS JOIN decision d ON d.stream = j.value ->> '$.stream' AND d.external_id = j.value ->> '$.id'
           CROSS JOIN record r ON r.stream = d.stream AND r.external_id = d.external_id
           WHERE d.was_entity IS NOT NULL AND r.entity_id IS NOT d.was_entity"#,
        rows
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &moved {
        sqlx::query!(
            "UPDATE record SET entity_id = ? WHERE stream = ? AND external_id = ?",
            row.back,
            row.stream,
            row.external_id
        )
        .execute(&mut *tx)
        .await?;
        let name = || Name { stream: &row.stream, id: &row.external_id };
        repoint(tx, &json(&[name()])?).await?;
        torn::leave(tx, &json(&row.from.map(|from| (from, name())).into_iter().collect::<Vec<_>>())?).await?;
        let key = SourceKey { stream: rows::stream("record", &row.stream)?, id: ExternalId::new(&row.external_id) };
        touch_sharing(tx, &[format!("of:{key}")]).await?;
        mark_dirty(tx, &row.from.into_iter().chain([row.back]).collect::<Vec<_>>()).await?;
    }
    retire(tx, &moved.iter().filter_map(|row| row.from).collect()).await
}

/// Has binding look at records again, at all that share evidence with them, and at their entities.
async fn look_again(tx: &mut sqlx::SqliteConnection, keys: impl Iterator<Item = &SourceKey>) -> Result<(), Trouble> {
    let names: Vec<Name<'_>> = keys.map(|key| Name { stream: key.stream.as_str(), id: key.id.as_str() }).collect();
    let names = json(&names)?;
    sqlx::query!(
        "UPDATE record SET touched = 1 WHERE (stream, external_id) IN
             (SELECT value ->> '$.stream', value ->> '$.id' FROM json_each(?))",
        names
    )
    .execute(&mut *tx)
    .await?;
    let tokens = sqlx::query_scalar!(
        "SELECT DISTINCT e.token FROM json_each(?) j CROSS JOIN evidence e
             ON e.stream = j.value ->> '$.stream' AND e.external_id = j.value ->> '$.id'",
        names
    )
    .fetch_all(&mut *tx)
    .await?;
    touch_sharing(tx, &tokens).await?;
    hasten_records(tx, &names).await?;
    let entities = sqlx::query_scalar!(
        r#"SELECT r.entity_id AS "id!: i64" FROM json_each(?) j CROSS JOIN record r
               ON r.stream = j.value ->> '$.stream' AND r.external_id = j.value ->> '$.id'
           WHERE r.entity_id IS NOT NULL"#,
        names
    )
    .fetch_all(&mut *tx)
    .await?;
    mark_dirty(tx, &entities).await
}
