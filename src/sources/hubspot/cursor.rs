//! How far a stream has been pulled: a small state machine, stored as JSON text. Pure.
//!
//! ```text
//! (none) → listing … → resting → sweeping … → changing … → rolling … → resting → …
//! ```
//!
//! A listing looks at the archived records first, and notes the server's clock at its first answer; that becomes the watermark,
//! so whatever changed while it ran is met again. Then each run sweeps the archived records first, because the answers' `Date` header tells "now" for free (trap 30), and
//! then searches the window `[watermark − overlap, now − lag]`, which stays frozen until it is read to its end (traps 2, 5). The
//! new watermark is the end of that window, never "now". Last comes a stretch of all live records, read again for what moves no
//! date (trap 12); where it stops the next run goes on, and past the end it begins anew. The run that has just listed them all
//! leaves it out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::{ApiError, Cursor, Fault, Span, Timestamp};

use super::home::Home;

/// Where a pull stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "lowercase")]
pub(super) enum State {
    /// Inside a complete listing.
    Listing(Listing),
    /// Between two runs.
    Resting(Resting),
    /// Inside a sweep over the archived records.
    Sweeping(Sweeping),
    /// Inside a window of changes.
    Changing(Changing),
    /// Inside a stretch of records that are read again.
    Rolling(Rolling),
}

/// A complete listing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// The server's clock at the first answer.
    pub since: Option<Timestamp>,
    /// The next page.
    pub after: Option<String>,
    /// The archived records, listed before the live ones: what is restored before the next run may carry no later stamp
    /// than it had (trap 9), and nobody would look at it.
    #[serde(default)]
    pub archived: Archived,
    /// How far that list was read.
    #[serde(default)]
    pub before: Before,
}

/// The archived list at the beginning of a complete listing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Before {
    /// Not begun.
    #[default]
    Ahead,
    /// Its next page.
    After(String),
    /// Read to its end.
    Done,
}

/// What is kept between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resting {
    /// Every change up to here was read.
    pub watermark: Timestamp,
    /// Every archived record up to here was told.
    pub swept: Timestamp,
    /// Records read in the stretch the next window overlaps.
    #[serde(default)]
    pub seen: Seen,
    /// Records that the last sweep showed. One that the next sweep does not show was restored, or purged (trap 9).
    #[serde(default)]
    pub archived: Archived,
    /// The last record that was read again for its links; nothing at the beginning of a round.
    #[serde(default)]
    pub rolled: Option<String>,
    /// A complete listing has just ended here, links and all: the next delta has no stretch to read again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
}

/// A stretch of records that are read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rolling {
    /// What the run has come to otherwise; its `rolled` moves on.
    pub rest: Resting,
    /// Records still to be read.
    pub left: u32,
}

/// A sweep over the archived records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sweeping {
    /// What the run started from; its archived records are those that this sweep has not shown yet.
    pub rest: Resting,
    /// The server's clock at the sweep's first answer.
    pub began: Option<Timestamp>,
    /// The next page.
    pub after: Option<String>,
    /// What this sweep showed.
    #[serde(default)]
    pub met: Archived,
}

/// A frozen window of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changing {
    /// First instant of the window, included.
    pub from: Timestamp,
    /// Last instant of the window, included.
    pub to: Timestamp,
    /// The highest id read: the search goes on above it, so it never pages past 10,000 (trap 6).
    pub last: Option<String>,
    /// When the sweep of this run began.
    pub swept: Timestamp,
    /// What it showed.
    #[serde(default)]
    pub archived: Archived,
    /// Read in the window before.
    #[serde(default)]
    pub seen: Seen,
    /// Read in this window, near its end.
    #[serde(default)]
    pub met: Seen,
    /// Carried through: see [`Resting::rolled`].
    #[serde(default)]
    pub rolled: Option<String>,
    /// Carried through: see [`Resting::listed`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
}

/// Record id to the stamp (epoch milliseconds) under which it was already read. Small, or nothing at all: beyond
/// [`Seen::MOST`] the overlap is simply read again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Seen(Option<BTreeMap<String, i64>>);

impl Seen {
    /// Most records remembered; a cursor is written with every page.
    pub const MOST: usize = 500;

    /// Nothing seen yet.
    pub fn empty() -> Self {
        Self(Some(BTreeMap::new()))
    }

    /// Whether this record was read under this very stamp (trap 1).
    pub fn holds(&self, id: &str, stamp: Timestamp) -> bool {
        self.0.as_ref().is_some_and(|seen| seen.get(id) == Some(&stamp.timestamp_millis()))
    }

    /// Remembers a record; forgets everything when there is too much to remember.
    pub fn add(&mut self, id: &str, stamp: Timestamp) {
        if let Some(seen) = &mut self.0 {
            seen.insert(id.to_owned(), stamp.timestamp_millis());
            if seen.len() > Self::MOST {
                self.0 = None;
            }
        }
    }
}

/// The latest archived records, by time of archiving (epoch milliseconds; 0 when not told): at most [`Archived::MOST`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Archived(BTreeSet<(i64, String)>);

impl Archived {
    /// Most records watched; a cursor is written with every page.
    pub const MOST: usize = 500;

