//! More customers of one millisecond than a page shows: read in parts, one for each status.
//!
//! A cursor is a time and the order has no second key, so what shares a millisecond with a whole page cannot be reached by
//! paging (pivotal-api.md 6, tie hazard). The one documented filter, `status`, cuts such a millisecond into parts that may
//! each fit a page. Where one does not, or a status is none of the documented words, the walk says that it may be incomplete.

use crate::domain::{Cursor, Kind, Timestamp};
use crate::ports::{RemoteObject, RemotePage};

use super::wire;

/// The words that the documents know, of which any one may be unknown to a workspace (pivotal-api.md 10.1).
const STATUSES: [&str; 5] = ["active", "onboarding", "at_risk", "churned", "archived"];
/// What tells such a cursor from a plain one, which is a time.
const MARK: &str = "tied";

/// A place inside a tied millisecond.
pub(super) struct Tied {
    /// The millisecond, as Pivotal's own cursor names it: the walk goes on from there.
    at: String,
    /// A cursor that shows it.
    pub(super) just_after: String,
    part: usize,
}

impl Tied {
    /// The first part of a millisecond that fills a whole page; none where nothing can be done about it.
    pub(super) fn at(kind: Kind, cursor: &Cursor, objects: &[RemoteObject]) -> Option<Self> {
        let known = |o: &RemoteObject| o.fields.text("status").is_some_and(|status| STATUSES.contains(&status));
        if kind != Kind::Customer || !objects.iter().all(known) {
            return None;
        }
        Self::of(&cursor.0, 0)
    }

    pub(super) fn read(cursor: &Cursor) -> Option<Self> {
        let mut words = cursor.0.strip_prefix(MARK)?.split('|').skip(1);
        let (part, at) = (words.next()?.parse().ok()?, words.next()?);
        Self::of(at, part)
    }

    fn of(at: &str, part: usize) -> Option<Self> {
        let (_, just_after) = wire::just_after(wire::instant(at)?)?;
        (part < STATUSES.len()).then(|| Self { at: at.to_owned(), just_after, part })
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor(format!("{MARK}|{}|{}", self.part, self.at))
    }

    pub(super) fn status(&self) -> &'static str {
        STATUSES.get(self.part).copied().unwrap_or_default()
    }

    /// The part's page, and where to go on: the next part, or what is older than the millisecond.
    pub(super) fn page(&self, objects: Vec<RemoteObject>, has_more: bool) -> RemotePage {
        let millisecond = wire::instant(&self.at).map(|at: Timestamp| at.timestamp_millis());
        let is_tied = |o: &RemoteObject| o.created_at.map(|at| at.timestamp_millis()) == millisecond;
        let possibly_incomplete = has_more && objects.iter().all(is_tied);
        let next = Self::of(&self.at, self.part + 1).map_or_else(|| Cursor(self.at.clone()), |next| next.cursor());
        RemotePage { objects, next: Some(next), possibly_incomplete }
    }
}
