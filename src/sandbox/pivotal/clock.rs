//! The sandbox's own time: runs on from a given start, or stands still, and can be pushed ahead.

use std::time::{Duration, Instant};

use crate::domain::Timestamp;

/// A clock that never goes backwards.
#[derive(Debug, Clone)]
pub struct Clock {
    base: Timestamp,
    /// `None` stands still.
    started: Option<Instant>,
}

impl Clock {
    /// Runs on from `start`.
    #[must_use]
    pub fn running(start: Timestamp) -> Self {
        Self { base: start, started: Some(Instant::now()) }
    }

    /// Stands at `at` until advanced.
    #[must_use]
    pub fn standing(at: Timestamp) -> Self {
        Self { base: at, started: None }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.started.map_or(self.base, |started| self.base + started.elapsed())
    }

    /// Pushes it ahead.
    pub fn advance(&mut self, by: Duration) {
        self.base += by;
    }
}
