//! Objects in list order: newest first by `created`, and by arrival within one second.

use std::collections::{BTreeMap, HashMap};

use super::params::Page;
use super::reply::Reply;
use crate::domain::Timestamp;

/// Where an object stands in its list: created, in seconds, and arrival.
pub(super) type Place = (i64, u64);

/// What a list needs to know of its objects.
pub(super) trait Listed {
    fn id(&self) -> &str;
    fn created(&self) -> Timestamp;
    /// Deleted objects keep their place, for cursors, but are never listed.
    fn deleted(&self) -> bool {
        false
    }
}

/// All objects of one kind.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    rows: BTreeMap<Place, T>,
    places: HashMap<String, Place>,
    arrivals: u64,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), places: HashMap::new(), arrivals: 0 }
    }
}

impl<T: Listed> Shelf<T> {
    pub(super) fn insert(&mut self, object: T) -> Place {
        self.arrivals += 1;
        let place = (object.created().timestamp(), self.arrivals);
        self.places.insert(object.id().to_owned(), place);
        self.rows.insert(place, object);
        place
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(self.places.get(id)?)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.rows.get_mut(self.places.get(id)?)
    }

    /// Takes the object away without a trace.
    pub(super) fn remove(&mut self, id: &str) {
        if let Some(place) = self.places.remove(id) {
            self.rows.remove(&place);
        }
    }

    pub(super) fn at(&self, place: Place) -> Option<&T> {
        self.rows.get(&place)
    }

    /// Newest first, the deleted included.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.rows.values().rev()
    }

    /// Drops everything created before.
    pub(super) fn forget_before(&mut self, created: i64) {
        let kept = self.rows.split_off(&(created, 0));
        for (_, old) in std::mem::replace(&mut self.rows, kept) {
            self.places.remove(old.id());
        }
    }

    /// The objects between a page's bounds, oldest first.
    pub(super) fn between(&self, (low, high): (Place, Place)) -> impl DoubleEndedIterator<Item = &T> {
        // An inverted range would panic: it is an empty one.
        self.rows.range(low.min(high)..high).map(|(_, row)| row)
    }

    /// The places that a page may show, low included and high not: its cursor and its `created` window.
    ///
    /// A cursor that was never here is a 400, as is (see the switches) one that was deleted.
    pub(super) fn bounds(&self, page: &Page, what: &str, strict: bool) -> Result<(Place, Place), Reply> {
        let find = |param: &'static str, id: &Option<String>| {
            let Some(id) = id else { return Ok(None) };
            let place = self.places.get(id).filter(|place| {
                let row = self.rows.get(*place);
                !strict || row.is_some_and(|row| !row.deleted())
            });
            place.copied().map(Some).ok_or_else(|| Reply::no_such(400, what, id, Some(param)))
        };
        let after = find("starting_after", &page.starting_after)?;
        let before = find("ending_before", &page.ending_before)?;
        let low = before.map_or((i64::MIN, 0), |(created, arrival)| (created, arrival + 1));
        let high = after.unwrap_or((i64::MAX, u64::MAX));
        Ok((low.max((page.created.0, 0)), high.min((page.created.1, 0))))
    }
}

/// One page out of candidates that come oldest first, newest first, and whether there is more in its direction (traps 6
/// and 7).
pub(super) fn cut<'a, T>(
    page: &Page,
    candidates: impl DoubleEndedIterator<Item = &'a T>,
    shown: impl Fn(&T) -> bool,
) -> (Vec<&'a T>, bool) {
    let wanted = page.limit + 1;
    let mut rows: Vec<&T> = if page.ending_before.is_some() {
        candidates.filter(|row| shown(row)).take(wanted).collect()
    } else {
        candidates.rev().filter(|row| shown(row)).take(wanted).collect()
    };
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    if page.ending_before.is_some() {
        rows.reverse();
    }
    (rows, more)
}
