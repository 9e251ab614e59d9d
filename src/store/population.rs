//! How much of Pivotal is ours: what guards measure by, and what status counts.

use super::error::Trouble;
use super::{Store, StoreError, rows};
use crate::domain::Kind;

impl Store {
    /// How many live Pivotal objects of each kind are ours.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn population(&self) -> Result<[(Kind, u64); 3], StoreError> {
        self.told(self.mapped()).await
    }

    pub(super) async fn mapped(&self) -> Result<[(Kind, u64); 3], Trouble> {
        let found =
            sqlx::query!(r#"SELECT object, count(*) AS "live!: i64" FROM entity WHERE state = 'live' GROUP BY object"#)
                .fetch_all(self.read())
                .await?;
        Ok(Kind::ALL.map(|kind| {
            let live = found.iter().find(|row| row.object == kind.as_str()).map_or(0, |row| row.live);
            (kind, rows::count(live))
        }))
    }
}
