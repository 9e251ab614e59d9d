//! What a run tells, kept as how far it is and passed on to whoever listens.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::domain::Span;
use crate::engine::{Event, Watch};

use super::Stage;

/// Told by the engine, read by the worker.
#[derive(Debug)]
pub(super) struct Progress {
    stage: Mutex<Stage>,
    /// Events so far: a run that tells nothing any more is stuck.
    told: AtomicU64,
    listeners: broadcast::Sender<Event>,
}

impl Progress {
    pub(super) fn new(listeners: broadcast::Sender<Event>) -> Arc<Self> {
        Arc::new(Self { stage: Mutex::default(), told: AtomicU64::new(0), listeners })
    }

    fn stage_now(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins.
    pub(super) fn reset(&self) {
        *self.stage_now() = Stage::Beginning;
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
