//! What follows when a run came to no good end: in this process, and in the one before it.

use super::*;
use crate::daemon::left::Failed;
use crate::engine::{Event, Watch};

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_tried_again_soon_with_growing_pauses() {
    let bench = bench(&schedule(), vec![Err("down"); 4]);
    bench.pass(TimeDelta::hours(16)).await;
    let state = bench.door.status().borrow().clone();
    assert_eq!((state.failures_in_a_row, state.last_error), (0, None));
    let begun = bench.begun();
    let expected =
        ["Thu 03:00", "Thu 03:02", "Thu 03:05", "Thu 03:10", "Thu 03:19"].map(|t| format!("schedule sync {t}"));
    assert_eq!(begun, expected, "a run takes a minute; the pauses are 1, 2, 4 and 8");
    assert_eq!(bench.diary.lock().unwrap().kept.len(), 1, "what failed did not answer the timetable");
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_the_window_to_end_and_a_person_does_not() {
    let blackout = vec!["03:01-09:00".parse().unwrap()];
    let bench = bench(&Schedule { blackout, ..schedule() }, vec![Err("down")]);
    bench.pass(TimeDelta::hours(16)).await;
    bench.door.trigger(Trigger::new(Asker::Signal, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::hours(6)).await;
    assert_eq!(
        bench.begun(),
        ["schedule sync Thu 03:00", "signal sync Thu 04:00"],
        "the signal's run did for the retry"
    );
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_reconcile_that_failed_is_not_forgotten_for_a_sync() {
    let bench = bench(&schedule(), vec![Err("down"), Ok(RunStatus::Complete)]);
    bench.door.trigger(Trigger::new(Asker::Command, Errand::Full)).unwrap();
    bench.pass(TimeDelta::seconds(61)).await;
    bench.door.trigger(Trigger::new(Asker::Signal, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::minutes(10)).await;
    assert_eq!(bench.begun(), ["command full Wed 12:00", "signal sync Wed 12:01", "schedule full Wed 12:02"]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_tried_again_soon_though_the_run_went_well() {
    let bench = bench(&schedule(), Vec::new());
    bench.diary.lock().unwrap().unread = 3;
    bench.door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::hours(1)).await;
    assert_eq!(bench.begun(), ["webhook sync Wed 12:00", "schedule sync Wed 12:02", "schedule sync Wed 12:05"]);
    assert_eq!(bench.door.status().borrow().last_error, None);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_a_restart_is_known_and_tried_again_at_once_and_with_the_pauses_of_before() {
    let error = ErrorReport { kind: "unreachable".to_owned(), message: "503".to_owned(), hint: String::new() };
    let left = || Left {
        first: None,
        failed: Some(Failed { errand: Some(Errand::Backfill), error: Some(error.clone()), in_a_row: 2 }),
        open: OperationCounts::default(),
    };
    let bench = bench_after(&schedule(), &schedule(), vec![Err("down")], left());
    bench.pass(TimeDelta::seconds(30)).await;
    let (troubled, failures) = {
        let state = bench.door.status();
        let state = state.borrow();
        (state.last_error.clone(), state.failures_in_a_row)
    };
    assert_eq!((troubled, failures), (Some(error.clone()), 2), "before anything is tried");
    bench.pass(TimeDelta::minutes(10)).await;
    assert_eq!(bench.begun(), ["schedule backfill Wed 12:00", "schedule backfill Wed 12:05"]);
    assert_eq!(bench.door.status().borrow().last_error, None);
    bench.end().await;
    // What was cut off does for it, and a window is kept.
    let first = Some(Trigger::new(Asker::Schedule, Errand::Sync));
    let bench = bench_after(&schedule(), &schedule(), Vec::new(), Left { first, ..left() });
    bench.pass(TimeDelta::minutes(5)).await;
    assert_eq!(bench.begun(), ["schedule sync Wed 12:00"]);
    bench.end().await;
    let quiet = Schedule { blackout: vec!["12:00-14:00".parse().unwrap()], ..schedule() };
    let bench = bench_after(&quiet, &quiet, Vec::new(), left());
    bench.pass(TimeDelta::hours(3)).await;
    assert_eq!(bench.begun(), ["schedule backfill Wed 14:00"]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_watchdog_is_fed_while_a_run_gets_on_and_not_once_it_is_stuck() {
    let bench = bench(&schedule(), Vec::new());
    let fed = async |minutes: i64| {
        bench.fed.lock().unwrap().clear();
        bench.pass(TimeDelta::minutes(minutes)).await;
        bench.fed.lock().unwrap().len()
    };
    assert!(fed(2).await >= 2, "idle");
    bench.diary.lock().unwrap().takes = Some(STUCK * 4);
    bench.door.trigger(Trigger::new(Asker::Signal, Errand::Sync)).unwrap();
    for _ in 0..2 {
        assert!(fed(14).await >= 14, "what says something now and then is not stuck");
        bench.progress.tell(Event::Compared { entities: 1 });
    }
    assert!(fed(14).await >= 14);
    fed(2).await;
    assert_eq!(fed(10).await, 0, "stuck");
    bench.progress.tell(Event::Compared { entities: 2 });
    assert!(fed(2).await >= 2, "it got on after all");
    bench.pass(TimeDelta::minutes(10)).await;
    assert_eq!(bench.begun().len(), 1);
    assert!(fed(2).await >= 2, "idle again");
    bench.end().await;
}
