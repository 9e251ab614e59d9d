//! What a person or a webhook says has changed, and whose operations go before all others because of it.

use std::collections::BTreeSet;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::error::Trouble;
use super::{Store, StoreError, json, rows, time};
use crate::domain::{EntityId, ExternalId, SourceKey, Timestamp};

/// One record that somebody says has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nudge {
    /// Its number: a newer nudge of the same record has a higher one.
    pub id: i64,
    /// The record.
    pub key: SourceKey,
    /// Who says so: `webhook`, `command`, `person`.
    pub asked_by: String,
    /// Since when it waits.
    pub at: Timestamp,
    /// Whether it need not be read at its source (any more).
    pub known: bool,
}

#[derive(Serialize)]
struct Named<'a> {
    stream: &'a str,
    id: &'a str,
}

impl Store {
    /// Remembers that records have changed: the next run, or the one under way, reads them by id and writes what follows from
    /// them first. A record need not be known yet. A newer nudge of a record takes the place of an older one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn nudge(&self, keys: &[SourceKey], asked_by: &str, now: Timestamp) -> Result<(), StoreError> {
        self.told(async {
            let named = keys.iter().map(|key| Named { stream: key.stream.as_str(), id: key.id.as_str() });
            let (named, now) = (json(&named.collect::<Vec<_>>())?, time::text(now));
            let mut tx = self.begin().await?;
            sqlx::query!(
                "INSERT OR REPLACE INTO nudge (stream, external_id, asked_by, at)
                 SELECT value ->> '$.stream', value ->> '$.id', ?2, ?3 FROM json_each(?1)",
                named,
                asked_by,
                now
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await?;
        self.inner.nudged.notify_one();
        Ok(())
    }

    /// Returns once a nudge was left through this store or a clone of it; those of other processes have to be looked for.
    pub async fn nudged(&self) {
        self.inner.nudged.notified().await;
    }

    /// The nudges that wait, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn nudges(&self) -> Result<Vec<Nudge>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT id AS "id!", stream, external_id, asked_by, at, known AS "known: bool" FROM nudge ORDER BY id"#
            )
            .fetch_all(self.read())
            .await?;
            let nudges = found.into_iter().map(|row| {
                Ok(Nudge {
                    id: row.id,
                    key: SourceKey {
                        stream: rows::stream("nudge", &row.stream)?,
                        id: ExternalId::new(row.external_id),
                    },
                    asked_by: row.asked_by,
                    at: time::instant("nudge", &row.at)?,
                    known: row.known,
                })
            });
            nudges.collect()
        })
        .await
    }

    /// The number of the newest nudge there ever was; 0 before the first. It grows with every nudge.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_nudge(&self) -> Result<i64, StoreError> {
        self.told(async {
            let newest = sqlx::query_scalar!(
                r#"SELECT COALESCE(max(seq), 0) AS "newest!: i64" FROM sqlite_sequence WHERE name = 'nudge'"#
            )
            .fetch_one(self.read())
            .await?;
            Ok(newest)
        })
        .await
    }

    /// These nudges' records were read (or never can be). A newer nudge of the same record still waits.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn nudges_read(&self, ids: &[i64]) -> Result<(), StoreError> {
        self.told(async {
            let ids = json(ids)?;
            let mut tx = self.begin().await?;
            sqlx::query!("UPDATE nudge SET known = 1 WHERE id IN (SELECT value FROM json_each(?))", ids)
                .execute(&mut *tx)
                .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Forgets nudges and makes the entities that their records speak of urgent, as far as something may be owed to them.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn heed(&self, ids: &[i64], entities: &[EntityId]) -> Result<(), StoreError> {
        self.told(async {
            let (ids, entities) = (json(ids)?, json(&entities.iter().map(|e| e.0).collect::<Vec<_>>())?);
            let mut tx = self.begin().await?;
            sqlx::query!("DELETE FROM nudge WHERE id IN (SELECT value FROM json_each(?))", ids)
                .execute(&mut *tx)
                .await?;
            sqlx::query!(
                "UPDATE entity SET urgent = 1
                 WHERE (dirty = 1 OR settled = 0) AND id IN (SELECT value FROM json_each(?))",
                entities
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// The entities whose operations go before all others.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn urgent(&self) -> Result<BTreeSet<EntityId>, StoreError> {
        self.told(async {
            let found = sqlx::query_scalar!(r#"SELECT id AS "id!" FROM entity WHERE urgent = 1"#)
                .fetch_all(self.read())
                .await?;
            Ok(found.into_iter().map(EntityId).collect())
        })
        .await
    }
}

/// A person decided about these entities: the run under way notices, and their operations go first. Their records need not be
/// read for that; an older nudge that still has to be read stays as it is.
pub(super) async fn hasten(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    let (ids, now) = (json(entities)?, time::text(chrono::Utc::now()));
    sqlx::query!(
        "INSERT INTO nudge (stream, external_id, asked_by, at, known)
         SELECT r.stream, r.external_id, 'person', ?2, 1
         FROM json_each(?1) j CROSS JOIN record r ON r.entity_id = j.value WHERE true
         ON CONFLICT (stream, external_id) DO NOTHING",
        ids,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The same of records, by name; of those that are known. `names` is a JSON list of `{stream, id}`.
pub(super) async fn hasten_records(tx: &mut SqliteConnection, names: &str) -> Result<(), Trouble> {
    let now = time::text(chrono::Utc::now());
    sqlx::query!(
        "INSERT INTO nudge (stream, external_id, asked_by, at, known)
         SELECT r.stream, r.external_id, 'person', ?2, 1
         FROM json_each(?1) j CROSS JOIN record r
             ON r.stream = j.value ->> '$.stream' AND r.external_id = j.value ->> '$.id' WHERE true
         ON CONFLICT (stream, external_id) DO NOTHING",
        names,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// These entities' operations are in no hurry any more.
pub(super) async fn calm_down(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    if !entities.is_empty() {
        let ids = json(entities)?;
        sqlx::query!("UPDATE entity SET urgent = 0 WHERE urgent = 1 AND id IN (SELECT value FROM json_each(?))", ids)
            .execute(tx)
            .await?;
    }
    Ok(())
}
