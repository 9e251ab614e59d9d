//! Pages of records, stored with their cursor in one transaction.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::bind::touch_sharing;
use super::error::Trouble;
use super::page::{Before, Effects};
use super::{PageEffect, PageRow, PageToSave, Store, StoreError, StreamState, json, rows, time};
use crate::domain::{Cursor, ExternalId, Stream, Timestamp};

impl Store {
    /// Where a stream's pull stands; `None` before its first page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn stream_state(&self, stream: Stream) -> Result<Option<StreamState>, StoreError> {
        let name = stream.as_str();
        self.told(async {
            let row = sqlx::query!(
                "SELECT position, keeps, listing, complete_at, pulled_at FROM cursor WHERE stream = ?",
                name
            )
            .fetch_optional(self.read())
            .await?;
            row.map(|row| {
                Ok(StreamState {
                    cursor: Cursor(row.position),
                    keeps: row.keeps,
                    listing: row.listing,
                    complete_at: time::maybe("cursor", row.complete_at.as_deref())?,
                    pulled_at: time::instant("cursor", &row.pulled_at)?,
                })
            })
            .transpose()
        })
        .await
    }

    /// The stream counts as never read in full: what is kept of its records is no longer enough.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_complete(&self, stream: Stream) -> Result<(), StoreError> {
        let name = stream.as_str();
        self.told(async {
            let mut tx = self.begin().await?;
            sqlx::query!("UPDATE cursor SET complete_at = NULL WHERE stream = ? AND complete_at IS NOT NULL", name)
                .execute(&mut *tx)
                .await?;
            super::commit(tx).await
        })
        .await
    }

    /// The number for a new complete listing of the stream, above that of every record: one that was cut off before its cursor
    /// was stored has left its number on records all the same.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn begin_listing(&self, stream: Stream) -> Result<i64, StoreError> {
        let name = stream.as_str();
        self.told(async {
            let begun = sqlx::query_scalar!(
                r#"SELECT max(COALESCE((SELECT listings FROM cursor WHERE stream = ?1), 0),
                              COALESCE((SELECT max(listing) FROM record WHERE stream = ?1), 0)) AS "begun!: i64""#,
                name
            )
            .fetch_one(self.read())
            .await?;
            Ok(begun + 1)
        })
        .await
    }

    /// Stores a page and its cursor in one transaction. Rows that do not differ only get their listing's number. A record
    /// that is gone keeps its last facts; one that cannot be read keeps older ones, and never counts as gone.
    ///
    /// # Errors
    /// When the store cannot be written; then nothing of the page is stored.
    pub async fn save_page(&self, page: PageToSave<'_>) -> Result<PageEffect, StoreError> {
        self.told(async {
            let mut tx = self.begin().await?;
            let now = time::text(page.now);
            // A record should stand in a page once; of several, the last counts.
            let mut seen = HashSet::new();
            let mut shown: Vec<&PageRow> = page.rows.iter().rev().filter(|r| seen.insert(r.pulled.key())).collect();
            shown.reverse();
            let before = rows_before(&mut tx, page.stream, &shown).await?;
            let mut effects = Effects::default();
            for row in shown {
                effects.take(row, before.get(row.pulled.key().id.as_str()), &now)?;
            }
            write_rows(&mut tx, &page, &effects, &now).await?;
            write_evidence(&mut tx, page.stream, &effects).await?;
            if !effects.orphaned.is_empty() {
                touch_sharing(&mut tx, &effects.orphaned).await?;
            }
            write_cursor(&mut tx, &page, &now).await?;
            super::commit(tx).await?;
            Ok(effects.counts)
        })
        .await
    }

    /// Live records that an older listing showed last, in id order: the next `most` after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unseen(
        &self,
        stream: Stream,
        listing: i64,
        after: Option<&ExternalId>,
        most: u32,
    ) -> Result<Vec<ExternalId>, StoreError> {
        let (name, after) = (stream.as_str(), after.map_or("", ExternalId::as_str));
        self.told(async {
            let found = sqlx::query_scalar!(
                "SELECT external_id FROM record
                 WHERE stream = ? AND state = 'live' AND external_id > ? AND listing < ? ORDER BY external_id LIMIT ?",
                name,
                after,
                listing,
                most
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().map(ExternalId::new).collect())
        })
        .await
    }

    /// Whether a complete listing has shown any record so far.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn listing_shows(&self, stream: Stream, listing: i64) -> Result<bool, StoreError> {
        let name = stream.as_str();
        self.told(async {
            let shown = sqlx::query_scalar!(
                r#"SELECT EXISTS (SELECT 1 FROM record WHERE stream = ? AND listing = ?) AS "shown!: bool""#,
                name,
                listing
            )
            .fetch_one(self.read())
            .await?;
            Ok(shown)
        })
        .await
    }

    /// Live records whose facts have changed by themselves by then (a discount or a trial ran out), in id order: the next
    /// `most` after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outdated(
        &self,
        stream: Stream,
        by: Timestamp,
        after: Option<&ExternalId>,
        most: u32,
    ) -> Result<Vec<ExternalId>, StoreError> {
        let (name, after) = (stream.as_str(), after.map_or("", ExternalId::as_str));
        // Facts hold whole seconds, without the milliseconds that columns have.
        let by = by.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        self.told(async {
            let found = sqlx::query_scalar!(
                "SELECT external_id FROM record
                 WHERE stream = ? AND facts ->> '$.changes_at' <= ? AND state = 'live' AND external_id > ?
                 ORDER BY external_id LIMIT ?",
                name,
                by,
                after,
                most
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().map(ExternalId::new).collect())
        })
        .await
    }

    /// How many records of a stream are there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn live_count(&self, stream: Stream) -> Result<u64, StoreError> {
        let name = stream.as_str();
        self.told(async {
            let live = sqlx::query_scalar!("SELECT count(*) FROM record WHERE stream = ? AND state = 'live'", name)
                .fetch_one(self.read())
                .await?;
            Ok(rows::count(live))
        })
        .await
    }
}

