//! How much of Pivotal is ours: what guards measure by, and what status counts.

use super::error::Trouble;
use super::{Store, StoreError, rows};
use crate::domain::{EntityId, Kind};

impl Store {
    /// How many live Pivotal objects of each kind are ours. What vanished with its customer is none of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn population(&self) -> Result<[(Kind, u64); 3], StoreError> {
        self.told(self.mapped()).await
    }

    pub(super) async fn mapped(&self) -> Result<[(Kind, u64); 3], Trouble> {
        let found = sqlx::query!(
            r#"SELECT object, count(*) AS "live!: i64" FROM entity e
               WHERE state = 'live' AND NOT (object <> 'customer' AND EXISTS (
                   SELECT 1 FROM mapping m WHERE m.pivotal_id = e.pivotal_parent AND m.state = 'deleted'))
               GROUP BY object"#
        )
        .fetch_all(self.read())
        .await?;
        Ok(Kind::ALL.map(|kind| {
            let live = found.iter().find(|row| row.object == kind.as_str()).map_or(0, |row| row.live);
            (kind, rows::count(live))
        }))
    }

    /// The contacts and onboardings that vanished with a customer that was deleted (pivotal-api.md 10.1, DELETE) and have no
    /// other yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn vanished(&self) -> Result<Vec<EntityId>, StoreError> {
        self.told(async {
            let found = sqlx::query_scalar!(
                "SELECT DISTINCT e.id FROM mapping m CROSS JOIN entity e ON e.pivotal_parent = m.pivotal_id
                 WHERE m.state = 'deleted' AND m.object = 'customer' AND e.state = 'live' AND e.object <> 'customer'"
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().map(EntityId).collect())
        })
        .await
    }
}
