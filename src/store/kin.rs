//! Accounts that others were merged into, or that a person decided about, and the customer each has: beside it there may be
//! others that carry an id of theirs, which a rebuild must not take for nobody's.

use super::bind::streams_of;
use super::rows::{self, stream};
use super::{Store, StoreError};
use crate::domain::{EntityId, PivotalId, Role, SourceKey};

/// A record of such an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KinRow {
    /// The record.
    pub key: SourceKey,
    /// The account it is bound to.
    pub account: EntityId,
    /// The customer that a person linked one of the account's records to, the last of several; else the one it has in Pivotal.
    pub object: Option<PivotalId>,
    /// The records that were merged into it.
    pub merged: Vec<SourceKey>,
}

impl Store {
    /// Every account record at its source of such an account, in key order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn kin(&self) -> Result<Vec<KinRow>, StoreError> {
        self.told(async {
            let streams = streams_of(Role::Account)?;
            let found = sqlx::query!(
                r#"SELECT r.stream, r.external_id, n.id AS "account!", r.facts ->> '$.merged' AS "merged: String",
                          COALESCE((SELECT d.pivotal_id FROM record q
                                    CROSS JOIN decision d ON d.stream = q.stream AND d.external_id = q.external_id
                                    WHERE q.entity_id = n.id AND d.choice = 'link'
                                    ORDER BY d.decided_at DESC, d.pivotal_id DESC LIMIT 1),
                                   CASE n.state WHEN 'live' THEN n.pivotal_id END) AS "object: String"
                   FROM (SELECT entity_id FROM record INDEXED BY record_survivor WHERE facts ->> '$.merged[0]' IS NOT NULL
                         UNION
                         SELECT q.entity_id FROM decision d
                         CROSS JOIN record q ON q.stream = d.stream AND q.external_id = d.external_id) kin
                   CROSS JOIN entity n ON n.id = kin.entity_id
                   CROSS JOIN record r ON r.entity_id = n.id
                   WHERE r.state = 'live' AND r.stream IN (SELECT value FROM json_each(?))
                   ORDER BY r.stream, r.external_id"#,
                streams
            )
            .fetch_all(self.read())
            .await?;
            let kin = found.into_iter().map(|row| {
                let key = SourceKey::new(stream("record", &row.stream)?, row.external_id);
                let merged: Option<Vec<SourceKey>> =
                    row.merged.as_deref().map(|text| rows::parse("record", text)).transpose()?;
                // A survivor may list itself (hubspot-api.md trap 11).
                let merged = merged.unwrap_or_default().into_iter().filter(|old| *old != key).collect();
                Ok(KinRow { key, account: EntityId(row.account), object: row.object.map(PivotalId::new), merged })
            });
            kin.collect()
        })
        .await
    }
}
