//! Strikes when something is due, by tokio-cron-scheduler. It is asked for nothing else: its zones are wrong across clock changes,
//! it knows neither what was missed nor what still runs (crates.md 2a). What is due is the timetable's.
//!
//! The scheduler looks at its clock twice a second for as long as it is there. So that an idle daemon is left asleep, it is there
//! only for the last seconds before a strike, in a runtime of its own that takes its tasks along when it goes.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::domain::Timestamp;

/// How long before a strike the scheduler is wound up.
const LEAD: Duration = Duration::from_secs(5);

/// Longer than any strike takes: what is not heard by then, the main loop's own nap ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// Strikes at the time it was told last, until it is stopped.
pub(super) struct Metronome {
    ticked: Arc<Notify>,
    due: watch::Sender<Option<Timestamp>>,
    task: JoinHandle<()>,
}

impl Metronome {
    /// Starts it; nothing is due yet.
    pub(super) fn start() -> Self {
        let (ticked, (due, told)) = (Arc::new(Notify::new()), watch::channel(None));
        let task = tokio::spawn(beat(told, ticked.clone()));
        Self { ticked, due, task }
    }

    /// Something that hears the strikes.
    pub(super) fn ticks(&self) -> Arc<Notify> {
        self.ticked.clone()
    }

    /// Where it is told when to strike next.
    pub(super) fn due(&self) -> watch::Sender<Option<Timestamp>> {
        self.due.clone()
    }

    /// Stops it. What it may still do is one strike that nobody hears.
    pub(super) fn stop(self) {
        self.task.abort();
    }
}

async fn beat(mut told: watch::Receiver<Option<Timestamp>>, ticked: Arc<Notify>) {
    loop {
        let due = *told.borrow_and_update();
        let left = due.map(until);
        let changed = match left {
            Some(left) => tokio::select! {
                changed = told.changed() => changed,
                () = tokio::time::sleep(left.saturating_sub(LEAD)) => Ok(()),
            },
            None => told.changed().await,
        };
        if changed.is_err() {
            return;
        }
        let Some(at) = due.filter(|at| *told.borrow() == Some(*at) && until(*at) <= LEAD) else { continue };
        match tokio::task::spawn_blocking(move || strike(until(at))).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => tracing::debug!("the scheduler did not strike; the main loop goes by its own sleep"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the scheduler could not be wound up ({error}); the main loop goes by its own sleep")
            }
            Err(error) => {
                tracing::warn!(%error, "the scheduler ended in a defect ({error}); the main loop goes by its own sleep")
            }
        }
        ticked.notify_one();
        // It strikes once for each time it is told.
        if told.wait_for(|due| *due != Some(at)).await.is_err() {
            return;
        }
    }
}

fn until(at: Timestamp) -> Duration {
    (at - Utc::now()).to_std().unwrap_or_default()
}

/// Comes back once that much time is over: whether the scheduler said so, or patience ran out.
fn strike(left: Duration) -> Result<bool, JobSchedulerError> {
    let runtime =
        runtime::Builder::new_current_thread().enable_time().build().map_err(|_| JobSchedulerError::CantInit)?;
    runtime.block_on(async {
        let struck = Arc::new(Notify::new());
        let tell = struck.clone();
        let scheduler = JobScheduler::new().await?;
        // It counts whole seconds, and must not be early.
        let whole = Duration::from_secs(left.as_secs() + 1);
        scheduler.add(Job::new_one_shot(whole, move |_, _| tell.notify_one())?).await?;
        scheduler.start().await?;
        Ok(tokio::time::timeout(PATIENCE, struck.notified()).await.is_ok())
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_scheduler_strikes_once_its_time_is_over() {
        assert!(strike(Duration::ZERO).unwrap());
    }

    #[tokio::test]
    async fn it_strikes_for_what_is_due_and_once() {
        let metronome = Metronome::start();
        let (ticks, due) = (metronome.ticks(), metronome.due());
        due.send_replace(Some(Utc::now() + TimeDelta::days(3)));
        due.send_replace(Some(Utc::now() - TimeDelta::seconds(1)));
        ticks.notified().await;
        due.send_replace(Some(Utc::now()));
        ticks.notified().await;
        assert!(tokio::time::timeout(Duration::ZERO, ticks.notified()).await.is_err());
        metronome.stop();
    }
}
