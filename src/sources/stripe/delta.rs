//! Deltas: windows of events, collapsed to objects that are read anew (stripe-api.md 4).

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::domain::{ApiError, Fault, Pulled, Stream, Timestamp};
use crate::http::Request;
use crate::ports::{Page, PageEnd};

use super::Stripe;
use super::cursor::{Events, Filter, Shared, State, Walk};
use super::events::{self, Touched};
use super::heard;
use super::notes::Relisted;
use super::pull::{is_gone, is_lost_place};
use super::wire::{Event, List, id_of};

/// Age at which events are no longer trusted to be all there: Stripe keeps them 30 days (trap 2).
const EVENTS_KEPT: i64 = 29 * 86_400;
/// Seconds after which the end of a window is old news.
const RESTED: i64 = 600;
/// Seconds that a cursor may lie ahead of Stripe's clock at most.
const SKEW_MOST: i64 = 300;
/// Objects fetched singly in one delta; a listing is cheaper beyond.
const TOUCHED_MOST: usize = 5_000;
/// Shared lists read in one delta; a listing is cheaper beyond.
const LISTS_MOST: usize = 200;
/// Event ids remembered of the overlap; those beyond only cause a second look.
const SEEN_MOST: usize = 5_000;

impl Stripe {
    /// One page of a delta: of events and what they touch, or of subscriptions that share something which changed.
    pub(super) async fn events_page(&self, stream: Stream, events: Events) -> Result<Page, ApiError> {
        let Events { high, seen, walk, mut known } = events;
        if known.blind && walk.is_none() && self.catalogue.coupons_are_back(&self.api).await? {
            return Ok(self.relist(stream, Relisted::CouponsBack, BTreeSet::new()));
        }
        let reading = walk.as_ref().is_none_or(|walk| walk.after.is_some());
        let (mut walk, records, now) = if reading {
            let Some((list, now, walk)) = self.listed_events(stream, high, walk).await? else {
                return Ok(self.relist(stream, Relisted::TooOld, BTreeSet::new()));
            };
            if let Some(why) = self.lost(high, now) {
                return Ok(self.relist(stream, why, BTreeSet::new()));
            }
            // Younger events are followed too, but `high` stays behind them: older ones may still appear (trap 4).
            let to = high.max(now.timestamp() - self.lag);
            let mut walk = walk.unwrap_or_else(|| Walk { to, ..Walk::default() });
            let Some(ids) = self.take_in(stream, &list, &seen, &mut walk).await? else {
                return Ok(self.relist(stream, Relisted::Coupon, walk.seen));
            };
            let records = self.read_each(stream, ids.iter().map(String::as_str)).await?;
            walk.done.extend(ids);
            (walk, records, now)
        } else {
            let mut walk = walk.unwrap_or_default();
            let (records, now) = self.shared_page(stream, &mut walk).await?;
            (walk, records, now)
        };
        if walk.done.len() > TOUCHED_MOST || walk.lists.len() > LISTS_MOST {
            return Ok(self.relist(stream, Relisted::TooMuch, walk.seen));
        }
        self.learn(stream, &mut known);
        Ok(if walk.after.is_none() && walk.lists.is_empty() {
            // A walk that rested is through with an old window: what happened since is a window of its own.
            let rested = now.timestamp() - walk.to > self.lag + RESTED;
            let state = State::followed(walk.to, std::mem::take(&mut walk.seen), known);
            Page { records, cursor: state.cursor(), end: if rested { PageEnd::More } else { PageEnd::Delta } }
        } else {
            let state = State::Events(Events { high, seen, walk: Some(walk), known });
            Page { records, cursor: state.cursor(), end: PageEnd::More }
        })
    }

    /// Why events cannot be followed from `high`, if they cannot. It is when the account was last asked, not when it last had
    /// an event: a quiet month is no lost place.
    fn lost(&self, high: i64, now: Timestamp) -> Option<Relisted> {
        let age = now.timestamp() - high;
        if age > EVENTS_KEPT {
            Some(Relisted::TooOld)
        } else if age < -self.overlap.max(SKEW_MOST) {
            Some(Relisted::Ahead)
        } else {
            None
        }
    }

    /// A delta that cannot be followed turns into a listing, which begins with the next page.
    pub(super) fn relist(&self, stream: Stream, why: Relisted, seen: BTreeSet<String>) -> Page {
        self.notes.relisted(stream, why);
        Page { records: Vec::new(), cursor: State::beginning(seen, self.api.live()).cursor(), end: PageEnd::More }
    }

