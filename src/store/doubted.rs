//! Records that could be one account with several, and that no rule selects by themselves.

use super::rows::stream;
use super::{Store, StoreError};
use crate::domain::{EntityId, SourceKey};

/// A record that a person must place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtRow {
    /// The record.
    pub key: SourceKey,
    /// Why, with every way out, in words.
    pub why: String,
    /// Its own entity, where it is meanwhile.
    pub entity: EntityId,
    /// What people call that.
    pub name: String,
    /// Whether one of the accounts it could be with is wanted in Pivotal: else nothing hangs on it.
    pub matters: bool,
    /// Whether it stands as held.
    pub held: bool,
}

impl Store {
    /// Every live record that is ambiguous, in key order, if it matters or stands as held.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn doubted(&self) -> Result<Vec<DoubtRow>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT d.stream, d.external_id, d.problem AS "problem!", d.id AS "id!", d.name, d.matters AS "matters!: bool",
                          d.held AS "held!: bool"
                   FROM (SELECT r.stream, r.external_id, r.problem, n.id, n.name,
                                EXISTS (SELECT 1 FROM json_each(r.rivals) j
                                        CROSS JOIN record s ON s.stream = j.value ->> 0 AND s.external_id = j.value ->> 1
                                        CROSS JOIN entity m ON m.id = s.entity_id
                                        WHERE m.id <> n.id AND m.wanted = 'yes') AS matters,
                                EXISTS (SELECT 1 FROM operation o WHERE o.entity_id = n.id AND o.state = 'held') AS held
                         FROM record r INDEXED BY record_doubted CROSS JOIN entity n ON n.id = r.entity_id
                         WHERE r.problem IS NOT NULL AND r.state = 'live') d
                   WHERE d.matters OR d.held ORDER BY d.stream, d.external_id"#
            )
            .fetch_all(self.read())
            .await?;
            let doubted = found.into_iter().map(|row| {
                Ok(DoubtRow {
                    key: SourceKey::new(stream("record", &row.stream)?, row.external_id),
                    why: row.problem,
                    entity: EntityId(row.id),
                    name: row.name,
                    matters: row.matters,
                    held: row.held,
                })
            });
            doubted.collect()
        })
        .await
    }
}
