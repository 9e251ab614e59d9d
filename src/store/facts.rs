//! Facts about this store itself: workspace, rules' fingerprint, when it was filled and walked.

use super::{Store, StoreError};

impl Store {
    /// A fact by name; `None` when it was never set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.told(async {
            Ok(sqlx::query_scalar!("SELECT value FROM fact WHERE name = ?", name).fetch_optional(self.read()).await?)
        })
        .await
    }

    /// Sets a fact, whatever it was.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.told(async {
            let mut tx = self.begin().await?;
            sqlx::query!(
                "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                name,
                value
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Forgets a fact.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_fact(&self, name: &str) -> Result<(), StoreError> {
        self.told(async {
            let mut tx = self.begin().await?;
            sqlx::query!("DELETE FROM fact WHERE name = ?", name).execute(&mut *tx).await?;
            super::commit(tx).await
        })
        .await
    }
}
