//! Pages: complete listings, and deltas by way of events (stripe-api.md 3, 4).

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use futures::stream::{StreamExt, TryStreamExt};
use serde_json::Value as Json;

use crate::domain::{ApiError, Fault, Gone, PullMode, Pulled, SourceKey, Stream, Timestamp};
use crate::http::Request;
use crate::ports::{Page, PageEnd};

use super::Stripe;
use super::cursor::{Events, Filter, Listing, Shared, State, Walk};
use super::events::{self, Touched};
use super::facts;
use super::wire::{Event, Item, List, Raw, Subscription, id_of, is_deleted, on_test_clock};

/// Age at which events are no longer trusted to be all there: Stripe keeps them 30 days (trap 2).
const EVENTS_KEPT: i64 = 29 * 86_400;
/// Objects fetched singly in one delta; a listing is cheaper beyond.
const TOUCHED_MOST: usize = 5_000;
/// Shared lists read in one delta; a listing is cheaper beyond.
const LISTS_MOST: usize = 200;
/// Event ids remembered of the overlap; those beyond only cause a second look.
const SEEN_MOST: usize = 5_000;
/// Single objects asked for at once.
const AT_ONCE: usize = 4;

/// What is expanded on one subscription; `discounts` go only where coupons may be read.
const WITH: [&str; 3] = ["customer", "discounts.source.coupon", "items.data.discounts"];

impl Stripe {
    /// The next page of a stream.
    pub(super) async fn page(&self, stream: Stream, state: Option<State>, mode: PullMode) -> Result<Page, ApiError> {
        match (state, mode) {
            (Some(State::Listing(listing)), _) => self.listing_page(stream, listing).await,
            (Some(State::Events(events)), PullMode::Changes) => self.events_page(stream, events).await,
            _ => self.listing_page(stream, Listing::default()).await,
        }
    }

    async fn listing_page(&self, stream: Stream, listing: Listing) -> Result<Page, ApiError> {
        if stream == Stream::StripeSubscriptions {
            self.catalogue_for(&listing).await?;
        }
        let (list, now) = self.listed_after(stream, &listing.after).await?;
        let since = listing.since.unwrap_or_else(|| now.timestamp());
        let ids = || list.data.iter().rev().filter_map(id_of).map(str::to_owned);
        // The last of this page, and should it be deleted by then, its neighbour, or the last of the page before.
        let after: Vec<_> = ids().take(2).chain(listing.after.into_iter().take(1)).collect();
        let has_more = list.has_more;
        let records = self.records(stream, list.data, now).await?;
        Ok(if has_more {
            let state = State::Listing(Listing { since: Some(since), after });
            Page { records, cursor: state.cursor(), end: PageEnd::More }
        } else {
            Page { records, cursor: State::followed(since, BTreeSet::new()).cursor(), end: PageEnd::Listing }
        })
    }

