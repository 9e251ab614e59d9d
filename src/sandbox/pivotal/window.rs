//! One key's sliding window (sheet section 4).

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::Timestamp;

/// The hits of one key that still count.
#[derive(Debug, Clone, Default)]
pub struct Window {
    hits: VecDeque<Timestamp>,
}

/// What a window says after a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Whether the hit was let in.
    pub admitted: bool,
    /// Hits a window may hold.
    pub limit: u32,
    /// Hits left.
    pub remaining: u32,
    /// When it eases.
    pub resets_at: Timestamp,
}

impl Level {
    /// Whole seconds to wait from `now`, rounded up, at least one.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> i64 {
        let wait = (self.resets_at - now).num_milliseconds();
        (wait + 999).div_euclid(1000).max(1)
    }

    /// The three headers of every answer.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let millis = self.resets_at.timestamp_millis();
        vec![
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            ("x-ratelimit-reset", (millis + 999).div_euclid(1000).to_string()),
        ]
    }
}

impl Window {
    /// Asks for one request at `now`. A hit leaves the window exactly `length` after it came; a refused request is noted
    /// only if `count_refused`.
    pub fn hit(
        &mut self,
        now: Timestamp,
        limit: u32,
        length: Duration,
        full_reset: bool,
        count_refused: bool,
    ) -> Level {
        self.drain(now, length);
        let admitted = self.hits.len() < limit as usize;
        if admitted || count_refused {
            self.hits.push_back(now);
        }
        self.level(now, limit, length, full_reset, admitted)
    }

    /// What the window holds, without a hit.
    pub fn look(&mut self, now: Timestamp, limit: u32, length: Duration, full_reset: bool) -> Level {
        self.drain(now, length);
        self.level(now, limit, length, full_reset, true)
    }

    /// Takes the newest hit back.
    pub fn refund(&mut self) {
        self.hits.pop_back();
    }

    fn drain(&mut self, now: Timestamp, length: Duration) {
        while self.hits.front().is_some_and(|hit| *hit + length <= now) {
            self.hits.pop_front();
        }
    }

    fn level(&self, now: Timestamp, limit: u32, length: Duration, full_reset: bool, admitted: bool) -> Level {
        let marker = if full_reset { self.hits.back() } else { self.hits.front() };
        let used = u32::try_from(self.hits.len()).unwrap_or(u32::MAX);
        Level {
            admitted,
            limit,
            remaining: limit.saturating_sub(used),
            resets_at: marker.map_or(now, |hit| *hit + length),
        }
    }
}
