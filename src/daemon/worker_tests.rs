//! The loop under tokio's paused clock, with a hand that only takes its time.

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta};
use futures::FutureExt;
use sd_notify::NotifyState;

use super::*;
use crate::config::{CatchUp, Schedule};
use crate::daemon::{Audit, Brought, Door};
use crate::domain::{OperationCounts, Report, RequestCounts, RunId, RunStatus, Span};

/// After so long without a word systemd would take the loop for dead.
const WATCHDOG: Duration = Duration::from_secs(60);

/// What was done, by simulated time.
#[derive(Default)]
struct Diary {
    begun: Vec<(Asker, String, Timestamp)>,
    kept: Vec<Marks>,
    under_way: u32,
    most_at_once: u32,
    taken: u32,
    /// Runs after which something is still unread, and one more.
    unread: u32,
    /// How long runs take, if not a minute.
    takes: Option<Duration>,
    /// How the next runs end; well when there is none left.
    ends: Vec<Result<RunStatus, &'static str>>,
}

struct Idler {
    diary: Arc<Mutex<Diary>>,
    clock: Clock,
    takes: Duration,
}

fn report(status: RunStatus) -> Report {
    Report {
        run: RunId(1),
        kind: crate::domain::RunKind::Sync,
        status,
        streams: Default::default(),
        operations: OperationCounts::default(),
        requests: RequestCounts::default(),
        started_at: DateTime::UNIX_EPOCH,
        finished_at: None,
        progress: None,
        later: Vec::new(),
        notes: Vec::new(),
        error: None,
        plan: Vec::new(),
        audit: None,
    }
}

impl Hand for Idler {
    type Fresh = ();

    async fn carry_out(self, by: Asker, errand: Errand) -> (Self, Finished) {
        let (end, takes) = {
            let mut diary = self.diary.lock().unwrap();
            diary.begun.push((by, errand.as_str().to_owned(), (self.clock)()));
            diary.under_way += 1;
            diary.most_at_once = diary.most_at_once.max(diary.under_way);
            let end = if diary.ends.is_empty() { Ok(RunStatus::Complete) } else { diary.ends.remove(0) };
            (end, diary.takes.unwrap_or(self.takes))
        };
        tokio::time::sleep(takes).await;
        self.diary.lock().unwrap().under_way -= 1;
        let outcome = end.map(report).map_err(|message| ErrorReport {
            kind: "unreachable".to_owned(),
            message: message.to_owned(),
            hint: String::new(),
        });
        let at = (self.clock)();
        (
            self,
            Finished {
                by,
                errand,
                at,
                outcome,
                bare: None,
                so_far: None,
                details: Vec::new(),
                rate_per_minute: None,
                brought: Brought::Nothing,
            },
        )
    }

    async fn has_unread(&self, _before: Timestamp) -> bool {
        let mut diary = self.diary.lock().unwrap();
        diary.unread = diary.unread.saturating_sub(1);
        diary.unread > 0
    }

    fn take(&mut self, (): ()) {
        self.diary.lock().unwrap().taken += 1;
    }

    async fn keep(&self, marks: Marks) {
        self.diary.lock().unwrap().kept.push(marks);
    }
}

struct Bench {
    door: Door,
    diary: Arc<Mutex<Diary>>,
    stop: CancellationToken,
    reload: Arc<Notify>,
    make_way: Arc<Notify>,
    /// Until when Pivotal's limit keeps every request waiting.
    frozen: Arc<Mutex<Option<Timestamp>>>,
    progress: Arc<Progress>,
    /// When the watchdog was fed.
    fed: Arc<Mutex<Vec<Instant>>>,
    task: JoinHandle<Result<Idler, JoinError>>,
}

fn start() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn schedule() -> Schedule {
    Schedule {
        timezone: chrono_tz::UTC,
        sync: "0 0 3 * * *".to_owned(),
        full: "0 0 5 * * Sun".to_owned(),
        audit: "0 0 0 29 2 *".to_owned(),
        catch_up: CatchUp::Once,
        blackout: Vec::new(),
        jitter: Span::default(),
    }
}