    /// The catalogue is read anew when a listing begins, and once when one goes on after a restart.
    async fn catalogue_for(&self, listing: &Listing) -> Result<(), ApiError> {
        let fresh = self.catalogue_read.load(Ordering::Relaxed);
        if listing.since.is_none() || !fresh {
            self.catalogue.read_all(&self.api).await?;
            self.catalogue_read.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The page after the first of these ids that still works, or from the top (trap 18).
    async fn listed_after(&self, stream: Stream, after: &[String]) -> Result<(List, Timestamp), ApiError> {
        for id in after {
            match self.listed(stream, &[("starting_after", id)]).await {
                Err(error) if is_lost_place(&error) => tracing::debug!(%error, "going on from an earlier place"),
                other => return other,
            }
        }
        self.listed(stream, &[]).await
    }

    async fn listed(&self, stream: Stream, query: &[(&str, &str)]) -> Result<(List, Timestamp), ApiError> {
        let request = |expand: &[&str]| {
            let mut request = Request::get(path(stream));
            if stream == Stream::StripeSubscriptions {
                // Without it the canceled ones are left out (trap 25).
                request = request.query("status", "all");
            }
            let expanded = expand.iter().map(|path| ("expand[]", format!("data.{path}")));
            let query = query.iter().map(|(name, value)| (*name, (*value).to_owned()));
            expanded.chain(query).fold(request, |request, (name, value)| request.query(name, value))
        };
        if stream == Stream::StripeCustomers {
            return self.api.list(request(&[])).await;
        }
        match self.api.list(request(self.expansions())).await {
            Err(error) if self.is_about_coupons(&error).await? => self.api.list(request(self.expansions())).await,
            other => other,
        }
    }

    fn expansions(&self) -> &'static [&'static str] {
        if self.catalogue.shows_coupons() { &WITH } else { &WITH[..1] }
    }

    async fn is_about_coupons(&self, error: &ApiError) -> Result<bool, ApiError> {
        Ok(matches!(error.fault, Fault::Forbidden { .. }) && self.catalogue.blames_coupons(&self.api).await?)
    }

    async fn events_page(&self, stream: Stream, events: Events) -> Result<Page, ApiError> {
        let Events { high, seen, walk } = events;
        let reading = walk.as_ref().is_none_or(|walk| walk.after.is_some());
        let (mut walk, records) = if reading {
            let Some((list, now)) = self.listed_events(stream, high, walk.as_ref()).await? else { return Ok(relist()) };
            if now.timestamp() - high > EVENTS_KEPT {
                tracing::info!(%stream, "the last pull is longer ago than Stripe keeps events: listing everything");
                return Ok(relist());
            }
            // Younger events are followed too, but followed again next time, when late ones have appeared (trap 4).
            let to = high.max(now.timestamp() - self.lag);
            let mut walk = walk.unwrap_or_else(|| Walk { to, ..Walk::default() });
            let Some(ids) = self.take_in(stream, &list, &seen, &mut walk).await? else { return Ok(relist()) };
            let records = self.read_each(stream, ids.iter().map(String::as_str)).await?;
            walk.done.extend(ids);
            (walk, records)
        } else {
            let mut walk = walk.unwrap_or_default();
            let records = self.shared_page(stream, &mut walk).await?;
            (walk, records)
        };
        if walk.done.len() > TOUCHED_MOST || walk.lists.len() > LISTS_MOST {
            tracing::info!(%stream, "more has changed than is worth fetching singly: listing everything");
            return Ok(relist());
        }
        Ok(if walk.after.is_none() && walk.lists.is_empty() {
            let state = State::followed(walk.to, std::mem::take(&mut walk.seen));
            Page { records, cursor: state.cursor(), end: PageEnd::Delta }
        } else {
            let state = State::Events(Events { high, seen, walk: Some(walk) });
            Page { records, cursor: state.cursor(), end: PageEnd::More }
        })
    }

    /// One page of events; `None` when they can no longer be followed.
    async fn listed_events(
        &self,
        stream: Stream,
        high: i64,
        walk: Option<&Walk>,
    ) -> Result<Option<(List, Timestamp)>, ApiError> {
        let mut request = Request::get("/v1/events").query("created[gte]", (high - self.overlap).max(0).to_string());
        for kind in events::types(stream) {
            request = request.query("types[]", *kind);
        }
        let from_top = request.clone();
        if let Some(after) = walk.and_then(|walk| walk.after.as_ref()) {
            request = request.query("starting_after", after);
        }
        match self.api.list(request).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.fault == Fault::Expired => Ok(None),
            // The event has aged out while a walk rested; what was fetched since the walk began stays fetched.
            Err(error) if is_lost_place(&error) => self.api.list(from_top).await.map(Some),
            Err(error) => Err(error),
        }
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
        let mut ids = BTreeSet::new();
        for raw in &list.data {
            let Ok(event) = serde_json::from_value::<Event>(Json::Object(raw.clone())) else {
                tracing::warn!(id = id_of(raw), "a Stripe event of an unknown shape is passed over");
                continue;
            };
            if event.created >= walk.to - self.overlap && walk.seen.len() < SEEN_MOST {
                walk.seen.insert(event.id.clone());
            }
            if seen.contains(&event.id) {
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
                Touched::Everything => return Ok(None),
                Touched::Record(_) | Touched::Nothing => {}
            }
        }
        let last = list.data.last().and_then(id_of).filter(|_| list.has_more);
        walk.after = last.map(str::to_owned);
        Ok(Some(ids))
    }

    async fn share(&self, walk: &mut Walk, by: Filter, id: String) {
        self.catalogue.forget(&id).await;
        let shared = Shared { by, id, after: None };
        if !walk.lists.iter().any(|list| list.by == by && list.id == shared.id) {
            walk.lists.push(shared);
        }
    }

    /// One page of a list of subscriptions that share something.
    async fn shared_page(&self, stream: Stream, walk: &mut Walk) -> Result<Vec<Pulled>, ApiError> {
        let Some(shared) = walk.lists.last_mut() else { return Ok(Vec::new()) };
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
        self.records(stream, list.data, now).await
    }

