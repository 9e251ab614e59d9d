//! Prices, products and coupons: what subscriptions refer to, kept once and joined locally, because expanding them in lists
//! is either refused or slow (stripe-api.md 7).
//!
//! A listing of subscriptions reads all three lists once; otherwise what is missing is fetched singly. Things that were
//! deleted still hang on running subscriptions, so "not there" is an answer that is kept too (trap 23).

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::{ApiError, Fault};
use crate::http::Request;

use super::api::Api;
use super::discounts;
use super::wire::{Amounts, Coupon, Discount, Expandable, Price, Product, Raw, Subscription, is_deleted};

const PRICE_PARTS: [&str; 2] = ["tiers", "currency_options"];
const COUPON_PARTS: [&str; 2] = ["applies_to", "currency_options"];

/// What is known of the catalogue. `None` stands for "asked, and not there".
#[derive(Default)]
pub(super) struct Shelf {
    prices: HashMap<String, Option<Price>>,
    products: HashMap<String, Option<String>>,
    coupons: HashMap<String, Option<Coupon>>,
}

impl Shelf {
    /// What a price costs in a currency: from the price at hand where it says so, else from the shelf.
    pub fn amounts<'a>(&'a self, price: &'a Price, currency: &str) -> Option<(&'a Price, &'a Amounts)> {
        if is_whole(price, currency) {
            return Some((price, &price.amounts));
        }
        let price = self.prices.get(&price.id)?.as_ref()?;
        if price.currency == currency {
            return Some((price, &price.amounts));
        }
        Some((price, price.currency_options.as_ref()?.get(currency)?))
    }

    pub fn product_name<'a>(&'a self, product: &'a Expandable<Product>) -> Option<&'a str> {
        match product {
            Expandable::Id(id) => self.products.get(id)?.as_deref(),
            Expandable::Object(product) => product.name.as_deref(),
        }
    }

    /// The coupon as the catalogue has it, else as the discount itself showed it.
    pub fn coupon<'a>(&'a self, coupon: &'a Expandable<Coupon>) -> Option<&'a Coupon> {
        let kept = self.coupons.get(coupon_id(coupon)).and_then(Option::as_ref);
        kept.or_else(|| coupon.object().filter(|coupon| !coupon.deleted))
    }

    #[cfg(test)]
    pub fn put(&mut self, raw: &Json) {
        let object: Raw = serde_json::from_value(raw.clone()).unwrap();
        match raw["object"].as_str().unwrap() {
            "price" => self.put_price(object).unwrap(),
            "product" => self.put_product(object).unwrap(),
            _ => self.put_coupon(object).unwrap(),
        }
    }

    fn put_price(&mut self, raw: Raw) -> Result<(), serde_json::Error> {
        let price: Price = typed(raw)?;
        // Plain prices come whole with their items; keeping a copy of each would only cost memory.
        if price.billing_scheme.as_deref() == Some("tiered")
            || price.currency_options.as_ref().is_some_and(|o| o.len() > 1)
        {
            self.prices.insert(price.id.clone(), Some(price));
        }
        Ok(())
    }

    fn put_product(&mut self, raw: Raw) -> Result<(), serde_json::Error> {
        let product: Product = typed(raw)?;
        self.products.insert(product.id, product.name);
        Ok(())
    }

    fn put_coupon(&mut self, raw: Raw) -> Result<(), serde_json::Error> {
        let coupon: Coupon = typed(raw)?;
        self.coupons.insert(coupon.id.clone(), Some(coupon));
        Ok(())
    }
}

/// The shelf and how it is filled.
#[derive(Default)]
pub(super) struct Catalogue {
    shelf: Mutex<Shelf>,
    coupons_hidden: AtomicBool,
}

impl Catalogue {
    /// Whether discounts can be asked for: without the coupon right the expansion would fail the whole call (trap 54).
    pub fn shows_coupons(&self) -> bool {
        !self.coupons_hidden.load(Ordering::Relaxed)
    }

    /// Reads prices, products and coupons anew.
    pub async fn read_all(&self, api: &Api) -> Result<(), ApiError> {
        let mut fresh = Shelf::default();
        let expand: Vec<_> = PRICE_PARTS.map(|part| format!("data.{part}")).into();
        let query: Vec<_> = expand.iter().map(|path| ("expand[]", path.as_str())).collect();
        // An object of another shape is passed over: the subscription that needs it will ask for it singly, and say so.
        for raw in api.every("/v1/prices", &query).await? {
            fresh.put_price(raw).unwrap_or_else(|error| odd("price", &error));
        }
        for raw in api.every("/v1/products", &[]).await? {
            fresh.put_product(raw).unwrap_or_else(|error| odd("product", &error));
        }
        let expand: Vec<_> = COUPON_PARTS.map(|part| format!("data.{part}")).into();
        let query: Vec<_> = expand.iter().map(|path| ("expand[]", path.as_str())).collect();
        match api.every("/v1/coupons", &query).await {
            Ok(coupons) => {
                self.coupons_hidden.store(false, Ordering::Relaxed);
                for raw in coupons {
                    fresh.put_coupon(raw).unwrap_or_else(|error| odd("coupon", &error));
                }
            }
            Err(error) if matches!(error.fault, Fault::Forbidden { .. }) => {
                self.coupons_hidden.store(true, Ordering::Relaxed);
            }
            Err(error) => return Err(error),
        }
        let mut shelf = self.shelf.lock().await;
        // What a coupon gives never changes, and one that was deleted since still lowers what it was put to work on.
        for (id, coupon) in std::mem::take(&mut shelf.coupons) {
            if coupon.is_some() {
                fresh.coupons.entry(id).or_insert(coupon);
            }
        }
        *shelf = fresh;
        Ok(())
    }

