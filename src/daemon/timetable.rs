//! What is due, and when the next is: pure. croner and chrono-tz know cron and the clock changes; this adds what was missed,
//! the times at which nothing begins, and the jitter.
//!
//! A mark says up to when a pattern is answered. Whatever lies between mark and now is answered by one run, so a daemon that was
//! down for a week, and a clock that jumped, make one run and not many.

use chrono::{LocalResult, TimeDelta, TimeZone};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use sha2::{Digest, Sha256};

use crate::config::{Blackout, CatchUp, Schedule};
use crate::domain::Timestamp;

use super::{Audit, Errand};

/// A mark further ahead than this was set by a clock that was wrong.
const AHEAD_MOST: TimeDelta = TimeDelta::hours(24);

/// The most a slot may be put off: of the night it was meant for nothing else would be left.
const JITTER_MOST: TimeDelta = TimeDelta::hours(24);

/// Windows that follow each other, before the week is taken to be full of them.
const WINDOWS_MOST: usize = 100;

/// What the timetable asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// The audit, which can wait for the others.
    Audit,
    /// The ordinary sync.
    Sync,
    /// The full reconcile, which is a sync, too.
    Full,
}

/// Up to when each pattern is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Of the ordinary sync.
    pub sync: Timestamp,
    /// Of the full reconcile.
    pub full: Timestamp,
    /// Of the audit.
    pub audit: Timestamp,
}

impl Task {
    /// What its run is to do.
    pub fn errand(self) -> Errand {
        match self {
            Self::Audit => Errand::Audit(Audit::default()),
            Self::Sync => Errand::Sync,
            Self::Full => Errand::Full,
        }
    }
}

/// The marks that were kept, as far as they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Of the ordinary sync.
    pub sync: Option<Timestamp>,
    /// Of the full reconcile.
    pub full: Option<Timestamp>,
    /// Of the audit.
    pub audit: Option<Timestamp>,
}

impl Marks {
    /// The marks once a task has begun: a full reconcile answers both.
    #[must_use]
    pub const fn answered(self, task: Task, now: Timestamp) -> Self {
        match task {
            Task::Sync => Self { sync: now, ..self },
            Task::Full => Self { sync: now, full: now, ..self },
            Task::Audit => Self { audit: now, ..self },
        }
    }
}

/// `[schedule]`, ready to be asked.
#[derive(Debug, Clone)]
pub struct Timetable {
    zone: Tz,
    sync: Cron,
    full: Cron,
    audit: Cron,
    catch_up: CatchUp,
    blackout: Vec<Blackout>,
    jitter: TimeDelta,
    /// Makes the jitter another on each installation, and the same at each start.
    seed: String,
}

impl Timetable {
    /// Reads the patterns.
    ///
    /// # Errors
    /// The pattern that cannot be read, and why. The configuration has looked before.
    pub fn new(schedule: &Schedule, seed: &str) -> Result<Self, String> {
        if schedule.jitter.delta() > JITTER_MOST {
            return Err(format!("schedule.jitter is {}; more than a day is no jitter", schedule.jitter));
        }
        Ok(Self {
            zone: schedule.timezone,
            sync: pattern(&schedule.sync)?,
            full: pattern(&schedule.full)?,
            audit: pattern(&schedule.audit)?,
            catch_up: schedule.catch_up,
            blackout: schedule.blackout.clone(),
            jitter: schedule.jitter.delta(),
            seed: seed.to_owned(),
        })
    }

    /// The zone times are told in.
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The patterns and the zone they are read in: what a slot follows from.
    pub fn patterns(&self) -> ([String; 3], Tz) {
        ([&self.sync, &self.full, &self.audit].map(|cron| cron.as_str().to_owned()), self.zone)
    }