    /// Reads objects singly: one answer for each id.
    pub(super) async fn read_each(
        &self,
        stream: Stream,
        ids: impl Iterator<Item = &str>,
    ) -> Result<Vec<Pulled>, ApiError> {
        let wanted: Vec<String> = ids.map(str::to_owned).collect();
        let found = futures::stream::iter(wanted).map(|id| async move {
            let (raw, now) = self.one(stream, &id).await?;
            match raw {
                Some(raw) => self.records(stream, vec![raw], now).await,
                None => Ok(vec![Pulled::Gone(SourceKey::new(stream, id), Gone::Deleted)]),
            }
        });
        let found: Vec<Vec<Pulled>> = found.buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn one(&self, stream: Stream, id: &str) -> Result<(Option<Raw>, Timestamp), ApiError> {
        if stream == Stream::StripeCustomers {
            return self.api.get("customers", id, &[]).await;
        }
        match self.api.get("subscriptions", id, self.expansions()).await {
            Err(error) if self.is_about_coupons(&error).await? => {
                self.api.get("subscriptions", id, self.expansions()).await
            }
            other => other,
        }
    }

    /// Objects as records. Those on a test clock are left out.
    async fn records(&self, stream: Stream, found: Vec<Raw>, now: Timestamp) -> Result<Vec<Pulled>, ApiError> {
        let found = found.into_iter().filter(|raw| !on_test_clock(raw));
        if stream == Stream::StripeCustomers {
            return Ok(found.map(|raw| self.customer(&raw)).collect());
        }
        let mut read = Vec::new();
        for raw in found {
            let id = id_of(&raw).unwrap_or_default().to_owned();
            let decoded = if is_deleted(&raw) { Ok(None) } else { self.whole(&id, raw).await?.map(Some) };
            read.push((id, decoded));
        }
        let needed: Vec<_> = read.iter().filter_map(|(_, decoded)| decoded.as_ref().ok()?.as_ref()).collect();
        let shelf = self.catalogue.stocked(&self.api, &needed).await?;
        let records = read.iter().map(|(id, decoded)| {
            let key = || SourceKey::new(stream, id.as_str());
            match decoded {
                Ok(Some(subscription)) => match facts::subscription(id, subscription, &shelf, now) {
                    Ok((record, unpriced)) => {
                        self.tell_unpriced(unpriced);
                        Pulled::Live(record)
                    }
                    Err(why) => Pulled::Malformed(key(), why),
                },
                Ok(None) => Pulled::Gone(key(), Gone::Deleted),
                Err(why) => Pulled::Malformed(key(), why.clone()),
            }
        });
        Ok(records.collect())
    }

    /// A price that cannot be told makes MRR too low; worth saying, once.
    fn tell_unpriced(&self, prices: Vec<String>) {
        let mut told = self.unpriced_told.lock().unwrap_or_else(PoisonError::into_inner);
        for price in prices {
            if !told.contains(&price) {
                tracing::warn!(price, "the amount of this Stripe price cannot be told: it counts nothing towards MRR");
                told.insert(price);
            }
        }
    }

    fn customer(&self, raw: &Raw) -> Pulled {
        let id = id_of(raw).unwrap_or_default();
        if is_deleted(raw) {
            return Pulled::Gone(SourceKey::new(Stream::StripeCustomers, id), Gone::Deleted);
        }
        Pulled::Live(facts::customer(id, raw, &self.reads, &self.company_id_metadata))
    }

    /// A subscription with all its items: Stripe shows only the first few with it (trap 28).
    async fn whole(&self, id: &str, raw: Raw) -> Result<Result<Subscription, String>, ApiError> {
        let mut subscription: Subscription = match serde_json::from_value(Json::Object(raw)) {
            Ok(subscription) => subscription,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if !subscription.items.has_more {
            return Ok(Ok(subscription));
        }
        let mut query = vec![("subscription", id)];
        if self.catalogue.shows_coupons() {
            query.push(("expand[]", "data.discounts"));
        }
        let mut items = Vec::new();
        for raw in self.api.every("/v1/subscription_items", &query).await? {
            match serde_json::from_value::<Item>(Json::Object(raw)) {
                Ok(item) => items.push(item),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        subscription.items.data = items;
        Ok(Ok(subscription))
    }
}

/// A delta that cannot be followed turns into a listing, which begins with the next page.
fn relist() -> Page {
    Page { records: Vec::new(), cursor: State::beginning().cursor(), end: PageEnd::More }
}

const fn path(stream: Stream) -> &'static str {
    match stream {
        Stream::StripeSubscriptions => "/v1/subscriptions",
        _ => "/v1/customers",
    }
}

/// Whether the object a page was to go on after is not there any more.
fn is_lost_place(error: &ApiError) -> bool {
    is_gone(error) && error.field.as_deref() == Some("starting_after")
}

/// Whether what a request named is not there: told as 404, or as 400 where a parameter named it.
fn is_gone(error: &ApiError) -> bool {
    error.code.as_deref() == Some("resource_missing") && matches!(error.fault, Fault::NotFound | Fault::Invalid)
}