    /// Whether it is the coupons that a refused call could not show.
    pub async fn blames_coupons(&self, api: &Api) -> Result<bool, ApiError> {
        Ok(self.shows_coupons() && !self.coupons_are_back(api).await?)
    }

    /// Asks whether coupons can be read.
    pub async fn coupons_are_back(&self, api: &Api) -> Result<bool, ApiError> {
        match api.list(Request::get("/v1/coupons")).await {
            Err(error) if matches!(error.fault, Fault::Forbidden { .. }) => {
                self.coupons_hidden.store(true, Ordering::Relaxed);
                Ok(false)
            }
            Err(error) => Err(error),
            Ok(_) => {
                self.coupons_hidden.store(false, Ordering::Relaxed);
                Ok(true)
            }
        }
    }

    /// The shelf with everything these subscriptions refer to on it, as far as it exists.
    pub async fn stocked(&self, api: &Api, subscriptions: &[&Subscription]) -> Result<MutexGuard<'_, Shelf>, ApiError> {
        let mut shelf = self.shelf.lock().await;
        for id in missing_prices(&shelf, subscriptions) {
            let raw = one(api, "prices", &id, &PRICE_PARTS).await?;
            let price = raw.and_then(|raw| typed(raw).map_err(|error| odd("price", &error)).ok());
            shelf.prices.insert(id, price);
        }
        for id in missing_products(&shelf, subscriptions) {
            let name = one(api, "products", &id, &[]).await?;
            let name = name.and_then(|raw| raw.get("name")?.as_str().map(str::to_owned));
            shelf.products.insert(id, name);
        }
        if self.shows_coupons() {
            for id in missing_coupons(&shelf, subscriptions) {
                let coupon = match one(api, "coupons", &id, &COUPON_PARTS).await {
                    Ok(raw) => raw.and_then(|raw| typed(raw).map_err(|error| odd("coupon", &error)).ok()),
                    Err(error) if matches!(error.fault, Fault::Forbidden { .. }) => {
                        self.coupons_hidden.store(true, Ordering::Relaxed);
                        break;
                    }
                    Err(error) => return Err(error),
                };
                shelf.coupons.insert(id, coupon);
            }
        }
        Ok(shelf)
    }

    /// Drops what changed, to be fetched again when it is next needed.
    pub async fn forget(&self, id: &str) {
        let mut shelf = self.shelf.lock().await;
        shelf.prices.remove(id);
        shelf.products.remove(id);
        shelf.coupons.remove(id);
    }
}

async fn one(api: &Api, resource: &str, id: &str, expand: &[&str]) -> Result<Option<Raw>, ApiError> {
    let (raw, _) = api.get(resource, id, expand).await?;
    Ok(raw.filter(|raw| !is_deleted(raw)))
}

fn typed<T: DeserializeOwned>(raw: Raw) -> Result<T, serde_json::Error> {
    serde_json::from_value(Json::Object(raw))
}

fn odd(what: &str, error: &serde_json::Error) {
    // Its words may quote what was sent.
    let error = error.classify();
    tracing::warn!(?error, "a Stripe {what} of an unknown shape is passed over: {error:?}");
}

fn is_whole(price: &Price, currency: &str) -> bool {
    price.currency == currency && (price.billing_scheme.as_deref() != Some("tiered") || price.amounts.tiers.is_some())
}

fn coupon_id(coupon: &Expandable<Coupon>) -> &str {
    match coupon {
        Expandable::Id(id) => id,
        Expandable::Object(coupon) => &coupon.id,
    }
}

fn missing_prices(shelf: &Shelf, subscriptions: &[&Subscription]) -> BTreeSet<String> {
    let items = subscriptions.iter().flat_map(|s| s.items.data.iter().map(|item| (&item.price, &s.currency)));
    let needed = items.filter(|(price, currency)| !is_whole(price, currency)).map(|(price, _)| &price.id);
    needed.filter(|id| !shelf.prices.contains_key(*id)).cloned().collect()
}

/// Names are needed of products whose price has no nickname.
fn missing_products(shelf: &Shelf, subscriptions: &[&Subscription]) -> BTreeSet<String> {
    let prices = subscriptions.iter().flat_map(|s| s.items.data.iter().map(|item| &item.price));
    let nameless =
        prices.filter(|p| p.recurring.is_some() && p.nickname.as_deref().is_none_or(|n| n.trim().is_empty()));
    let ids = nameless.filter_map(|price| match &price.product {
        Some(Expandable::Id(id)) => Some(id),
        _ => None,
    });
    ids.filter(|id| !shelf.products.contains_key(*id)).cloned().collect()
}

/// What a coupon applies to is shown by itself only. The stub of a deleted one is not worth a look: it is not there.
fn missing_coupons(shelf: &Shelf, subscriptions: &[&Subscription]) -> BTreeSet<String> {
    let lasting = |coupon: &&Expandable<Coupon>| coupon.object().is_none_or(|coupon| !coupon.deleted);
    let coupons = subscriptions.iter().flat_map(|s| discounts::all(s)).filter_map(Discount::coupon).filter(lasting);
    coupons.map(coupon_id).filter(|id| !shelf.coupons.contains_key(*id)).map(str::to_owned).collect()
}
