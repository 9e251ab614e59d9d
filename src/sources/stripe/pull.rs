//! Pages: complete listings, single objects, and how both become records (stripe-api.md 3).

use std::sync::atomic::Ordering;

use futures::stream::{StreamExt, TryStreamExt};
use serde_json::Value as Json;

use crate::domain::{ApiError, Fault, Gone, PullMode, Pulled, SourceKey, Stream, Timestamp};
use crate::http::Request;
use crate::ports::{Page, PageEnd};

use super::Stripe;
use super::cursor::{Known, Listing, State};
use super::facts;
use super::mrr::Doubts;
use super::notes::Doubt;
use super::wire::{Item, List, Raw, Subscription, id_of, is_deleted, on_test_clock};

/// Single objects asked for at once.
const AT_ONCE: usize = 4;

/// What is expanded on one subscription; `discounts` go only where coupons may be read.
const WITH: [&str; 3] = ["customer", "discounts.source.coupon", "items.data.discounts"];

impl Stripe {
    /// The next page of a stream.
    pub(super) async fn page(&self, stream: Stream, state: Option<State>, mode: PullMode) -> Result<Page, ApiError> {
        let known = state.as_ref().map(State::known).unwrap_or_default();
        self.api.same_mode(stream, known.live)?;
        let page = match (state, mode) {
            (Some(State::Listing(listing)), _) => self.listing_page(stream, listing).await,
            (Some(State::Events(events)), PullMode::Changes) => self.events_page(stream, events).await,
            _ => self.listing_page(stream, Listing::default()).await,
        }?;
        if stream == Stream::StripeSubscriptions && !self.catalogue.shows_coupons() {
            self.notes.coupons_hidden();
        }
        Ok(page)
    }

    /// Notes how the records of a page were read.
    pub(super) fn learn(&self, stream: Stream, known: &mut Known) {
        known.live = self.api.live();
        known.blind |= stream == Stream::StripeSubscriptions && !self.catalogue.shows_coupons();
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
        let Listing { seen, mut known, .. } = listing;
        self.learn(stream, &mut known);
        Ok(if has_more {
            let state = State::Listing(Listing { since: Some(since), after, seen, known });
            Page { records, cursor: state.cursor(), end: PageEnd::More }
        } else {
            Page { records, cursor: State::followed(since, seen, known).cursor(), end: PageEnd::Listing }
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
                Err(error) if is_lost_place(&error) => {
                    tracing::debug!(error = error.bare(), "going on from an earlier place")
                }
                other => return other,
            }
        }
        self.listed(stream, &[]).await
    }

    pub(super) async fn listed(&self, stream: Stream, query: &[(&str, &str)]) -> Result<(List, Timestamp), ApiError> {
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
    pub(super) async fn records(
        &self,
        stream: Stream,
        found: Vec<Raw>,
        now: Timestamp,
    ) -> Result<Vec<Pulled>, ApiError> {
        self.api.same_modes(stream, &found)?;
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
                Ok(Some(subscription)) => match facts::subscription(id, subscription, &shelf, &self.mrr, now) {
                    Ok((record, doubts)) => {
                        self.tell(id, doubts);
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

    fn tell(&self, id: &str, doubts: Doubts) {
        let this = |doubtful: bool| doubtful.then(|| id.to_owned());
        self.notes.doubt(Doubt::Unpriced, doubts.unpriced);
        self.notes.doubt(Doubt::Taxed, this(doubts.taxed));
        // Without the right, no coupon can be told: that is said once for all of them.
        self.notes.doubt(Doubt::LostCoupon, this(doubts.lost_coupon && self.catalogue.shows_coupons()));
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

const fn path(stream: Stream) -> &'static str {
    match stream {
        Stream::StripeSubscriptions => "/v1/subscriptions",
        _ => "/v1/customers",
    }
}

/// Whether the object a page was to go on after is not there any more.
pub(super) fn is_lost_place(error: &ApiError) -> bool {
    is_gone(error) && error.field.as_deref() == Some("starting_after")
}

/// Whether what a request named is not there: told as 404, or as 400 where a parameter named it.
pub(super) fn is_gone(error: &ApiError) -> bool {
    error.code.as_deref() == Some("resource_missing") && matches!(error.fault, Fault::NotFound | Fault::Invalid)
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
