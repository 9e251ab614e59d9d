//! What an undo asks Pivotal before it shows its plan: how much, told from the start, and given up without a trace.

use std::sync::{Arc, Mutex};

use pivotal_sync::domain::RunId;
use pivotal_sync::engine::{EngineError, Event, UndoPlan, Watch};
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, portal};

/// Keeps how far the questions are, and stops the engine at one.
struct Kept {
    told: Mutex<Vec<(u64, u64)>>,
    stop: CancellationToken,
    at: u64,
}

impl Watch for Kept {
    fn tell(&self, event: Event) {
        if let Event::Asked { asked, of, .. } = event {
            self.told.lock().unwrap().push((asked, of));
            if asked == self.at {
                self.stop.cancel();
            }
        }
    }
}

/// A plan to take back a first load, and what was told meanwhile.
async fn plan(rig: &Rig, at: u64) -> (Result<UndoPlan, EngineError>, Vec<(u64, u64)>) {
    let stop = CancellationToken::new();
    let watch = Arc::new(Kept { told: Mutex::default(), stop: stop.clone(), at });
    let (engine, _writer) = rig.app().for_writing(watch.clone(), stop).await.unwrap();
    rig.log.clear();
    let plan = engine.plan_undo(RunId(1), &rig.app().settings.guard).await;
    engine.store.close().await;
    let told = watch.told.lock().unwrap().clone();
    (plan, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_is_told_before_the_first_question_and_no_list_is_asked_for_in_vain() {
    let rig = Rig::with(portal(25, 1)).await;
    rig.backfill().await;
    let (planned, told) = plan(&rig, u64::MAX).await;
    assert_eq!(planned.unwrap().operations.len(), 50);
    // Who, a page of customers, the contacts of each, a page of onboardings.
    let of = 1 + 1 + 25 + 1;
    assert_eq!(told, (0..=of).map(|asked| (asked, of)).collect::<Vec<_>>());
    assert_eq!(rig.log.entries().len() as u64, of);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_while_it_asks_it_says_that_nothing_was_written() {
    let rig = Rig::with(portal(3, 1)).await;
    rig.backfill().await;
    let (planned, _) = plan(&rig, 2).await;
    let error = planned.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        ("interrupted", "stopped while reading; nothing was written")
    );
    assert_eq!(rig.writes().len(), 0);
}
