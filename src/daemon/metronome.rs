//! A tick a minute, from tokio-cron-scheduler. It is asked for nothing else: its zones are wrong across clock changes, it knows
//! neither what was missed nor what still runs (crates.md 2a). What is due is the timetable's.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Every minute, on the minute. Whole minutes are the same in every zone that is in use.
const EVERY_MINUTE: &str = "0 * * * * *";

/// Ticks until it is stopped.
pub(super) struct Metronome {
    scheduler: JobScheduler,
    ticked: Arc<Notify>,
}

impl Metronome {
    /// Starts it.
    pub(super) async fn start() -> Result<Self, JobSchedulerError> {
        let ticked = Arc::new(Notify::new());
        let tell = ticked.clone();
        let scheduler = JobScheduler::new().await?;
        scheduler.add(Job::new(EVERY_MINUTE, move |_, _| tell.notify_one())?).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, ticked })
    }

    /// Something that hears the ticks.
    pub(super) fn ticks(&self) -> Arc<Notify> {
        self.ticked.clone()
    }

    /// Stops it. What it may still do is one tick that nobody hears.
    pub(super) async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(%error, "the metronome did not stop cleanly");
        }
    }
}
