//! What a run tells, kept as how far it is and passed on to whoever listens.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};

use crate::domain::{Report, Span};
use crate::engine::{Event, Watch};

use super::Stage;

/// Told by the engine, read by the worker.
#[derive(Debug)]
pub(super) struct Progress {
    stage: Mutex<Stage>,
    /// Events so far: a run that tells nothing any more is stuck.
    told: AtomicU64,
    listeners: broadcast::Sender<Event>,
    /// Whether somebody waits to see what is left to do.
    plan_wanted: AtomicBool,
    /// That, and the requests a minute Pivotal may be sent.
    plan: Mutex<Option<(Report, Option<u32>)>>,
    plan_shown: Notify,
}

impl Progress {
    pub(super) fn new(listeners: broadcast::Sender<Event>) -> Arc<Self> {
        Arc::new(Self {
            stage: Mutex::default(),
            told: AtomicU64::new(0),
            listeners,
            plan_wanted: AtomicBool::new(false),
            plan: Mutex::default(),
            plan_shown: Notify::new(),
        })
    }

    fn plan(&self) -> MutexGuard<'_, Option<(Report, Option<u32>)>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the run under way show what it has left to do, when it has its next turn.
    pub(super) fn want_plan(&self) {
        self.plan_wanted.store(true, Ordering::Relaxed);
    }

    /// Returns when that was shown.
    pub(super) async fn plan_shown(&self) {
        self.plan_shown.notified().await;
    }

    pub(super) fn take_plan(&self) -> Option<(Report, Option<u32>)> {
        self.plan().take()
    }

    fn stage_now(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins.
    pub(super) fn reset(&self) {
        *self.stage_now() = Stage::Beginning;
        // Whoever waited for the run before it has a run of their own now.
        self.plan_wanted.store(false, Ordering::Relaxed);
        self.plan().take();
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage_now().clone()
    }

    pub(super) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }
}

impl Watch for Progress {
    fn tell(&self, event: Event) {
        self.told.fetch_add(1, Ordering::Relaxed);
        advance(&mut self.stage_now(), &event);
        // Nobody listens: that is no trouble.
        let _ = self.listeners.send(event);
    }

    fn wants_plan(&self) -> bool {
        self.plan_wanted.swap(false, Ordering::Relaxed)
    }

    fn show_plan(&self, plan: Report, rate_per_minute: Option<u32>) {
        *self.plan() = Some((plan, rate_per_minute));
        self.plan_shown.notify_one();
    }
}

/// In words.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("beginning"),
            Self::Reading { stream, read } => write!(f, "reading {stream}: {read}"),
            Self::Walking { kind, seen } => write!(f, "looking through Pivotal's {kind}s: {seen}"),
            Self::Comparing { entities } => write!(f, "comparing: {entities}"),
            Self::Writing { operations, done, undone, estimate_seconds } => {
                write!(f, "written {done} of {operations}")?;
                if *undone > 0 {
                    write!(f, ", {undone} not done")?;
                }
                match estimate_seconds.filter(|seconds| *seconds > 0) {
                    Some(seconds) => write!(f, ", about {} in all", Span(Duration::from_secs(seconds))),
                    None => Ok(()),
                }
            }
        }
    }
}

fn advance(stage: &mut Stage, event: &Event) {
    match (event, stage) {
        (Event::Settled { done, .. }, Stage::Writing { done: through, undone, .. }) => {
            *(if *done { through } else { undone }) += 1;
        }
        (Event::Asked { .. } | Event::TakingOver { .. } | Event::Settled { .. } | Event::Ended, _) => {}
        (Event::Pulled { stream, read }, stage) => *stage = Stage::Reading { stream: *stream, read: *read },
        (Event::Walked { kind, seen }, stage) => *stage = Stage::Walking { kind: *kind, seen: *seen },
        (Event::Compared { entities }, stage) => *stage = Stage::Comparing { entities: *entities },
        (Event::Applying { done, operations, estimate }, stage) => {
            *stage = Stage::Writing {
                operations: done + operations,
                done: *done,
                undone: 0,
                estimate_seconds: estimate.map(|time| time.as_secs()),
            };
        }
    }
}