async fn rows_before(
    tx: &mut SqliteConnection,
    stream: Stream,
    shown: &[&PageRow],
) -> Result<HashMap<String, Before>, Trouble> {
    let ids = json(&shown.iter().map(|row| row.pulled.key().id.as_str()).collect::<Vec<_>>())?;
    let name = stream.as_str();
    let found = sqlx::query!(
        r#"SELECT r.external_id, r.state, r.merged_into, r.facts, r.properties, r.unreadable, r.changed_at, r.gone_at,
                  r.entity_id,
                  (SELECT json_group_array(e.token) FROM evidence e
                   WHERE e.stream = r.stream AND e.external_id = r.external_id) AS "tokens!: String"
           FROM json_each(?1) j CROSS JOIN record r ON r.stream = ?2 AND r.external_id = j.value"#,
        ids,
        name
    )
    .fetch_all(tx)
    .await?;
    let before = found.into_iter().map(|row| {
        let (facts, properties, tokens) = (row.facts, row.properties, row.tokens);
        let (state, merged_into, unreadable) = (row.state, row.merged_into, row.unreadable);
        let (changed_at, gone_at, entity_id) = (row.changed_at, row.gone_at, row.entity_id);
        let before =
            Before { state, merged_into, facts, properties, unreadable, changed_at, gone_at, entity_id, tokens };
        (row.external_id, before)
    });
    Ok(before.collect())
}

