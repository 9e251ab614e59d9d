//! Accounts that others were merged into, and the customer each has: what a rebuild must not make twice.

use super::bind::streams_of;
use super::rows::{self, stream};
use super::{Store, StoreError};
use crate::domain::{EntityId, PivotalId, Role, SourceKey};

/// An account record that lives on for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurvivingRow {
    /// The record.
    pub key: SourceKey,
    /// The account it is bound to.
    pub account: EntityId,
    /// The customer that a person linked it to, else the one that its account has in Pivotal.
    pub object: Option<PivotalId>,
    /// The records that were merged into it.
    pub merged: Vec<SourceKey>,
}

impl Store {
    /// Every account record at its source that others were merged into and that is bound, in key order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn surviving(&self) -> Result<Vec<SurvivingRow>, StoreError> {
        self.told(async {
            let streams = streams_of(Role::Account)?;
            let found = sqlx::query!(
                r#"SELECT r.stream, r.external_id, n.id AS "account!", r.facts ->> '$.merged' AS "merged!: String",
                          COALESCE((SELECT d.pivotal_id FROM decision d WHERE d.choice = 'link' AND d.stream = r.stream
                                    AND d.external_id = r.external_id),
                                   CASE n.state WHEN 'live' THEN n.pivotal_id END) AS "object: String"
                   FROM record r INDEXED BY record_survivor CROSS JOIN entity n ON n.id = r.entity_id
                   WHERE r.facts ->> '$.merged[0]' IS NOT NULL AND r.state = 'live'
                     AND r.stream IN (SELECT value FROM json_each(?))
                   ORDER BY r.stream, r.external_id"#,
                streams
            )
            .fetch_all(self.read())
            .await?;
            let surviving = found.into_iter().map(|row| {
                let key = SourceKey::new(stream("record", &row.stream)?, row.external_id);
                let mut merged: Vec<SourceKey> = rows::parse("record", &row.merged)?;
                // A survivor may list itself (hubspot-api.md trap 11).
                merged.retain(|old| *old != key);
                let object = row.object.map(PivotalId::new);
                Ok(SurvivingRow { key, account: EntityId(row.account), object, merged })
            });
            surviving.collect()
        })
        .await
    }
}
