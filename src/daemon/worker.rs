//! The main loop: hears the door, looks at the timetable, has runs made one after the other, and tells how things are.
//!
//! A run is made in a task of its own, so the loop goes on hearing while one is under way; the [`Hand`] that makes it travels
//! with it, so there is never a second one. Each turn of the loop feeds the watchdog, unless the run under way is stuck.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{ErrorReport, Report, Timestamp};

use super::again::Ended;
use super::hand::Hand;
use super::left::Left;
use super::memory;
use super::progress::Progress;
use super::queue::{Order, Queue};
use super::service::{Service, line};
use super::timetable::{Marks, Task, Timetable};
use super::{Asker, DaemonState, Errand, Finished, Inside, Slot, Trigger, UnderWay};

mod due;

use due::does_for;

/// How often a run under way is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// So long without a word, and a run that Pivotal's limit keeps waiting is told to wait: shorter waits are its usual pace.
const QUIET: Duration = Duration::from_secs(3);

/// Two times that are no further apart are told as one.
const SAME: TimeDelta = TimeDelta::seconds(2);

/// The longest the loop sleeps: a clock that was set is noticed within it.
const NAP_MOST: Duration = Duration::from_secs(60);

/// After so long without a word a run counts as stuck. One request is tried for three minutes at most.
const STUCK: Duration = Duration::from_secs(15 * 60);

/// Tells the time of day.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Tells how long Pivotal's limit keeps the next request waiting.
pub(super) type Limit = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

/// What a reload brings.
pub(super) struct Reloaded<F> {
    pub timetable: Timetable,
    pub fresh: F,
}

/// Reads the configuration anew, or says why it will not do.
pub(super) type Load<F> =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Reloaded<F>, ErrorReport>> + Send>> + Send + Sync>;

/// What the loop works with.
pub(super) struct Worker<H: Hand> {
    pub inside: Inside,
    pub hand: H,
    pub progress: Arc<Progress>,
    pub timetable: Timetable,
    pub marks: Marks,
    /// What an earlier process left to do.
    pub left: Left,
    pub service: Service,
    pub clock: Clock,
    pub limit: Limit,
    pub ticks: Arc<Notify>,
    /// Told when the next tick is wanted.
    pub due: watch::Sender<Option<Timestamp>>,
    pub reload: Arc<Notify>,
    /// Has the run under way take in what changed before it goes on.
    pub make_way: Arc<Notify>,
    pub load: Load<H::Fresh>,
    pub stop: CancellationToken,
}

/// A run under way.
struct Running<H> {
    task: JoinHandle<(H, Finished)>,
    answers: Vec<oneshot::Sender<Arc<Finished>>>,
    errand: Errand,
    /// The marks when it began: what it answers.
    marks: Marks,
    /// Events told when last looked at, and since when it is that many.
    told: (u64, Instant),
}

/// The loop's own state.
struct Loop<H: Hand> {
    inside: Inside,
    /// At home between runs.
    hand: Option<H>,
    running: Option<Running<H>>,
    progress: Arc<Progress>,
    queue: Queue,
    timetable: Timetable,
    /// Up to when the timetable was acted on.
    marks: Marks,
    /// Up to when the store says it was.
    kept: Marks,
    /// The next times, found once for these marks: to look for them is not free.
    next: Vec<(Task, Timestamp)>,
    /// What is tried again, and when.
    again: Option<(Timestamp, Errand)>,
    /// A new configuration that waits for the run under way to end.
    fresh: Option<H::Fresh>,
    state: DaemonState,
    service: Service,
    clock: Clock,
    limit: Limit,
    make_way: Arc<Notify>,
}

