//! Many events, one run. The records are in the store by then; this only decides when the door is knocked at.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::daemon::{Asker, Door, Errand, Trigger, Unheard};

/// From the first event to the run: what one change sets off comes within that (stripe-api.md trap 12).
const GATHER: Duration = Duration::from_secs(2);
/// Least time between two runs that events ask for: each run costs a few requests whatever it finds, and an import at a source
/// sends events for hours.
const APART: Duration = Duration::from_secs(20);

/// Knocks at the door a little after each `touched`, until `stop` or until the door is shut.
pub async fn knock(touched: Arc<Notify>, door: Door, stop: CancellationToken) {
    let mut earliest = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = touched.notified() => {}
        }
        let at = earliest.max(Instant::now() + GATHER);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep_until(at) => {}
        }
        // Those that came meanwhile are answered by this run.
        let _ = touched.notified().now_or_never();
        earliest = Instant::now() + APART;
        match door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)) {
            Ok(()) => tracing::debug!("webhooks ask for a run"),
            Err(Unheard::Busy) => touched.notify_one(),
            Err(Unheard::Stopping) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_events_are_one_run_and_a_flood_is_few() {
        let (door, mut inside) = Door::new();
        let (touched, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let knocking = tokio::spawn(knock(touched.clone(), door, stop.clone()));
        let begun = Instant::now();
        for _ in 0..50 {
            touched.notify_one();
            tokio::time::advance(Duration::from_millis(30)).await;
        }
        let trigger = inside.heard.recv().await.unwrap();
        assert_eq!((trigger.by, trigger.errand.as_str()), (Asker::Webhook, "sync"));
        assert!((GATHER..GATHER * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        // An event a second, for ten minutes.
        let mut runs = 0;
        for _ in 0..600 {
            touched.notify_one();
            tokio::time::sleep(Duration::from_secs(1)).await;
            while inside.heard.try_recv().is_ok() {
                runs += 1;
            }
        }
        assert!((28..=31).contains(&runs), "{runs}");
        stop.cancel();
        knocking.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_door_is_knocked_at_again_and_a_shut_one_is_not() {
        let (door, mut inside) = Door::new();
        while door.trigger(Trigger::new(Asker::Signal, Errand::Sync)).is_ok() {}
        let touched = Arc::new(Notify::new());
        let knocking = tokio::spawn(knock(touched.clone(), door, CancellationToken::new()));
        touched.notify_one();
        tokio::time::sleep(GATHER * 2).await;
        while inside.heard.try_recv().is_ok() {}
        assert_eq!(inside.heard.recv().await.unwrap().by, Asker::Webhook);
        drop(inside);
        touched.notify_one();
        knocking.await.unwrap();
    }
}
