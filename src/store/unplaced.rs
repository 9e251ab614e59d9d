//! Accounts that nobody has placed yet.

use super::bind::streams_of;
use super::{Store, StoreError};
use crate::domain::Role;

impl Store {
    /// Whether there are account records that were never placed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_new_accounts(&self) -> Result<bool, StoreError> {
        self.told(async {
            let streams = streams_of(Role::Account)?;
            let found = sqlx::query_scalar!(
                r#"SELECT EXISTS (SELECT 1 FROM record INDEXED BY record_touched
                   WHERE touched = 1 AND stream IN (SELECT value FROM json_each(?)) AND state = 'live'
                     AND entity_id IS NULL) AS "found!: bool""#,
                streams
            )
            .fetch_one(self.read())
            .await?;
            Ok(found)
        })
        .await
    }
}
