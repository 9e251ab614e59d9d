//! What others want to know of this process: how far its run is, for who asks meanwhile; what it knows of Pivotal's limit, for
//! the next process, since several commands in a row share one key and one window.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{Doing, Progress, Timestamp};
use crate::ports::PaceMemory;

use super::{Engine, EngineError, Run};

/// The fact it is kept under.
const PACE: &str = "pivotal_pace";

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    at: Timestamp,
    limit: u32,
    /// Milliseconds before `at`.
    ages: Vec<u64>,
}

impl Engine {
    /// Stores how far the run is. Between `now` ones a while passes.
    pub(super) async fn tell_progress(&self, doing: Doing, now: bool, run: &mut Run) -> Result<(), EngineError> {
        if !run.is_time_to_tell() && !now {
            return Ok(());
        }
        let operations = run.report.progress.map_or(0, |progress| progress.operations);
        let per_minute = self.target.rate_per_minute();
        let progress = Progress { doing, tried: run.tried, operations, per_minute, at: Utc::now() };
        run.report.progress = Some(progress);
        Ok(self.store.run_goes_on(&run.report).await?)
    }

    /// The same as writing begins: of this plan's operations, and of what this run has carried out before it.
    pub(super) async fn begin_to_write(&self, operations: u64, run: &mut Run) -> Result<(), EngineError> {
        self.tell_progress(Doing::Writing, false, run).await?;
        let operations = run.tried + operations;
        if let Some(progress) = &mut run.report.progress {
            (progress.doing, progress.tried, progress.operations) = (Doing::Writing, run.tried, operations);
        }
        Ok(self.store.run_goes_on(&run.report).await?)
    }

    /// Goes on from what the last process knew, and from what it sent after it last said so, if it was killed.
    pub(super) async fn recall_pace(&self) -> Result<(), EngineError> {
        let text = self.store.fact(PACE).await?;
        // What cannot be read was written by another version: then the first answer tells.
        let Some(kept) = text.and_then(|text| serde_json::from_str::<Kept>(&text).ok()) else { return Ok(()) };
        let now = Utc::now();
        let since = |at: Timestamp| (now - at).to_std().unwrap_or_default();
        let known = kept.ages.iter().map(|age| Duration::from_millis(*age) + since(kept.at));
        let later = self.store.sent_since(kept.at.max(now - TimeDelta::minutes(2))).await?;
        let ages = known.chain(later.into_iter().map(since)).collect();
        self.target.recall(&PaceMemory { limit: Some(kept.limit), ages });
        Ok(())
    }

    /// Keeps it. Where there is no limit there is nothing to keep.
    pub(super) async fn keep_pace(&self) -> Result<(), EngineError> {
        let PaceMemory { limit: Some(limit), ages } = self.target.pace() else { return Ok(()) };
        let ages = ages.into_iter().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)).collect();
        let kept = Kept { at: Utc::now(), limit, ages };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        Ok(self.store.set_fact(PACE, &text).await?)
    }
}