async fn write_rows(
    tx: &mut SqliteConnection,
    page: &PageToSave<'_>,
    effects: &Effects<'_>,
    now: &str,
) -> Result<(), Trouble> {
    let (stream, listing) = (page.stream.as_str(), page.listing);
    if !effects.rewritten.is_empty() {
        let written = json(&effects.rewritten)?;
        sqlx::query!(
            "INSERT INTO record (stream, external_id, state, merged_into, facts, properties, unreadable, changed_at,
                                 seen_at, gone_at, listing, touched)
             SELECT ?1, value ->> '$.id', value ->> '$.state', value ->> '$.merged_into', value ->> '$.facts',
                    value ->> '$.properties', value ->> '$.unreadable', value ->> '$.changed_at', ?2,
                    value ->> '$.gone_at', COALESCE(?3, 0), value ->> '$.touched'
             FROM json_each(?4) WHERE true
             ON CONFLICT (stream, external_id) DO UPDATE SET
                 state = excluded.state, merged_into = excluded.merged_into, facts = excluded.facts,
                 properties = excluded.properties, unreadable = excluded.unreadable, changed_at = excluded.changed_at,
                 seen_at = excluded.seen_at, gone_at = excluded.gone_at, listing = COALESCE(?3, listing),
                 touched = excluded.touched",
            stream,
            now,
            listing,
            written
        )
        .execute(&mut *tx)
        .await?;
    }
    if !effects.unreadable.is_empty() {
        let unreadable = json(&effects.unreadable)?;
        sqlx::query!(
            "UPDATE record SET unreadable = j.value ->> 1, listing = COALESCE(?1, listing)
             FROM json_each(?2) j WHERE record.stream = ?3 AND record.external_id = j.value ->> 0",
            listing,
            unreadable,
            stream
        )
        .execute(&mut *tx)
        .await?;
    }
    if listing.is_some() && !effects.same.is_empty() {
        let same = json(&effects.same)?;
        sqlx::query!(
            "UPDATE record SET listing = ?1 WHERE stream = ?2 AND external_id IN (SELECT value FROM json_each(?3))",
            listing,
            stream,
            same
        )
        .execute(&mut *tx)
        .await?;
    }
    if !effects.forgotten.is_empty() {
        let forgotten = json(&effects.forgotten)?;
        sqlx::query!(
            "DELETE FROM record WHERE stream = ?1 AND external_id IN (SELECT value FROM json_each(?2))",
            stream,
            forgotten
        )
        .execute(&mut *tx)
        .await?;
    }
    mark_dirty(tx, &effects.dirty).await
}

/// Entities that the next plan must look at.
pub(super) async fn mark_dirty(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    if !entities.is_empty() {
        let ids = json(entities)?;
        sqlx::query!("UPDATE entity SET dirty = 1 WHERE dirty = 0 AND id IN (SELECT value FROM json_each(?))", ids)
            .execute(tx)
            .await?;
    }
    Ok(())
}

async fn write_evidence(tx: &mut SqliteConnection, stream: Stream, effects: &Effects<'_>) -> Result<(), Trouble> {
    if effects.retold.is_empty() {
        return Ok(());
    }
    let (stream, ids, tokens) = (stream.as_str(), json(&effects.retold)?, json(&effects.tokens)?);
    sqlx::query!(
        "DELETE FROM evidence WHERE (stream, external_id) IN (SELECT ?1, value FROM json_each(?2))",
        stream,
        ids
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT OR IGNORE INTO evidence (token, stream, external_id)
         SELECT value ->> 0, ?1, value ->> 1 FROM json_each(?2)",
        stream,
        tokens
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn write_cursor(tx: &mut SqliteConnection, page: &PageToSave<'_>, now: &str) -> Result<(), Trouble> {
    let (stream, keeps) = (page.stream.as_str(), page.keeps);
    let open = page.listing.filter(|_| !page.ends_listing);
    let complete_at = page.ends_listing.then_some(now);
    if let Some(Cursor(position)) = page.cursor {
        sqlx::query!(
            "INSERT INTO cursor (stream, position, keeps, listing, listings, complete_at, pulled_at)
             VALUES (?1, ?2, ?3, ?4, COALESCE(?5, 0), ?6, ?7)
             ON CONFLICT (stream) DO UPDATE SET
                 position = excluded.position, keeps = excluded.keeps, listing = excluded.listing,
                 listings = max(listings, excluded.listings),
                 complete_at = COALESCE(excluded.complete_at, complete_at), pulled_at = excluded.pulled_at",
            stream,
            position,
            keeps,
            open,
            page.listing,
            complete_at,
            now
        )
        .execute(tx)
        .await?;
    } else if page.ends_listing {
        sqlx::query!("UPDATE cursor SET listing = NULL, complete_at = ?1 WHERE stream = ?2", now, stream)
            .execute(tx)
            .await?;
    }
    Ok(())
}
