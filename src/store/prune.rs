//! What is older than `store.retention` goes: attempts, the operations that are through, runs. In small transactions, so that
//! nobody waits for it.
//!
//! Nothing else is touched: what an object says, whose it is and what is still owed is in `entity`, `mapping` and the open
//! operations. The newest attempt and the newest run stay, so that no number is given twice.

use tokio_util::sync::CancellationToken;

use super::error::Trouble;
use super::{Store, StoreError, time};
use crate::domain::Timestamp;

/// Rows removed in one transaction.
const BATCH: i64 = 500;
/// Pages given back in one transaction.
const PAGES: &str = "PRAGMA incremental_vacuum(500)";
/// Free pages that are kept for what comes next: one in so many.
const SLACK: i64 = 10;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Attempts.
    pub attempts: u64,
    /// Operations.
    pub operations: u64,
    /// Runs.
    pub runs: u64,
}

impl Store {
    /// Removes what belongs to runs that ended before a time, until `stop`. Nothing at all, `None`, while the outcome of some
    /// attempt is unknown.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn prune(&self, before: Timestamp, stop: &CancellationToken) -> Result<Option<Pruned>, StoreError> {
        self.told(async {
            let open = sqlx::query_scalar!(
                r#"SELECT EXISTS (SELECT 1 FROM attempt WHERE outcome IN ('pending', 'unknown')) AS "open!: bool""#
            )
            .fetch_one(self.read())
            .await?;
            if open {
                return Ok(None);
            }
            let before = time::text(before);
            self.forget(&before).await?;
            let pruned = Pruned {
                attempts: self.remove_all(Step::Attempts, &before, stop).await?,
                operations: self.remove_all(Step::Operations, &before, stop).await?,
                runs: self.remove_all(Step::Runs, &before, stop).await?,
            };
            if pruned.attempts + pruned.runs > 0 {
                self.give_back(stop).await?;
            }
            Ok(Some(pruned))
        })
        .await
    }

    /// Notes of runs that what they did is no longer known as a whole, before any of it goes.
    async fn forget(&self, before: &str) -> Result<(), Trouble> {
        let mut tx = self.begin().await?;
        sqlx::query!("UPDATE run SET forgotten = 1 WHERE finished_at < ? AND forgotten = 0", before)
            .execute(&mut *tx)
            .await?;
        super::commit(tx).await
    }

    async fn remove_all(&self, step: Step, before: &str, stop: &CancellationToken) -> Result<u64, Trouble> {
        let mut all = 0;
        while !stop.is_cancelled() {
            let removed = self.remove(step, before).await?;
            all += removed;
            if removed == 0 {
                break;
            }
        }
        Ok(all)
    }

    async fn remove(&self, step: Step, before: &str) -> Result<u64, Trouble> {
        let mut tx = self.begin().await?;
        let done = match step {
            Step::Attempts => {
                sqlx::query!(
                    "DELETE FROM attempt WHERE id IN (
                         SELECT a.id FROM run r CROSS JOIN attempt a ON a.run_id = r.id
                         CROSS JOIN operation o ON o.id = a.operation_id
                         WHERE r.finished_at < ?1 AND o.state IN ('done', 'superseded')
                           AND a.outcome NOT IN ('pending', 'unknown') AND a.id < (SELECT max(id) FROM attempt)
                         LIMIT ?2)",
                    before,
                    BATCH
                )
                .execute(&mut *tx)
                .await?
            }
            Step::Operations => {
                sqlx::query!(
                    "DELETE FROM operation WHERE id IN (
                         SELECT o.id FROM run r CROSS JOIN operation o ON o.run_id = r.id
                         WHERE r.finished_at < ?1 AND o.state IN ('done', 'superseded')
                           AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.operation_id = o.id)
                         LIMIT ?2)",
                    before,
                    BATCH
                )
                .execute(&mut *tx)
                .await?
            }
            Step::Runs => {
                sqlx::query!(
                    "DELETE FROM run WHERE id IN (
                         SELECT r.id FROM run r
                         WHERE r.finished_at < ?1 AND r.id < (SELECT max(id) FROM run)
                           AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.run_id = r.id)
                           AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.run_id = r.id)
                         LIMIT ?2)",
                    before,
                    BATCH
                )
                .execute(&mut *tx)
                .await?
            }
        };
        super::commit(tx).await?;
        Ok(done.rows_affected())
    }

    /// Gives free pages back to the file system, but for some.
    async fn give_back(&self, stop: &CancellationToken) -> Result<(), Trouble> {
        let pool = self.inner.write.as_ref().ok_or(Trouble::OpenedForReading)?;
        loop {
            let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(pool).await?;
            let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(pool).await?;
            if free <= pages / SLACK || stop.is_cancelled() {
                return Ok(());
            }
            sqlx::query(PAGES).execute(pool).await?;
            let left: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(pool).await?;
            // A file that was made without it keeps its free pages, and fills them again.
            if left >= free {
                return Ok(());
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Attempts,
    Operations,
    Runs,
}