/// Waits for something that may not be there.
async fn maybe<T>(task: Option<&mut JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

impl<H: Hand> Worker<H> {
    /// Works until it is stopped, and gives the hand back.
    ///
    /// # Errors
    /// When a run panicked: the store is sound, but this process is not.
    pub(super) async fn work(self) -> Result<H, JoinError> {
        let Self {
            inside,
            hand,
            progress,
            timetable,
            marks,
            left,
            service,
            clock,
            limit,
            ticks,
            due,
            reload,
            make_way,
            load,
            stop,
        } = self;
        let state = DaemonState { ready: true, ..inside.state.borrow().clone() };
        let mut looped = Loop {
            inside,
            hand: Some(hand),
            running: None,
            progress,
            queue: Queue::default(),
            next: timetable.next(marks),
            timetable,
            marks,
            kept: marks,
            again: None,
            fresh: None,
            state,
            service,
            clock,
            limit,
            make_way,
        };
        looped.inherit(left);
        looped.look_ahead();
        looped.service.ready(&line(&looped.state, looped.timetable.zone()));
        let mut reloading: Option<JoinHandle<_>> = None;
        loop {
            looped.begin();
            if looped.state.stopping
                && let Some(hand) = looped.hand.take()
            {
                return Ok(hand);
            }
            looped.tell();
            let next = looped.state.next.first().map(|slot| slot.at);
            due.send_if_modified(|due| std::mem::replace(due, next) != next);
            let (stopping, nap, progress) = (looped.state.stopping, looped.nap(), looped.progress.clone());
            tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => looped.begin_to_stop(),
                ended = maybe(looped.running.as_mut().map(|running| &mut running.task)) => looped.ended(ended?).await,
                () = progress.plan_shown() => looped.show_plan(),
                Some(trigger) = looped.inside.heard.recv(), if !stopping => looped.hear(trigger),
                loaded = maybe(reloading.as_mut()) => {
                    reloading = None;
                    looped.reloaded(loaded?);
                }
                () = reload.notified(), if reloading.is_none() && !stopping => {
                    looped.service.reloading();
                    reloading = Some(tokio::spawn(load()));
                }
                () = ticks.notified() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }
}

impl<H: Hand> Loop<H> {
    /// Begins what is due, if the hand is free.
    fn begin(&mut self) {
        let now = (self.clock)();
        self.look_at_the_timetable(now);
        if self.again.as_ref().is_some_and(|(at, _)| *at <= now)
            && let Some((_, errand)) = self.again.take()
        {
            self.hear(Trigger::new(Asker::Schedule, errand));
        }
        if self.state.stopping || self.hand.is_none() {
            return;
        }
        let Some(Order { by, errand, answers, .. }) = self.queue.pop() else { return };
        let Some(mut hand) = self.hand.take() else { return };
        if let Some(fresh) = self.fresh.take() {
            hand.take(fresh);
        }
        if self.again.as_ref().is_some_and(|(_, again)| does_for(&errand, again)) {
            self.again = None;
        }
        self.progress.reset();
        if errand.takes_turns() && self.queue.has_plain_plan() {
            self.progress.want_plan();
        }
        let task = tokio::spawn(hand.carry_out(by, errand.clone()));
        let told = (self.progress.told(), Instant::now());
        let (name, stage) = (errand.as_str().to_owned(), self.progress.stage());
        self.state.run = Some(UnderWay { by, errand: name, since: now, stage, waits_until: None });
        self.running = Some(Running { task, answers, errand, marks: self.marks, told });
    }

    fn begin_to_stop(&mut self) {
        self.state.stopping = true;
        // Whoever waits in vain looks there for the reason.
        self.inside.state.send_replace(self.state.clone());
        self.queue.clear();
        self.service.stopping(&line(&self.state, self.timetable.zone()));
        tracing::info!("stopping: what is under way is settled first");
    }

    async fn ended(&mut self, (hand, finished): (H, Finished)) {
        let Some(Running { answers, errand, marks, .. }) = self.running.take() else { return };
        let mut ended = Ended::of(&finished.outcome);
        if matches!(ended, Ended::Well | Ended::Owing)
            && let Some(UnderWay { since, .. }) = self.state.run
            && hand.has_unread(since).await
        {
            ended = Ended::Unread;
        }
        if errand.is_routine() {
            if let Ok(Report { operations, .. }) = &finished.outcome {
                self.state.open = operations.open();
            }
            if matches!(ended, Ended::Well | Ended::Owing | Ended::Unread) {
                self.keep(&hand, &errand, marks).await;
            }
            self.learn(ended, &finished, errand);
        }
        self.hand = Some(hand);
        self.state.run = None;
        self.state.last = Some(Arc::new(finished.in_short()));
        let finished = Arc::new(finished);
        // The state first: who is answered may look at once.
        self.tell();
        for answer in answers {
            // Who went away in the meantime is not waiting any more.
            let _ = answer.send(finished.clone());
        }
        memory::give_back_soon();
    }

    /// Remembers what the timetable was answered by a run, and no more than that.
    async fn keep(&mut self, hand: &H, errand: &Errand, marks: Marks) {
        let kept = match errand {
            Errand::Audit(_) => Marks { audit: marks.audit, ..self.kept },
            Errand::Full => Marks { audit: self.kept.audit, ..marks },
            _ => Marks { sync: marks.sync, ..self.kept },
        };
        if kept != self.kept {
            self.kept = kept;
            hand.keep(kept).await;
        }
    }

    fn reloaded(&mut self, loaded: Result<Reloaded<H::Fresh>, ErrorReport>) {
        match loaded {
            Ok(Reloaded { timetable, fresh }) => {
                let now = (self.clock)();
                // A new pattern is not owed what it would have asked for before it was there.
                let is_new = timetable.patterns() != self.timetable.patterns();
                self.timetable = timetable;
                self.set_marks(if is_new { Marks { sync: now, full: now, audit: now } } else { self.marks });
                self.state.refused_configuration = None;
                // What waited for the end of a window that is gone, or for its turn after a failure that may be mended.
                let allowed = self.allowed_for_events(now);
                if let Some((at, _)) = &mut self.again {
                    *at = allowed.min(*at);
                }
                match &mut self.hand {
                    Some(hand) => hand.take(fresh),
                    None => self.fresh = Some(fresh),
                }
            }
            Err(ErrorReport { message, hint, .. }) => {
                tracing::error!(hint, "the configuration was refused, the old one is in use: {message} (hint: {hint})");
                self.state.refused_configuration = Some(message);
            }
        }
        self.look_ahead();
        self.service.ready(&line(&self.state, self.timetable.zone()));
    }

    /// How long nothing needs to be looked at.
    fn nap(&self) -> Duration {
        let now = (self.clock)();
        let until = |at: Timestamp| (at - now).to_std().unwrap_or_default();
        let again = self.again.as_ref().map(|(at, _)| until(*at));
        let next = self.next.iter().map(|(_, at)| until(*at)).min();
        let look = self.running.is_some().then_some(LOOK);
        [again, next, look, self.service.beat()].into_iter().flatten().fold(NAP_MOST, Duration::min)
    }

    /// The next times, the timetable's and the retry's.
    fn look_ahead(&mut self) {
        let errand = |task: Task| task.errand().as_str();
        let timetable = self.next.iter().map(|(task, at)| Slot { errand: errand(*task).to_owned(), at: *at });
        let again = self.again.iter().map(|(at, errand)| Slot { errand: errand.as_str().to_owned(), at: *at });
        self.state.next = timetable.chain(again).collect();
        self.state.next.sort_by_key(|slot| slot.at);
    }

    /// Tells the door and systemd how things are, and that the loop is alive.
    fn tell(&mut self) {
        let now = (self.clock)();
        if let (Some(run), Some(running)) = (&mut self.state.run, &mut self.running) {
            run.stage = self.progress.stage();
            let told = self.progress.told();
            if told != running.told.0 {
                running.told = (told, Instant::now());
            }
            let wait = (self.limit)().filter(|_| running.told.1.elapsed() >= QUIET);
            // Worked out anew each time, it is the same to the second only.
            let same = |before: &Timestamp, at: Timestamp| (*before - at).abs() < SAME;
            let at = wait.map(|wait| now + wait);
            run.waits_until = at.map(|at| run.waits_until.filter(|before| same(before, at)).unwrap_or(at));
        }
        self.look_ahead();
        self.service.say(&line(&self.state, self.timetable.zone()));
        self.inside.state.send_replace(self.state.clone());
        let stuck = self.running.as_ref().is_some_and(|running| running.told.1.elapsed() >= STUCK);
        if !stuck {
            self.service.feed();
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