    /// The marks to start with, made of those that were kept: a pattern that was never answered is answered up to now, and so is,
    /// with `skip`, one that was missed.
    pub fn start(&self, kept: Kept, now: Timestamp) -> Marks {
        let mark = |task, kept: Option<Timestamp>| {
            let kept = kept.unwrap_or(now);
            let missed = self.next_of(task, kept).is_some_and(|at| at <= now);
            if missed && self.catch_up == CatchUp::Skip { now } else { kept }
        };
        let Kept { sync, full, audit } = kept;
        let audit = mark(Task::Audit, audit);
        self.sane(Marks { sync: mark(Task::Sync, sync), full: mark(Task::Full, full), audit }, now)
    }

    /// Marks that a wrong clock set far ahead would keep everything from running; they are set to now.
    pub fn sane(&self, marks: Marks, now: Timestamp) -> Marks {
        let sane = |mark: Timestamp| if mark > now + AHEAD_MOST { now } else { mark };
        Marks { sync: sane(marks.sync), full: sane(marks.full), audit: sane(marks.audit) }
    }

    /// The next time of each task, soonest first; a pattern may have none left (a 30 February).
    pub fn next(&self, marks: Marks) -> Vec<(Task, Timestamp)> {
        let mut next: Vec<_> = [(Task::Sync, marks.sync), (Task::Full, marks.full), (Task::Audit, marks.audit)]
            .into_iter()
            .filter_map(|(task, mark)| Some((task, self.next_of(task, mark)?)))
            .collect();
        next.sort_by_key(|(_, at)| *at);
        next
    }

    /// When something wanted at this moment may begin: now, or when the windows that cover it have ended.
    pub fn allowed_from(&self, at: Timestamp) -> Timestamp {
        let mut at = at;
        for _ in 0..WINDOWS_MOST {
            let wall = at.with_timezone(&self.zone).naive_local();
            match self.blackout.iter().filter_map(|window| window.end_of(wall)).max() {
                Some(end) => at = self.instant(end, at),
                None => break,
            }
        }
        at
    }

    fn next_of(&self, task: Task, mark: Timestamp) -> Option<Timestamp> {
        let cron = match task {
            Task::Sync => &self.sync,
            Task::Full => &self.full,
            Task::Audit => &self.audit,
        };
        let slot = cron.find_next_occurrence(&mark.with_timezone(&self.zone), false).ok()?.to_utc();
        Some(self.allowed_from(slot + self.delay(slot)))
    }

    /// The jitter of one slot.
    fn delay(&self, slot: Timestamp) -> TimeDelta {
        let most = self.jitter.num_seconds();
        if most <= 0 {
            return TimeDelta::zero();
        }
        let print = Sha256::digest(format!("{} {}", self.seed, slot.timestamp()));
        let number = print.iter().take(7).fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        TimeDelta::seconds(number % most)
    }

    /// The first moment after `after` at which the wall clock shows `wall`, or what follows a gap that swallowed it.
    fn instant(&self, wall: chrono::NaiveDateTime, after: Timestamp) -> Timestamp {
        /// Clock changes swallow an hour, Lord Howe's half of one; no zone's swallows more than a day.
        const GAP_MOST: i64 = 24 * 60;
        for minutes in 0..=GAP_MOST {
            match self.zone.from_local_datetime(&(wall + TimeDelta::minutes(minutes))) {
                LocalResult::Single(at) => return at.to_utc().max(after),
                LocalResult::Ambiguous(first, second) => {
                    return if first > after { first.to_utc() } else { second.to_utc() };
                }
                LocalResult::None => {}
            }
        }
        after
    }
}

/// What should begin now, of the next times: a full reconcile before a sync, which it answers too, and the audit last.
pub fn due(next: &[(Task, Timestamp)], now: Timestamp) -> Option<Task> {
    next.iter().filter(|(_, at)| *at <= now).map(|(task, _)| *task).max()
}

fn pattern(text: &str) -> Result<Cron, String> {
    CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build()
        .parse(text)
        .map_err(|why| format!("the pattern '{text}' cannot be read: {why}"))
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
