//! What a plan found owed.

use std::collections::HashSet;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::error::Trouble;
use super::{OperationId, Store, StoreError, json, rows};
use crate::domain::{Changes, EntityId, Guarded, Hold, Operation, PivotalId, RunId, Standing, Timestamp};

/// Operations stored in one transaction.
const BATCH: usize = 500;

#[derive(Serialize)]
struct Row<'a> {
    id: i64,
    entity: i64,
    object: &'a str,
    verb: &'a str,
    subject: String,
    name: &'a str,
    pivotal_id: Option<&'a str>,
    changes: String,
    reason: &'a str,
    state: &'a str,
    why: Option<&'a str>,
    guarded: Option<i64>,
    choice: bool,
    waits: bool,
}

impl<'a> Row<'a> {
    fn new(id: i64, operation: &'a Operation) -> Result<Self, Trouble> {
        let (state, why) = match &operation.standing {
            Standing::Ready => ("planned", None),
            Standing::Held(why) => ("held", Some(why.as_str())),
            Standing::Quarantined(why) => ("quarantined", Some(why.as_str())),
            Standing::Waiting(why) => ("owed", Some(why.as_str())),
        };
        Ok(Self {
            id,
            entity: operation.entity.0,
            object: operation.kind.as_str(),
            verb: operation.verb().as_str(),
            subject: operation.subject.to_string(),
            name: &operation.name,
            pivotal_id: operation.pivotal_id().map(PivotalId::as_str),
            changes: json::<Changes>(&operation.changes())?,
            reason: &operation.reason,
            state,
            why,
            guarded: if let Some(Hold::Guard(since)) = operation.hold { Some(since.0) } else { None },
            choice: operation.hold == Some(Hold::Choice),
            waits: matches!(operation.standing, Standing::Waiting(_)),
        })
    }
}

impl Store {
    /// Stores what a plan found, in its order, in place of what older plans left open for the same entities. A transaction for
    /// each 500: a crash between two leaves a plan that the next run makes anew.
    ///
    /// # Errors
    /// When the store cannot be written, or an entity or the run is not there.
    pub async fn record_operations(
        &self,
        run: RunId,
        operations: &[Operation],
        _now: Timestamp,
    ) -> Result<Vec<OperationId>, StoreError> {
        self.told(async {
            // Older plans give way first, for all at once: an entity may have operations in two batches.
            let mut entities: Vec<i64> = operations.iter().map(|o| o.entity.0).collect();
            entities.sort_unstable();
            entities.dedup();
            let mut ids = Vec::with_capacity(operations.len());
            let mut batches = operations.chunks(BATCH).peekable();
            let mut tx = self.begin().await?;
            supersede(&mut tx, &entities).await?;
            while let Some(batch) = batches.next() {
                ids.extend(insert(&mut tx, run, batch).await?);
                if batches.peek().is_some() {
                    super::commit(tx).await?;
                    tx = self.begin().await?;
                }
            }
            super::commit(tx).await?;
            Ok(ids)
        })
        .await
    }

    /// Takes the open operations of entities away, and what Pivotal refused of them: they are in step now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn clear_open_operations(&self, entities: &[EntityId]) -> Result<(), StoreError> {
        self.told(async {
            let mut tx = self.begin().await?;
            let ids: Vec<i64> = entities.iter().map(|e| e.0).collect();
            supersede(&mut tx, &ids).await?;
            let ids = json(&ids)?;
            sqlx::query!(
                "UPDATE entity SET refused = NULL
                 WHERE refused IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
                ids
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// What guards held and is not done yet, and what of the same was let through and done by other runs than this.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn guarded(&self, run: RunId) -> Result<Vec<Guarded>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT entity_id, object, verb, changes -> '$.status' ->> '$.to' IS 'archived' AS "archives!: bool",
                          guarded AS "since!: i64", state = 'done' AS "done!: bool"
                   FROM operation
                   WHERE guarded IN (SELECT guarded FROM operation
                                     WHERE guarded IS NOT NULL AND state IN ('planned', 'held', 'quarantined', 'owed'))
                     AND (state IN ('planned', 'held', 'quarantined', 'owed') OR (state = 'done' AND run_id <> ?))"#,
                run.0
            )
            .fetch_all(self.read())
            .await?;
            let guarded = found.into_iter().map(|row| {
                Ok(Guarded {
                    entity: EntityId(row.entity_id),
                    kind: rows::kind("operation", &row.object)?,
                    verb: rows::word("operation", &row.verb)?,
                    archives: row.archives,
                    since: RunId(row.since),
                    done: row.done,
                })
            });
            guarded.collect()
        })
        .await
    }

    /// Those of these entities of which an operation stands held.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn held(&self, entities: &[EntityId]) -> Result<HashSet<EntityId>, StoreError> {
        self.told(async {
            let ids = json(&entities.iter().map(|entity| entity.0).collect::<Vec<_>>())?;
            let held = sqlx::query_scalar!(
                "SELECT o.entity_id FROM json_each(?) j
                 CROSS JOIN operation o ON o.state = 'held' AND o.entity_id = j.value",
                ids
            )
            .fetch_all(self.read())
            .await?;
            Ok(held.into_iter().map(EntityId).collect())
        })
        .await
    }

    /// What this run planned and did not carry out stays listed, as owed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn close_planned(&self, run: RunId, why: &str) -> Result<(), StoreError> {
        self.told(async {
            let mut tx = self.begin().await?;
            sqlx::query!(
                "UPDATE operation SET state = 'owed', why = ? WHERE run_id = ? AND state = 'planned'",
                why,
                run.0
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }
}

/// Ends the open operations of entities. Those that were tried stay in the history as superseded; those that never were are
/// dropped, or a long backfill that plans again at every webhook would fill the disk with plans.
pub(super) async fn supersede(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    if entities.is_empty() {
        return Ok(());
    }
    let entities = json(entities)?;
    sqlx::query!(
        "DELETE FROM operation
         WHERE entity_id IN (SELECT value FROM json_each(?))
           AND state IN ('planned', 'held', 'quarantined', 'owed')
           AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.operation_id = operation.id)",
        entities
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE operation SET state = 'superseded'
         WHERE entity_id IN (SELECT value FROM json_each(?))
           AND state IN ('planned', 'held', 'quarantined', 'owed')",
        entities
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert(tx: &mut SqliteConnection, run: RunId, operations: &[Operation]) -> Result<Vec<OperationId>, Trouble> {
    // Numbers are never used twice (AUTOINCREMENT), so that an old number cannot come to mean another operation.
    let last = sqlx::query_scalar!(
        r#"SELECT COALESCE(max(seq), 0) AS "last!: i64" FROM sqlite_sequence WHERE name = 'operation'"#
    )
    .fetch_one(&mut *tx)
    .await?;
    let rows = (last + 1..).zip(operations).map(|(id, operation)| Row::new(id, operation));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let text = json(&rows)?;
    sqlx::query!(
        "INSERT INTO operation (id, run_id, entity_id, object, verb, ref, name, pivotal_id, changes, reason, state, why, guarded,
                                choice, waits)
         SELECT value ->> '$.id', ?1, value ->> '$.entity', value ->> '$.object', value ->> '$.verb',
                value ->> '$.subject', value ->> '$.name', value ->> '$.pivotal_id', value ->> '$.changes',
                value ->> '$.reason', value ->> '$.state', value ->> '$.why', value ->> '$.guarded',
                value ->> '$.choice', value ->> '$.waits'
         FROM json_each(?2)",
        run.0,
        text
    )
    .execute(tx)
    .await?;
    Ok(rows.iter().map(|row| OperationId(row.id)).collect())
}