    /// Watches a record, instead of the one that was archived longest ago if there are too many.
    pub fn add(&mut self, id: &str, at: Option<Timestamp>) {
        self.0.insert((at.map_or(0, |at| at.timestamp_millis()), id.to_owned()));
        if self.0.len() > Self::MOST {
            self.0.pop_first();
        }
    }

    /// Takes out those that are shown.
    pub fn without(&mut self, shown: &BTreeSet<String>) {
        self.0.retain(|(_, id)| !shown.contains(id));
    }

    /// The ids.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(_, id)| id)
    }
}

/// The stored form, so that a later version can tell an older one's text.
#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    /// Whose records these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    home: Option<Home>,
    #[serde(flatten)]
    state: State,
}

const VERSION: u32 = 1;

impl State {
    /// The beginning of a complete listing.
    pub fn start() -> Self {
        Self::Listing(Listing::default())
    }

    /// The text to store.
    pub fn to_cursor(&self, home: Option<&Home>) -> Cursor {
        let stored = Stored { v: VERSION, home: home.cloned(), state: self.clone() };
        // Plain maps of text and numbers: nothing here can fail to print. If it ever did, the empty text reads as expired.
        Cursor(serde_json::to_string(&stored).unwrap_or_default())
    }

    /// Reads a stored text. One that this version cannot read is [`Fault::Expired`]: list everything.
    pub fn read(cursor: &Cursor) -> Result<(Self, Option<Home>), ApiError> {
        let expired = |message: String| ApiError {
            fault: Fault::Expired,
            api: "HubSpot",
            endpoint: "cursor".to_owned(),
            status: None,
            code: None,
            field: None,
            message,
            request_id: None,
        };
        let stored: Stored = serde_json::from_str(&cursor.0)
            .map_err(|error| expired(format!("the stored cursor cannot be read ({error})")))?;
        if stored.v != VERSION {
            return Err(expired(format!("the stored cursor is of version {}, not {VERSION}", stored.v)));
        }
        Ok((stored.state, stored.home))
    }
}

impl Listing {
    /// The state after the last page, whose answer came at `now` if it was the first as well.
    pub fn finished(self, now: Timestamp) -> State {
        let since = self.since.unwrap_or(now);
        State::Resting(Resting {
            watermark: since,
            swept: since,
            seen: Seen::default(),
            archived: self.archived,
            rolled: None,
            listed: true,
        })
    }
}

impl Resting {
    /// Whether a record archived then may not have been told yet.
    pub fn is_news(&self, archived_at: Option<Timestamp>, overlap: Span) -> bool {
        archived_at.is_none_or(|at| at >= earlier(self.swept, overlap))
    }

    /// The state before this run's sweep.
    pub fn sweep(self) -> Sweeping {
        Sweeping { rest: self, began: None, after: None, met: Archived::default() }
    }
}

impl Sweeping {
    /// Freezes the window of this run: `now` is the server's clock at the sweep's last answer. The window never ends before
    /// the last one did, whatever the clocks do.
    pub fn window(self, now: Timestamp, overlap: Span, lag: Span) -> Changing {
        // The clock comes in whole seconds, so "now" is anywhere within that second: the window ends with it, and the next one
        // begins before it.
        let within = chrono::TimeDelta::seconds(1);
        Changing {
            from: earlier(self.rest.watermark, overlap).min(self.rest.watermark - within),
            to: (earlier(now, lag) + within).max(self.rest.watermark),
            last: None,
            swept: self.began.unwrap_or(now),
            archived: self.met,
            seen: self.rest.seen,
            met: Seen::empty(),
            rolled: self.rest.rolled,
            listed: self.rest.listed,
        }
    }
}

impl Changing {
    /// Takes in one hit: whether it must be read.
    pub fn take(&mut self, id: &str, stamp: Option<Timestamp>, overlap: Span) -> bool {
        let Some(stamp) = stamp else { return true };
        if stamp >= earlier(self.to, overlap) {
            self.met.add(id, stamp);
        }
        !self.seen.holds(id, stamp)
    }

    /// The state after the window's last page, when `sweep` records are to be read again in each run but the one that has
    /// just listed them.
    pub fn finished(self, sweep: u32) -> State {
        let Self { to: watermark, swept, archived, met: seen, rolled, listed, .. } = self;
        let rest = Resting { watermark, swept, seen, archived, rolled, listed: false };
        if sweep == 0 || listed { State::Resting(rest) } else { State::Rolling(Rolling { rest, left: sweep }) }
    }
}

impl Rolling {
    /// The state after `read` records, of which the last is `after`; there is none at the end of the round.
    pub fn went_on(self, read: usize, after: Option<String>) -> State {
        let left = self.left.saturating_sub(u32::try_from(read).unwrap_or(u32::MAX));
        let done = after.is_none() || left == 0;
        let rest = Resting { rolled: after, ..self.rest };
        if done { State::Resting(rest) } else { State::Rolling(Self { rest, left }) }
    }
}

fn earlier(at: Timestamp, by: Span) -> Timestamp {
    // Never before the epoch: that is older than any record.
    at.checked_sub_signed(by.delta()).map_or(Timestamp::UNIX_EPOCH, |t| t.max(Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod tests;
