//! What Stripe answers, read leniently: only what a decision needs is typed, unknown fields are ignored, unknown words are
//! kept as text (stripe-api.md 3 to 7).

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

/// An object nobody has typed yet.
pub(super) type Raw = Map<String, Json>;

/// A list answer. The end is `has_more`, never a short page.
#[derive(Deserialize)]
pub(super) struct List {
    pub data: Vec<Raw>,
    pub has_more: bool,
}

/// An event: a hint that an object changed, never the truth about it (traps 9, 10).
#[derive(Deserialize)]
pub(super) struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub created: i64,
    pub livemode: Option<bool>,
    #[serde(default)]
    pub data: EventData,
}

#[derive(Deserialize, Default)]
pub(super) struct EventData {
    #[serde(default)]
    pub object: Raw,
    pub previous_attributes: Option<Raw>,
}

/// A field that holds an id, or the object itself where it was expanded.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Expandable<T> {
    pub fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// An exact number: Stripe writes decimals as text, percentages as JSON numbers (trap 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact(pub Decimal);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Json::deserialize(deserializer)? {
            Json::String(text) => text,
            Json::Number(number) => number.to_string(),
            other => return Err(serde::de::Error::custom(format!("expected a number, found {other}"))),
        };
        let number = text.trim().parse().or_else(|_| Decimal::from_scientific(text.trim()));
        number.map(Self).map_err(|_| serde::de::Error::custom(format!("'{text}' is no number")))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Subscription {
    pub customer: Option<Expandable<Payer>>,
    pub status: String,
    pub currency: String,
    pub items: Items,
    #[serde(default)]
    pub discounts: Vec<Expandable<Discount>>,
    pub start_date: Option<i64>,
    pub created: Option<i64>,
    pub trial_end: Option<i64>,
    pub pause_collection: Option<PauseCollection>,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: Option<bool>,
    pub automatic_tax: Option<AutomaticTax>,
    pub default_tax_rates: Option<Vec<Expandable<TaxRate>>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AutomaticTax {
    pub enabled: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct TaxRate {
    /// Whether amounts hold the tax.
    pub inclusive: Option<bool>,
    pub percentage: Option<Exact>,
}

/// The customer as far as a subscription needs it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Payer {
    pub id: String,
    pub discount: Option<Expandable<Discount>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PauseCollection {
    pub resumes_at: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Items {
    pub data: Vec<Item>,
    #[serde(default)]
    pub has_more: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Item {
    pub price: Price,
    pub quantity: Option<i64>,
    #[serde(default)]
    pub discounts: Vec<Expandable<Discount>>,
    pub current_trial: Option<Trial>,
    pub tax_rates: Option<Vec<Expandable<TaxRate>>>,
}

/// A trial of one item. How its end is called is not settled (stripe-api.md 6), so both words are read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Trial {
    #[serde(alias = "end")]
    pub end_date: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Price {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub billing_scheme: Option<String>,
    pub currency: String,
    pub nickname: Option<String>,
    pub product: Option<Expandable<Product>>,
    pub recurring: Option<Recurring>,
    #[serde(flatten)]
    pub amounts: Amounts,
    pub tiers_mode: Option<String>,
    pub transform_quantity: Option<Transform>,
    pub tax_behavior: Option<String>,
    /// Only where expanded.
    pub currency_options: Option<BTreeMap<String, Amounts>>,
}

/// What a price costs in one currency, in minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Amounts {
    pub unit_amount: Option<Exact>,
    pub unit_amount_decimal: Option<Exact>,
    /// Only where expanded.
    pub tiers: Option<Vec<Tier>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Tier {
    /// The last unit of the slice; none has no end.
    pub up_to: Option<Exact>,
    pub unit_amount: Option<Exact>,
    pub unit_amount_decimal: Option<Exact>,
    pub flat_amount: Option<Exact>,
    pub flat_amount_decimal: Option<Exact>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Recurring {
    pub interval: String,
    pub interval_count: Option<i64>,
    pub usage_type: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Transform {
    pub divide_by: i64,
    pub round: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Product {
    pub id: String,
    pub name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Discount {
    pub source: Option<DiscountSource>,
    /// Where the coupon stood before 2025-09-30 (clover): reading it there too keeps an older pinned version from losing
    /// every discount without a word.
    coupon: Option<Expandable<Coupon>>,
    pub start: Option<i64>,
    pub end: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct DiscountSource {
    pub coupon: Option<Expandable<Coupon>>,
}

impl Discount {
    pub fn coupon(&self) -> Option<&Expandable<Coupon>> {
        self.source.as_ref().and_then(|source| source.coupon.as_ref()).or(self.coupon.as_ref())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Coupon {
    pub id: String,
    /// Set on the stub of a deleted one, which says nothing else (trap 23).
    #[serde(default)]
    pub deleted: bool,
    pub percent_off: Option<Exact>,
    pub amount_off: Option<Exact>,
    pub currency: Option<String>,
    pub duration: Option<String>,
    /// Only where expanded.
    pub currency_options: Option<BTreeMap<String, AmountOff>>,
    /// Only where expanded.
    pub applies_to: Option<AppliesTo>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AmountOff {
    pub amount_off: Option<Exact>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AppliesTo {
    #[serde(default)]
    pub products: Vec<String>,
}

/// An object's id.
pub(super) fn id_of(raw: &Raw) -> Option<&str> {
    raw.get("id").and_then(Json::as_str).filter(|id| !id.is_empty())
}

/// Whether this is the stub of a deleted object: id, object, `deleted`, nothing else (trap 19).
pub(super) fn is_deleted(raw: &Raw) -> bool {
    raw.get("deleted").and_then(Json::as_bool).unwrap_or(false)
}

/// Whether the object is of live mode, where it says so.
pub(super) fn livemode(raw: &Raw) -> Option<bool> {
    raw.get("livemode").and_then(Json::as_bool)
}

/// Whether the object lives on a test clock: simulated time, never listed, so never kept (trap 52).
pub(super) fn on_test_clock(raw: &Raw) -> bool {
    raw.get("test_clock").is_some_and(|clock| !clock.is_null())
}
