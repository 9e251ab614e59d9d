//! What an object is known to hold, where that is less than what was written.

use super::{Store, StoreError, json};
use crate::domain::{EntityId, Fields};

impl Store {
    /// Sets what the mirror of an entity's object says.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_written(&self, entity: EntityId, written: &Fields) -> Result<(), StoreError> {
        self.told(async {
            let written = json(written)?;
            let mut tx = self.begin().await?;
            sqlx::query!("UPDATE entity SET written = ? WHERE id = ?", written, entity.0).execute(&mut *tx).await?;
            super::commit(tx).await
        })
        .await
    }
}