    /// One page of events, and the walk it belongs to; `None` when events can no longer be followed.
    async fn listed_events(
        &self,
        stream: Stream,
        high: i64,
        walk: Option<Walk>,
    ) -> Result<Option<(List, Timestamp, Option<Walk>)>, ApiError> {
        let from = (high - self.overlap).max(0);
        if walk.is_none()
            && let Some((list, now)) = self.begun(stream, from, high).await?
        {
            return Ok(Some((list, now, None)));
        }
        let from_top = window(from, events::types(stream).iter().copied());
        let mut request = from_top.clone();
        if let Some(after) = walk.as_ref().and_then(|walk| walk.after.as_ref()) {
            request = request.query("starting_after", after);
        }
        match self.api.list(request).await {
            Ok((list, now)) => Ok(Some((list, now, walk))),
            Err(error) if error.fault == Fault::Expired => Ok(None),
            // The event has aged out while a walk rested. A new walk begins, for what the old one fetched may have changed.
            Err(error) if is_lost_place(&error) => {
                let (list, now) = self.api.list(from_top).await?;
                Ok(Some((list, now, None)))
            }
            Err(error) => Err(error),
        }
    }

    /// The first events of a window where they cost nothing: the second stream takes what the first one heard, and the first
    /// one asks for both. `None` when the stream must ask for its own.
    async fn begun(&self, stream: Stream, from: i64, high: i64) -> Result<Option<(List, Timestamp)>, ApiError> {
        if stream != Stream::StripeCustomers {
            return Ok(self.heard.take(stream, from, high));
        }
        let (list, now) = match self.api.list(window(from, events::all_types())).await {
            Ok(answer) => answer,
            // The stream's own question says what is wrong.
            Err(error) if error.fault == Fault::Expired => return Ok(None),
            Err(error) => return Err(error),
        };
        self.heard.keep(from, &list, now);
        let own = heard::of(stream, list);
        // The walk goes on after the last event of its own: of a page without one, nothing is of use.
        Ok((!own.has_more || !own.data.is_empty()).then_some((own, now)))
    }

    /// Collapses a page of events to the objects to fetch, and notes in the walk what else follows. `None` when nothing
    /// short of a complete listing will do.
    async fn take_in(
        &self,
        stream: Stream,
        list: &List,
        seen: &BTreeSet<String>,
        walk: &mut Walk,
    ) -> Result<Option<BTreeSet<String>>, ApiError> {
        let (mut ids, mut everything) = (BTreeSet::new(), false);
        for raw in &list.data {
            let Ok(event) = serde_json::from_value::<Event>(Json::Object(raw.clone())) else {
                let id = id_of(raw);
                tracing::warn!(
                    id,
                    "a Stripe event of an unknown shape is passed over: {}",
                    id.unwrap_or("without an id")
                );
                continue;
            };
            if event.created >= walk.to - self.overlap && walk.seen.len() < SEEN_MOST {
                walk.seen.insert(event.id.clone());
            }
            if seen.contains(&event.id) {
                continue;
            }
            if event.livemode.is_some_and(|live| self.api.live().is_some_and(|of_key| of_key != live)) {
                self.notes.foreign_event();
                continue;
            }
            match events::touched(stream, &event) {
                Touched::Record(id) if !walk.done.contains(&id) => drop(ids.insert(id)),
                Touched::Shared(by, id) => self.share(walk, by, id).await,
                Touched::Product(id) => {
                    self.catalogue.forget(&id).await;
                    for price in self.api.every("/v1/prices", &[("product", &id)]).await? {
                        self.share(walk, Filter::Price, id_of(&price).unwrap_or_default().to_owned()).await;
                    }
                }
                Touched::Everything => everything = true,
                Touched::Record(_) | Touched::Nothing => {}
            }
        }
        let last = list.data.last().and_then(id_of).filter(|_| list.has_more);
        walk.after = last.map(str::to_owned);
        Ok((!everything).then_some(ids))
    }

    async fn share(&self, walk: &mut Walk, by: Filter, id: String) {
        self.catalogue.forget(&id).await;
        let shared = Shared { by, id, after: None };
        if !walk.lists.iter().any(|list| list.by == by && list.id == shared.id) {
            walk.lists.push(shared);
        }
    }

    /// One page of a list of subscriptions that share something.
    async fn shared_page(&self, stream: Stream, walk: &mut Walk) -> Result<(Vec<Pulled>, Timestamp), ApiError> {
        let Some(shared) = walk.lists.last_mut() else { return Ok((Vec::new(), Timestamp::default())) };
        let mut query = vec![(shared.by.as_str(), shared.id.as_str())];
        query.extend(shared.after.iter().map(|after| ("starting_after", after.as_str())));
        let (list, now) = match self.listed(stream, &query).await {
            // What they shared is gone; their own events say the rest.
            Err(error) if is_gone(&error) && error.field.as_deref() != Some("starting_after") => {
                (List { data: Vec::new(), has_more: false }, Timestamp::default())
            }
            other => other?,
        };
        match list.data.last().and_then(id_of).filter(|_| list.has_more) {
            Some(last) => shared.after = Some(last.to_owned()),
            None => drop(walk.lists.pop()),
        }
        Ok((self.records(stream, list.data, now).await?, now))
    }
}

fn window(from: i64, types: impl Iterator<Item = &'static str>) -> Request {
    let request = Request::get("/v1/events").query("created[gte]", from.to_string());
    types.fold(request, |request, kind| request.query("types[]", kind))
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
