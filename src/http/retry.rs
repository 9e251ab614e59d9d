//! How long to keep trying. The only file that knows the `backoff` crate: it gives the curve and the jitter; the loop, the
//! cap on attempts and the deadline are ours, because its own loop ignores both once a server names a pause (crates.md 2c).

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use tokio::time::Instant;

/// How long one request is tried.
#[derive(Debug, Clone)]
pub struct Patience {
    /// First pause.
    pub first: Duration,
    /// Longest pause between two attempts, unless the server asks for longer.
    pub longest: Duration,
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Time in all, pauses included.
    pub within: Duration,
    /// Longest pause a server may ask for; a longer one ends the attempts.
    pub longest_told: Duration,
    /// Longest time for one whole exchange; beyond it a write's outcome is unknown.
    pub exchange: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(20),
            attempts: 6,
            within: Duration::from_secs(180),
            longest_told: Duration::from_secs(120),
            exchange: Duration::from_secs(60),
        }
    }
}

/// The state of one request's attempts.
pub(super) struct Retries<'a> {
    patience: &'a Patience,
    curve: ExponentialBackoff,
    began: Instant,
    made: u32,
}

impl<'a> Retries<'a> {
    pub(super) fn new(patience: &'a Patience) -> Self {
        let curve = ExponentialBackoff {
            current_interval: patience.first,
            initial_interval: patience.first,
            max_interval: patience.longest,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { patience, curve, began: Instant::now(), made: 1 }
    }

    /// The pause before the next attempt: the curve's, or the server's if that is longer. `None` when patience is at its end.
    pub(super) fn next(&mut self, told: Option<Duration>) -> Option<Duration> {
        if self.made >= self.patience.attempts || told.is_some_and(|t| t > self.patience.longest_told) {
            return None;
        }
        self.made += 1;
        let pause = self.curve.next_backoff()?.max(told.unwrap_or_default());
        (self.began.elapsed() + pause <= self.patience.within).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_and_time_are_capped_even_when_the_server_names_the_pause() {
        let patience = Patience { attempts: 4, ..Patience::default() };
        let mut retries = Retries::new(&patience);
        let pauses: Vec<_> = std::iter::from_fn(|| retries.next(Some(Duration::from_secs(2)))).collect();
        assert_eq!(pauses.len(), 3);
        assert!(pauses.iter().all(|p| *p >= Duration::from_secs(2)));

        let patience = Patience { within: Duration::from_secs(5), ..Patience::default() };
        let mut retries = Retries::new(&patience);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(retries.next(Some(Duration::from_secs(3))), None, "the deadline is looked at before sleeping");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_reason_ends_the_attempts() {
        // hubspot-api.md trap 33: 10000 read as seconds is a 2.8-hour stall.
        let patience = Patience::default();
        assert_eq!(Retries::new(&patience).next(Some(Duration::from_secs(10_000))), None);
    }
}