/// A loop that began at [`start`], its runs a minute long.
fn bench(schedule: &Schedule, ends: Vec<Result<RunStatus, &'static str>>) -> Bench {
    bench_then(schedule, schedule, ends)
}

fn bench_then(schedule: &Schedule, then: &Schedule, ends: Vec<Result<RunStatus, &'static str>>) -> Bench {
    bench_after(schedule, then, ends, Left::default())
}

fn bench_after(schedule: &Schedule, then: &Schedule, ends: Vec<Result<RunStatus, &'static str>>, left: Left) -> Bench {
    let (door, inside) = Door::new();
    let origin = Instant::now();
    let clock: Clock = Arc::new(move || start() + TimeDelta::from_std(origin.elapsed()).unwrap());
    let diary = Arc::new(Mutex::new(Diary { ends, ..Diary::default() }));
    let hand = Idler { diary: diary.clone(), clock: clock.clone(), takes: Duration::from_secs(60) };
    let timetable = Timetable::new(schedule, "seed").unwrap();
    let (stop, reload, make_way) = (CancellationToken::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let again = Timetable::new(then, "seed").unwrap();
    let frozen: Arc<Mutex<Option<Timestamp>>> = Arc::default();
    let (progress, fed) = (Progress::new(inside.events.clone()), Arc::<Mutex<Vec<Instant>>>::default());
    let ear = {
        let fed = fed.clone();
        Box::new(move |told: &[NotifyState<'_>]| {
            if told.iter().any(|told| matches!(told, NotifyState::Watchdog)) {
                fed.lock().unwrap().push(Instant::now());
            }
        })
    };
    let worker = Worker {
        progress: progress.clone(),
        inside,
        hand,
        marks: timetable.start(Default::default(), start()),
        timetable,
        left,
        service: Service::heard_by(ear, Some(WATCHDOG)),
        clock: clock.clone(),
        limit: {
            let frozen = frozen.clone();
            Arc::new(move || (frozen.lock().unwrap().as_ref().copied()? - clock()).to_std().ok())
        },
        ticks: Arc::new(Notify::new()),
        due: watch::Sender::new(None),
        reload: reload.clone(),
        make_way: make_way.clone(),
        load: Arc::new(move || {
            let timetable = again.clone();
            Box::pin(async move { Ok(Reloaded { timetable, fresh: () }) })
        }),
        stop: stop.clone(),
    };
    Bench { door, diary, stop, reload, make_way, frozen, progress, fed, task: tokio::spawn(worker.work()) }
}

impl Bench {
    async fn pass(&self, time: TimeDelta) {
        tokio::time::sleep(time.to_std().unwrap()).await;
    }

    fn begun(&self) -> Vec<String> {
        let diary = self.diary.lock().unwrap();
        let told = |(by, errand, at): &(Asker, String, Timestamp)| {
            format!("{} {errand} {}", by.as_str(), at.format("%a %H:%M"))
        };
        diary.begun.iter().map(told).collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        assert!(self.diary.lock().unwrap().most_at_once <= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_week_of_nights() {
    let bench = bench(&schedule(), Vec::new());
    bench.pass(TimeDelta::days(5)).await;
    let expected = [
        "schedule sync Thu 03:00",
        "schedule sync Fri 03:00",
        "schedule sync Sat 03:00",
        "schedule sync Sun 03:00",
        "schedule full Sun 05:00",
        "schedule sync Mon 03:00",
    ];
    assert_eq!(bench.begun(), expected);
    let kept = bench.diary.lock().unwrap().kept.clone();
    assert_eq!(kept.last().unwrap().sync, start() + TimeDelta::hours(4 * 24 + 15));
    assert_eq!(kept.last().unwrap().full, start() + TimeDelta::hours(3 * 24 + 17));
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_trigger_during_a_run_is_remembered_and_a_storm_of_them_is_one_run() {
    let bench = bench(&schedule(), Vec::new());
    bench.door.trigger(Trigger::new(Asker::Signal, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::seconds(10)).await;
    let mut answers = Vec::new();
    for _ in 0..20 {
        bench.door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)).unwrap();
        let (trigger, answer) = Trigger::awaited(Asker::Command, Errand::Sync);
        bench.door.trigger(trigger).unwrap();
        answers.push(answer);
    }
    bench.pass(TimeDelta::minutes(10)).await;
    assert_eq!(bench.begun(), ["signal sync Wed 12:00", "webhook sync Wed 12:01"]);
    for answer in answers {
        assert_eq!(answer.await.unwrap().by, Asker::Webhook);
    }
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_person_asked_for_in_their_own_way_is_neither_tried_again_nor_the_timetables() {
    let guard = crate::reconcile::Guard {
        max_deletes: 1,
        max_delete_percent: 1,
        max_updates_percent: 1,
        max_creates: 1,
        min_population: 1,
    };
    let undo = Errand::Undo { run: RunId(1), seen: None, guard };
    let audit = Errand::Audit(Audit { deep: true, ..Audit::default() });
    let bench = bench(&schedule(), vec![Err("down"), Err("down"), Ok(RunStatus::Partial), Ok(RunStatus::Complete)]);
    let kept = bench.diary.lock().unwrap().kept.len();
    for errand in [&undo, &audit, &undo, &audit] {
        let (trigger, _answer) = Trigger::awaited(Asker::Command, errand.clone());
        bench.door.trigger(trigger).unwrap();
        bench.pass(TimeDelta::hours(1)).await;
        assert_eq!(bench.door.status().borrow().last_error, None);
    }
    assert_eq!(bench.begun().len(), 4, "{:?}", bench.begun());
    assert_eq!(bench.diary.lock().unwrap().kept.len(), kept);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_timetables_audit_is_answered_by_no_other() {
    let bench = bench(&Schedule { audit: "0 30 12 * * *".to_owned(), ..schedule() }, Vec::new());
    let due = start() + TimeDelta::minutes(30);
    bench.pass(TimeDelta::seconds(29 * 60 + 30)).await;
    bench.door.trigger(Trigger::new(Asker::Command, Errand::Sync)).unwrap();
    let (trigger, _answer) = Trigger::awaited(Asker::Command, Errand::Audit(Audit { deep: true, ..Audit::default() }));
    bench.door.trigger(trigger).unwrap();
    let kept = || bench.diary.lock().unwrap().kept.last().map(|marks| marks.audit);
    bench.pass(TimeDelta::minutes(2) + TimeDelta::seconds(30)).await;
    assert_eq!(bench.begun()[1..], ["command audit Wed 12:30", "schedule audit Wed 12:31"]);
    assert_eq!(kept(), None, "the deep one came to its end, the timetable's did not");
    bench.pass(TimeDelta::minutes(1)).await;
    assert_eq!(kept(), Some(due));
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_run_end_and_tells_who_waits() {
    let bench = bench(&schedule(), Vec::new());
    let (first, answered) = Trigger::awaited(Asker::Command, Errand::Sync);
    bench.door.trigger(first).unwrap();
    bench.pass(TimeDelta::seconds(1)).await;
    let (second, dropped) = Trigger::awaited(Asker::Command, Errand::Backfill);
    bench.door.trigger(second).unwrap();
    bench.pass(TimeDelta::seconds(1)).await;
    let (door, diary) = (bench.door.clone(), bench.diary.clone());
    bench.end().await;
    assert!(answered.await.is_ok() && dropped.await.is_err());
    assert_eq!(diary.lock().unwrap().begun.len(), 1);
    assert_eq!(door.trigger(Trigger::new(Asker::Signal, Errand::Sync)), Err(super::super::Unheard::Stopping));
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_windows_end_comes_when_a_reload_lifts_the_window() {
    let blackout = vec!["12:00-14:00".parse().unwrap()];
    let bench = bench_then(&Schedule { blackout, ..schedule() }, &schedule(), Vec::new());
    bench.door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::minutes(5)).await;
    bench.reload.notify_one();
    bench.pass(TimeDelta::minutes(1)).await;
    assert_eq!(bench.begun(), ["schedule sync Wed 12:05"]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_pivotals_limit_keeps_waiting_is_told_to_wait() {
    let bench = bench(&schedule(), Vec::new());
    let until = start() + TimeDelta::seconds(40);
    bench.door.trigger(Trigger::new(Asker::Signal, Errand::Sync)).unwrap();
    let waits = || bench.door.status().borrow().run.as_ref().and_then(|run| run.waits_until);
    *bench.frozen.lock().unwrap() = Some(until);
    bench.pass(TimeDelta::seconds(2)).await;
    assert_eq!(waits(), None, "a short wait is its usual pace");
    bench.pass(TimeDelta::seconds(4)).await;
    assert_eq!(waits(), Some(until));
    bench.pass(TimeDelta::seconds(20)).await;
    assert_eq!(waits(), Some(until));
    bench.pass(TimeDelta::seconds(20)).await;
    assert_eq!(waits(), None, "it goes on");
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_during_a_run_waits_for_its_end() {
    let bench = bench(&schedule(), Vec::new());
    bench.door.trigger(Trigger::new(Asker::Command, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::seconds(1)).await;
    for _ in 0..1000 {
        bench.reload.notify_one();
    }
    bench.pass(TimeDelta::seconds(1)).await;
    assert_eq!(bench.diary.lock().unwrap().taken, 0);
    bench.pass(TimeDelta::minutes(2)).await;
    bench.door.trigger(Trigger::new(Asker::Command, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::seconds(1)).await;
    assert_eq!(bench.diary.lock().unwrap().taken, 1, "the last one read counts");
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_changed_during_a_run_is_taken_in_by_it_unless_it_is_a_plan() {
    let bench = bench(&schedule(), Vec::new());
    for (errand, taken_in) in [
        (Errand::Backfill, true),
        (Errand::Full, true),
        (Errand::Plan { only: None, offline: false, keep: false }, false),
    ] {
        let (trigger, _answer) = Trigger::awaited(Asker::Command, errand);
        bench.door.trigger(trigger).unwrap();
        bench.pass(TimeDelta::seconds(1)).await;
        bench.door.trigger(Trigger::new(Asker::Command, Errand::Audit(Audit::default()))).unwrap();
        bench.pass(TimeDelta::seconds(1)).await;
        assert!(bench.make_way.notified().now_or_never().is_none(), "an audit is nothing that changed");
        bench.door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)).unwrap();
        bench.pass(TimeDelta::seconds(1)).await;
        assert_eq!(bench.make_way.notified().now_or_never().is_some(), taken_in);
        bench.pass(TimeDelta::minutes(10)).await;
    }
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_the_window_to_end_and_for_the_pause_while_things_go_wrong() {
    let blackout = vec!["13:00-14:00".parse().unwrap()];
    let ends = vec![Err("down"), Err("down"), Ok(RunStatus::Complete)];
    let bench = bench(&Schedule { blackout, ..schedule() }, ends);
    bench.door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)).unwrap();
    for _ in 0..300 {
        bench.pass(TimeDelta::seconds(1)).await;
        bench.door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)).unwrap();
    }
    let times: Vec<String> =
        bench.diary.lock().unwrap().begun.iter().map(|run| run.2.format("%H:%M").to_string()).collect();
    assert_eq!(times[..3], ["12:00", "12:02", "12:04"], "a run takes a minute");
    bench.pass(TimeDelta::minutes(65)).await;
    let before = bench.begun().len();
    bench.door.trigger(Trigger::new(Asker::Webhook, Errand::Sync)).unwrap();
    bench.pass(TimeDelta::hours(1)).await;
    assert_eq!(bench.begun()[before..], ["schedule sync Wed 14:00"]);
    bench.end().await;
}

#[path = "worker_failure_tests.rs"]
mod failures;
