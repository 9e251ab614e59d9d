//! What a run did, and what is taken back of it.

use std::collections::HashMap;

use super::error::Trouble;
use super::{Store, StoreError, json, rows};
use crate::domain::{Changes, EntityId, Kind, Operation, PivotalId, RunId, RunKind, Undone, Verb};

/// Something a run did to an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneRow {
    /// The entity.
    pub entity: EntityId,
    /// What.
    pub verb: Verb,
    /// Before and after.
    pub changes: Changes,
    /// The record that named it.
    pub subject: String,
    /// What people called it.
    pub name: String,
    /// The object.
    pub pivotal_id: Option<PivotalId>,
}

impl Store {
    /// Why a run was made, and whether what it did was removed since, as a whole or in part; `None` for one that is not here,
    /// or no longer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn run_named(&self, run: RunId) -> Result<Option<(RunKind, bool)>, StoreError> {
        self.told(async {
            let found = sqlx::query!(r#"SELECT kind, forgotten AS "forgotten: bool" FROM run WHERE id = ?"#, run.0)
                .fetch_optional(self.read())
                .await?;
            found.map(|row| Ok((rows::word("run", &row.kind)?, row.forgotten))).transpose()
        })
        .await
    }

    /// What a run did, in the order in which it did it. What was done without a request was taken over as it was.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn done_by(&self, run: RunId) -> Result<Vec<DoneRow>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT o.entity_id, o.ref AS subject, o.name, o.pivotal_id AS planned_id,
                          a.intent AS "intent?", a.pivotal_id
                   FROM operation o LEFT JOIN attempt a ON a.operation_id = o.id AND a.outcome = 'done'
                   WHERE o.run_id = ? AND o.state = 'done' ORDER BY o.id, a.id"#,
                run.0
            )
            .fetch_all(self.read())
            .await?;
            let told = found.into_iter().map(|row| {
                let sent = row.intent.as_deref().map(|text| rows::parse::<Operation>("attempt", text)).transpose()?;
                let (verb, changes) = match sent {
                    Some(sent) => (sent.verb(), sent.changes()),
                    None => (Verb::Adopt, Changes::default()),
                };
                Ok(DoneRow {
                    entity: EntityId(row.entity_id),
                    verb,
                    changes,
                    subject: row.subject,
                    name: row.name,
                    pivotal_id: row.pivotal_id.or(row.planned_id).map(PivotalId::new),
                })
            });
            told.collect()
        })
        .await
    }

    /// Of these entities, the newest run after this one that did something to each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn done_after(&self, run: RunId, entities: &[EntityId]) -> Result<HashMap<EntityId, RunId>, StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT o.entity_id AS "entity!", max(o.run_id) AS "run!: i64" FROM json_each(?1) j
                   CROSS JOIN operation o ON o.entity_id = j.value
                   WHERE o.state = 'done' AND o.run_id > ?2 GROUP BY o.entity_id"#,
                ids,
                run.0
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().map(|row| (EntityId(row.entity), RunId(row.run))).collect())
        })
        .await
    }

    /// The live contacts and onboardings under these entities: the child, its kind, its account and its object.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn live_children(
        &self,
        entities: &[EntityId],
    ) -> Result<Vec<(EntityId, Kind, EntityId, PivotalId)>, StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT n.id AS "id!", n.object, n.parent_id AS "parent!", n.pivotal_id AS "pivotal_id!"
                   FROM json_each(?) j CROSS JOIN entity n ON n.parent_id = j.value
                   WHERE n.state = 'live' AND n.pivotal_id IS NOT NULL"#,
                ids
            )
            .fetch_all(self.read())
            .await?;
            let children = found.into_iter().map(|row| {
                let kind = rows::kind("entity", &row.object)?;
                Ok((EntityId(row.id), kind, EntityId(row.parent), PivotalId::new(row.pivotal_id)))
            });
            children.collect()
        })
        .await
    }

    /// Notes what is taken back of entities, before it is; the next plan looks at them. `None` lifts what was noted.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn mark_undone(&self, marks: &[(EntityId, Option<Undone>)]) -> Result<(), StoreError> {
        self.told(async {
            let rows: Vec<(i64, Option<String>)> = marks
                .iter()
                .map(|(entity, undone)| Ok((entity.0, undone.as_ref().map(json).transpose()?)))
                .collect::<Result<_, Trouble>>()?;
            let rows = json(&rows)?;
            let mut tx = self.begin().await?;
            sqlx::query!(
                "UPDATE entity SET undone = j.value ->> 1, dirty = 1 FROM json_each(?) j WHERE entity.id = j.value ->> 0",
                rows
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Lets go of the objects of entities, but for those that a run planned something for and did not do it. The objects stay
    /// in Pivotal. Answers how many were let go.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn release(&self, run: RunId, entities: &[EntityId]) -> Result<u64, StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            let ids = sqlx::query_scalar!(
                r#"SELECT json_group_array(j.value) AS "ids!: String" FROM json_each(?1) j
                   WHERE NOT EXISTS (SELECT 1 FROM operation o
                                     WHERE o.entity_id = j.value AND o.run_id = ?2 AND o.state <> 'done')"#,
                ids,
                run.0
            )
            .fetch_one(&mut *tx)
            .await?;
            sqlx::query!("DELETE FROM mapping WHERE entity_id IN (SELECT value FROM json_each(?))", ids)
                .execute(&mut *tx)
                .await?;
            sqlx::query!("DELETE FROM finding WHERE entity_id IN (SELECT value FROM json_each(?))", ids)
                .execute(&mut *tx)
                .await?;
            let done = sqlx::query!(
                "UPDATE entity SET state = NULL, pivotal_id = NULL, display_id = NULL, pivotal_parent = NULL, origin = NULL,
                     written = NULL, found = NULL, kept = NULL, written_at = NULL, refused = NULL, approved = NULL,
                     dirty = 1
                 WHERE id IN (SELECT value FROM json_each(?))",
                ids
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await?;
            Ok(done.rows_affected())
        })
        .await
    }
}
