//! Records that are with one customer while their evidence names another, and customers whose records went to another.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::bind::streams_of;
use super::error::Trouble;
use super::rows::{LeaverRow, RawPlaced, SurvivorRow, stream};
use super::{KnownRow, Placed, Store, StoreError, json};
use crate::domain::{EntityId, PivotalId, Role, SourceKey};

/// A record that stays with its customer though it looks like one account with another by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornRow {
    /// The record.
    pub key: SourceKey,
    /// Both, and every way out, in words.
    pub why: String,
    /// The entity it stays with.
    pub entity: EntityId,
    /// What people call that.
    pub name: String,
    /// Its customer in Pivotal; nothing before that was taken over.
    pub pivotal_id: Option<PivotalId>,
}

impl Store {
    /// The account records of these entities, live or gone, in key order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn accounts_of(&self, entities: &[EntityId]) -> Result<Vec<Placed<KnownRow>>, StoreError> {
        self.told(async {
            let entities = json(&entities.iter().map(|entity| entity.0).collect::<Vec<_>>())?;
            let streams = streams_of(Role::Account)?;
            let found = sqlx::query_as!(
                RawPlaced,
                r#"SELECT r.stream, r.external_id, r.entity_id, r.state, r.merged_into, r.facts, r.properties, r.problem,
                          r.unreadable, r.changed_at, r.gone_at,
                          (SELECT json_object('choice', d.choice, 'pivotal_id', d.pivotal_id, 'decided_at', d.decided_at)
                           FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id) AS "chosen: String",
                          (SELECT n.pivotal_id FROM entity n WHERE n.id = r.entity_id) AS "object: String",
                          (SELECT json_group_array(e.token) FROM evidence e
                           WHERE e.stream = r.stream AND e.external_id = r.external_id) AS "tokens!: String"
                   FROM json_each(?1) j CROSS JOIN record r ON r.entity_id = j.value
                   WHERE r.state <> 'malformed' AND r.stream IN (SELECT value FROM json_each(?2))
                   ORDER BY r.stream, r.external_id"#,
                entities,
                streams
            )
            .fetch_all(self.read())
            .await?;
            found.into_iter().map(RawPlaced::placed).collect()
        })
        .await
    }

    /// Has binding look again at every torn record: what it is torn by may have changed without it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn touch_torn(&self) -> Result<(), StoreError> {
        self.told(async {
            let torn = sqlx::query_scalar!(
                r#"SELECT count(*) AS "torn!: i64" FROM record INDEXED BY record_torn WHERE rift IS NOT NULL"#
            );
            if torn.fetch_one(self.read()).await? == 0 {
                return Ok(());
            }
            let mut tx = self.begin().await?;
            sqlx::query!("UPDATE record SET touched = 1 WHERE rift IS NOT NULL AND touched = 0")
                .execute(&mut *tx)
                .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Every record that stays with a customer while one it looks like one account with has a customer too, or is to have one,
    /// in key order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn torn(&self) -> Result<Vec<TornRow>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT r.stream, r.external_id, r.rift AS "rift!", n.id AS "id!", n.name, n.pivotal_id
                   FROM record r INDEXED BY record_torn CROSS JOIN entity n ON n.id = r.entity_id
                   WHERE r.rift IS NOT NULL AND r.state = 'live' AND (n.pivotal_id IS NULL OR n.state = 'live')
                     AND EXISTS (SELECT 1 FROM json_each(r.rivals) j
                         CROSS JOIN record s ON s.stream = j.value ->> 0 AND s.external_id = j.value ->> 1
                         CROSS JOIN entity m ON m.id = s.entity_id
                         WHERE m.id <> n.id AND (m.state = 'live' OR m.wanted = 'yes'))
                   ORDER BY r.stream, r.external_id"#
            )
            .fetch_all(self.read())
            .await?;
            let torn = found.into_iter().map(|row| {
                Ok(TornRow {
                    key: SourceKey::new(stream("record", &row.stream)?, row.external_id),
                    why: row.rift,
                    entity: EntityId(row.id),
                    name: row.name,
                    pivotal_id: row.pivotal_id.map(PivotalId::new),
                })
            });
            torn.collect()
        })
        .await
    }

    /// What is torn of an entity's records, and between it and another, in words.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn torn_about(&self, entity: EntityId) -> Result<Vec<String>, StoreError> {
        self.told(async {
            Ok(sqlx::query_scalar!(
                r#"SELECT r.rift AS "rift!" FROM record r WHERE r.entity_id = ?1 AND r.rift IS NOT NULL
                   UNION SELECT r.rift FROM record r INDEXED BY record_torn CROSS JOIN json_each(r.rivals) j
                       CROSS JOIN record s ON s.stream = j.value ->> 0 AND s.external_id = j.value ->> 1
                   WHERE r.rift IS NOT NULL AND s.entity_id = ?1 ORDER BY 1"#,
                entity.0
            )
            .fetch_all(self.read())
            .await?)
        })
        .await
    }

    /// By customer, of those with an object and without a record: the record that left it, and where that is now.
    pub(super) async fn leavers(&self, entities: &str) -> Result<HashMap<i64, LeaverRow>, Trouble> {
        let found = sqlx::query!(
            r#"SELECT n.id AS "id!", r.stream, r.external_id, m.pivotal_id AS "pivotal_id?", m.display_id,
                      EXISTS (SELECT 1 FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id
                              AND d.choice = 'unlink' AND d.pivotal_id = n.pivotal_id) AS "unlinked!: bool",
                      r.state = 'merged' AS "merged!: bool"
               FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value
               CROSS JOIN record r ON r.stream = n.left_stream AND r.external_id = n.left_id
               LEFT JOIN entity m ON m.id = r.entity_id AND m.state = 'live' AND m.pivotal_id IS NOT NULL
               WHERE n.state = 'live' AND r.entity_id IS NOT n.id
                 AND NOT EXISTS (SELECT 1 FROM record o WHERE o.entity_id = n.id)"#,
            entities
        )
        .fetch_all(self.read())
        .await?;
        let leavers = found.into_iter().map(|row| {
            let key = SourceKey::new(stream("record", &row.stream)?, row.external_id);
            let now = row.pivotal_id.map(|id| SurvivorRow {
                key: key.clone(),
                pivotal_id: PivotalId::new(id),
                display_id: row.display_id,
            });
            Ok((row.id, LeaverRow { key, unlinked: row.unlinked, merged: row.merged, now }))
        });
        leavers.collect()
    }
}

/// Customers keep in mind which account record went last and left their object to nobody: entity, and the record's name. What
/// the record pays by may still be on its way after it.
pub(super) async fn leave(tx: &mut SqliteConnection, left: &str) -> Result<(), Trouble> {
    let streams = streams_of(Role::Account)?;
    sqlx::query!(
        "UPDATE entity SET left_stream = j.value ->> '$[1].stream', left_id = j.value ->> '$[1].id', dirty = 1
         FROM json_each(?1) j
         WHERE entity.id = j.value ->> 0 AND entity.object = 'customer' AND entity.pivotal_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM record r
                           WHERE r.entity_id = entity.id AND r.stream IN (SELECT value FROM json_each(?2)))",
        left,
        streams
    )
    .execute(tx)
    .await?;
    Ok(())
}
