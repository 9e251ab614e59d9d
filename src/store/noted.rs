//! What a person should know of what is otherwise in order, and which names that records use stand for nothing.

use std::collections::HashSet;

use serde::Serialize;

use super::rows::{count, stream};
use super::{Store, StoreError, json};
use crate::domain::SourceKey;

#[derive(Serialize)]
struct Asked {
    token: String,
    stream: &'static str,
    id: String,
}

impl Store {
    /// What the last looks found to be told of entities, each with the record it is about; the first `most`, and how many
    /// there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn notes(&self, most: u32) -> Result<(Vec<String>, u64), StoreError> {
        self.told(async {
            let told = sqlx::query_scalar!(
                r#"SELECT j.value || '' AS "note!: String" FROM entity n INDEXED BY entity_noted CROSS JOIN json_each(n.notes) j
                   WHERE n.notes IS NOT NULL ORDER BY n.id, j.key LIMIT ?"#,
                most
            )
            .fetch_all(self.read())
            .await?;
            let all = sqlx::query_scalar!(
                r#"SELECT COALESCE(sum(json_array_length(notes)), 0) AS "all!: i64" FROM entity INDEXED BY entity_noted
                   WHERE notes IS NOT NULL"#
            )
            .fetch_one(self.read())
            .await?;
            Ok((told, count(all)))
        })
        .await
    }

    /// Those of these names, each with the token of the record itself, that no live record of a stream which was read in full
    /// bears, or took over by a merge.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn shown_by_nobody(&self, names: &[(SourceKey, String)]) -> Result<HashSet<SourceKey>, StoreError> {
        self.told(async {
            let asked = names.iter().map(|(key, token)| Asked {
                token: token.clone(),
                stream: key.stream.as_str(),
                id: key.id.to_string(),
            });
            let asked = json(&asked.collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT j.value ->> '$.stream' AS "stream!: String", j.value ->> '$.id' AS "id!: String"
                   FROM json_each(?) j
                   WHERE EXISTS (SELECT 1 FROM cursor s
                                 WHERE s.stream = j.value ->> '$.stream' AND s.complete_at IS NOT NULL)
                     AND NOT EXISTS (SELECT 1 FROM evidence e
                                     CROSS JOIN record r ON r.stream = e.stream AND r.external_id = e.external_id
                                     WHERE e.token = j.value ->> '$.token' AND e.stream = j.value ->> '$.stream'
                                       AND r.state = 'live')"#,
                asked
            )
            .fetch_all(self.read())
            .await?;
            found.into_iter().map(|row| Ok(SourceKey::new(stream("record", &row.stream)?, row.id))).collect()
        })
        .await
    }
}
