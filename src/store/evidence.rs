//! Evidence told anew, when another configuration makes other tokens of the same records.

use crate::domain::{Role, SourceKey, Stream};

use super::rows::RawPlaced;
use super::{KnownRow, Placed, Store, StoreError, json};

impl Store {
    /// Account records that are there, in key order, after `after`; at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn accounts(&self, after: Option<&SourceKey>, most: u32) -> Result<Vec<Placed<KnownRow>>, StoreError> {
        self.told(async {
            let streams: Vec<&str> =
                Stream::ALL.into_iter().filter(|s| s.role() == Role::Account).map(Stream::as_str).collect();
            let (streams, stream) = (json(&streams)?, after.map_or("", |key| key.stream.as_str()));
            let id = after.map_or("", |key| key.id.as_str());
            let found = sqlx::query_as!(
                RawPlaced,
                r#"SELECT r.stream, r.external_id, r.entity_id, r.state, r.merged_into, r.facts, r.properties, r.problem,
                          r.unreadable, r.changed_at, r.gone_at, NULL AS "chosen: String", NULL AS "object: String",
                          (SELECT json_group_array(e.token) FROM evidence e
                           WHERE e.stream = r.stream AND e.external_id = r.external_id) AS "tokens!: String"
                   FROM record r
                   WHERE (r.stream, r.external_id) > (?1, ?2) AND r.stream IN (SELECT value FROM json_each(?3))
                     AND r.state = 'live'
                   ORDER BY r.stream, r.external_id LIMIT ?4"#,
                stream,
                id,
                streams,
                most
            )
            .fetch_all(self.read())
            .await?;
            found.into_iter().map(RawPlaced::placed).collect()
        })
        .await
    }

    /// Puts these tokens in the place of what stood for these records, which binding is to look at.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tell_evidence(&self, told: &[(SourceKey, Vec<String>)]) -> Result<(), StoreError> {
        self.told(async {
            let of = |key: &SourceKey| (key.stream.as_str(), key.id.as_str().to_owned());
            let records = json(&told.iter().map(|(key, _)| of(key)).collect::<Vec<_>>())?;
            let all = told.iter().flat_map(|(key, tokens)| tokens.iter().map(move |token| (token, of(key))));
            let tokens = json(&all.map(|(token, (stream, id))| (token, stream, id)).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            sqlx::query!(
                "DELETE FROM evidence
                 WHERE (stream, external_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
                records
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "INSERT OR IGNORE INTO evidence (token, stream, external_id)
                 SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
                tokens
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "UPDATE record SET touched = 1
                 WHERE (stream, external_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
                records
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }
}
