//! A run under way is asked to take something in: what was nudged, or everything that changed since.
//!
//! Apply then stops between two operations; what was not sent is planned again with the news, the urgent first. So a long
//! first load does not keep a webhook or a person waiting, and goes on afterwards.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use crate::domain::{Role, SourceKey};
use crate::ports::Writer;

use super::plan::{Asking, Planned, Scope};
use super::{Ask, Engine, EngineError, NOT_REACHED, Run};

/// How often a run that writes looks for nudges, which other processes may leave too.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two turns; and the longest, however long planning takes.
const LEAST_BETWEEN: Duration = Duration::from_secs(1);
const MOST_BETWEEN: Duration = Duration::from_secs(30);
/// Of the time, one part in so many is spent on planning again at most, however many triggers come.
const SHARE: u32 = 10;
/// As long as this Pivotal's own news are not asked for again within one run.
pub(super) const NEWS_KEEP: Duration = Duration::from_secs(600);

/// Changed records that whoever asks for them in the middle of long work may be waiting for; more are part of the work.
const NEWS_MOST: u32 = 100;

/// What a run under way is to take in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The records that were nudged.
    Nudged,
    /// Whatever changed.
    Everything,
}

/// Where a run stands with its turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turns {
    /// The newest nudge that this run has seen.
    pub(super) seen: i64,
    /// No turn before this time.
    not_before: Instant,
    /// When Pivotal's news were last asked for.
    news_at: Instant,
    /// The same of its onboardings, once they were.
    pub(super) onboardings_at: Option<Instant>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { seen: 0, not_before: now, news_at: now, onboardings_at: None }
    }
}

impl Engine {
    /// Returns when the run is to take something in.
    pub(super) async fn asked_again(&self, turns: Turns) -> Turn {
        tokio::time::sleep_until(turns.not_before).await;
        loop {
            match self.store.newest_nudge().await {
                Ok(newest) if newest > turns.seen => return Turn::Nudged,
                Ok(_) => {}
                // Whatever ails the store, what is being written will meet it too.
                Err(error) => tracing::debug!(%error, "nudges could not be looked for"),
            }
            tokio::select! {
                () = self.again.notified() => return Turn::Everything,
                () = self.store.nudged() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// What the run is to take in by now, if anything.
    pub(super) async fn waiting_turn(&self, turns: Turns) -> Result<Option<Turn>, EngineError> {
        if Instant::now() < turns.not_before {
            return Ok(None);
        }
        if self.store.newest_nudge().await? > turns.seen {
            return Ok(Some(Turn::Nudged));
        }
        Ok(self.again.notified().now_or_never().map(|()| Turn::Everything))
    }

    /// Applies, and takes in what is asked for meanwhile, to the end.
    pub(super) async fn apply_in_turns(
        &self,
        writer: &dyn Writer,
        mut planned: Vec<Planned>,
        ask: &Ask,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        while let Some(turn) = self.apply(writer, planned, true, run).await? {
            let turned = self.take_turn(turn, writer, ask, run).await;
            self.target.hurry(false);
            planned = match turned {
                // What was done so far is told as usual.
                Err(EngineError::Interrupted) => {
                    self.store.close_planned(run.report.run, NOT_REACHED).await?;
                    break;
                }
                planned => planned?,
            };
        }
        Ok(())
    }

    /// Takes it in and plans again.
    pub(super) async fn take_turn(
        &self,
        turn: Turn,
        writer: &dyn Writer,
        ask: &Ask,
        run: &mut Run,
    ) -> Result<Vec<Planned>, EngineError> {
        self.target.hurry(true);
        // A create whose answer was lost a moment ago must not be made afresh.
        self.recover(writer, run).await?;
        let news = match turn {
            Turn::Nudged => {
                self.read_nudged(ask, run).await?;
                Vec::new()
            }
            Turn::Everything => {
                self.pull(&Ask { full: false, ..ask.clone() }, run).await?;
                self.news().await?
            }
        };
        let asking = if run.turns.news_at.elapsed() < NEWS_KEEP { Asking::NoNews } else { Asking::Everything };
        let still_asking = self.bind(asking).await?;
        self.heed().await?;
        self.hasten(&news).await?;
        let began = Instant::now();
        let planned = self.make_plan(Scope::Due, still_asking, run).await?;
        if asking == Asking::Everything {
            run.turns.news_at = Instant::now();
        }
        self.show_what_is_left(run).await?;
        run.forget_undone();
        run.turns.not_before = Instant::now() + (began.elapsed() * (SHARE - 1)).clamp(LEAST_BETWEEN, MOST_BETWEEN);
        Ok(planned)
    }

    /// What changed since the run began, unless that is more than somebody can be waiting for.
    async fn news(&self) -> Result<Vec<SourceKey>, EngineError> {
        let mut news = Vec::new();
        for role in [Role::Account, Role::Person, Role::Deal, Role::Subscription] {
            let touched = self.store.touched(role, NEWS_MOST + 1).await?;
            news.extend(touched.into_iter().map(|placed| placed.known.record.key));
        }
        if news.len() > NEWS_MOST as usize {
            news.clear();
        }
        Ok(news)
    }

    /// Has what these records speak of go before all else.
    async fn hasten(&self, news: &[SourceKey]) -> Result<(), EngineError> {
        if news.is_empty() {
            return Ok(());
        }
        let entities: Vec<_> = self.store.entities_of(news).await?.into_values().collect();
        Ok(self.store.heed(&[], &entities).await?)
    }
}
