//! What is too old to be told any more is removed at the end of a run, at most once a day.

use chrono::TimeDelta;

use crate::domain::Timestamp;
use crate::store::StoreError;

use super::{Engine, read_time};

/// When the store was last pruned.
const PRUNED: &str = "pruned_at";

impl Engine {
    /// Never fails a run that did its work: what was not removed today is removed tomorrow.
    pub(super) async fn retain(&self, now: Timestamp) {
        if let Err(error) = self.prune(now).await {
            tracing::warn!(%error, "what is older than store.retention was not removed; the next run tries again: {error}");
        }
    }

    async fn prune(&self, now: Timestamp) -> Result<(), StoreError> {
        let last = read_time(self.store.fact(PRUNED).await?);
        // A clock that was set back must not keep it from ever happening again.
        let lately = |last: Timestamp| (now - last).abs() < TimeDelta::days(1);
        let before = now.checked_sub_signed(self.retention.delta());
        let Some(before) = before.filter(|_| !last.is_some_and(lately) && !self.stop.is_cancelled()) else {
            return Ok(());
        };
        // What is open now, and what it was tried with, is settled first.
        let Some(pruned) = self.store.prune(before, &self.stop).await? else { return Ok(()) };
        if pruned.runs + pruned.attempts > 0 {
            let (runs, attempts) = (pruned.runs, pruned.attempts);
            tracing::info!(runs, attempts, "removed what is older than store.retention");
        }
        if !self.stop.is_cancelled() {
            self.store.set_fact(PRUNED, &now.to_rfc3339()).await?;
        }
        Ok(())
    }
}
