//! Products, prices, coupons (section 7).

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::shelf::Listed;
use super::world::{NoSuchObject, World};
use crate::domain::Timestamp;

/// A product as it stands.
#[derive(Debug, Clone)]
pub struct Product {
    /// `prod_…`.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Not archived.
    pub active: bool,
    /// Free text.
    pub description: Option<String>,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// Created at.
    pub created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) deleted: bool,
}

/// The length of a billing period, times a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Interval {
    Day,
    Week,
    Month,
    Year,
}

/// Paid for what is agreed, or for what is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Usage {
    Licensed,
    Metered,
}

/// How a recurring price recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recurring {
    /// Unit of the period.
    pub interval: Interval,
    /// How many of them; the amount is for all of them together (trap 34).
    pub count: u32,
    /// Licensed or metered.
    pub usage: Usage,
}

/// How tiers add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TiersMode {
    /// Each slice at its own price.
    Graduated,
    /// All units at the price of the slice reached.
    Volume,
}

/// One slice of a tiered price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Last unit of the slice; `None` is no end.
    pub up_to: Option<u64>,
    /// Minor units for each unit.
    pub unit_amount: Option<Decimal>,
    /// Minor units for touching the slice.
    pub flat_amount: Option<Decimal>,
}

/// What happens to a broken bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Rounding {
    Up,
    Down,
}

/// Quantities are priced by the bundle (trap 33).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transform {
    /// Units of a bundle.
    pub divide_by: u64,
    /// What happens to a broken one.
    pub round: Rounding,
}

/// A price to be added.
#[derive(Debug, Clone)]
pub struct PriceSeed {
    /// The product it is a price of.
    pub product: String,
    /// What the seller calls it.
    pub nickname: Option<String>,
    /// Lower case.
    pub currency: String,
    /// Whole minor units.
    pub unit_amount: Option<i64>,
    /// Minor units with a fraction, instead.
    pub unit_amount_decimal: Option<Decimal>,
    /// `None` is a one-time price.
    pub interval: Option<Interval>,
    /// How many intervals make a period.
    pub interval_count: u32,
    /// Licensed or metered.
    pub usage_type: Usage,
    /// Slices; any make the price a tiered one.
    pub tiers: Vec<Tier>,
    /// How they add up.
    pub tiers_mode: TiersMode,
    /// Bundles.
    pub transform_quantity: Option<Transform>,
}

impl Default for PriceSeed {
    fn default() -> Self {
        Self {
            product: String::new(),
            nickname: None,
            currency: "usd".to_owned(),
            unit_amount: None,
            unit_amount_decimal: None,
            interval: Some(Interval::Month),
            interval_count: 1,
            usage_type: Usage::Licensed,
            tiers: Vec::new(),
            tiers_mode: TiersMode::Graduated,
            transform_quantity: None,
        }
    }
}

/// A price as it stands.
#[derive(Debug, Clone)]
pub struct Price {
    /// `price_…`.
    pub id: String,
    /// The product it is a price of.
    pub product: String,
    /// What the seller calls it.
    pub nickname: Option<String>,
    /// Lower case.
    pub currency: String,
    /// Not archived; an archived one stays on running subscriptions.
    pub active: bool,
    /// Minor units; shown as a whole number only where it is one (trap 30). `None` where tiers or the customer decide.
    pub amount: Option<Decimal>,
    /// `None` is a one-time price.
    pub recurring: Option<Recurring>,
    /// Slices, shown on expand only (trap 32).
    pub tiers: Vec<Tier>,
    /// How they add up.
    pub tiers_mode: TiersMode,
    /// Bundles.
    pub transform_quantity: Option<Transform>,
    /// `inclusive`, `exclusive`, `unspecified` (trap 42).
    pub tax_behavior: String,
    /// A name to look it up by.
    pub lookup_key: Option<String>,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// Created at.
    pub created: Timestamp,
}

/// How long a coupon reduces invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duration {
    /// Always.
    Forever,
    /// The first invoice.
    Once,
    /// So many months.
    Repeating(u32),
}

/// A coupon, to be added and as it stands.
#[derive(Debug, Clone)]
pub struct Coupon {
    /// Chosen by the seller.
    pub id: String,
    /// What the buyer sees.
    pub name: Option<String>,
    /// Percent; a float on the wire.
    pub percent_off: Option<f64>,
    /// Minor units and their currency.
    pub amount_off: Option<(i64, String)>,
    /// How long it reduces invoices.
    pub duration: Duration,
    /// Products it is limited to, shown on expand only; empty is all.
    pub applies_to: Vec<String>,
    /// Can be redeemed.
    pub valid: bool,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// Created at.
    pub created: Timestamp,
    pub(super) deleted: bool,
}

impl Coupon {
    /// A coupon of this many percent.
    #[must_use]
    pub fn percent(id: &str, percent: f64, duration: Duration, created: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            name: None,
            percent_off: Some(percent),
            amount_off: None,
            duration,
            applies_to: Vec::new(),
            valid: true,
            metadata: BTreeMap::new(),
            created,
            deleted: false,
        }
    }

    /// A coupon of this many minor units of a currency.
    #[must_use]
    pub fn amount(id: &str, amount: i64, currency: &str, duration: Duration, created: Timestamp) -> Self {
        let amount_off = Some((amount, currency.to_owned()));
        Self { percent_off: None, amount_off, ..Self::percent(id, 0.0, duration, created) }
    }
}

macro_rules! listed {
    ($kind:ty, $deleted:expr) => {
        impl Listed for $kind {
            fn id(&self) -> &str {
                &self.id
            }

            fn created(&self) -> Timestamp {
                self.created
            }

            fn deleted(&self) -> bool {
                let deleted: fn(&Self) -> bool = $deleted;
                deleted(self)
            }
        }
    };
}

listed!(Product, |product| product.deleted);
listed!(Coupon, |coupon| coupon.deleted);
listed!(Price, |_| false);

impl World {
    /// Adds a product, created now, and returns its id. Raises `product.created`.
    pub fn add_product(&mut self, name: &str) -> String {
        let (id, now) = (self.mint("prod", 14), self.now());
        let product = Product {
            id: id.clone(),
            name: name.to_owned(),
            active: true,
            description: None,
            metadata: BTreeMap::new(),
            created: now,
            updated: now,
            deleted: false,
        };
        self.raise("product.created", &self.shape_product(&product));
        self.products.insert(product);
        id
    }

    /// Adds a price, created now, and returns its id. Raises `price.created`.
    pub fn add_price(&mut self, seed: PriceSeed) -> String {
        let id = self.mint("price", 24);
        let (count, usage) = (seed.interval_count.max(1), seed.usage_type);
        let amount = seed.unit_amount_decimal.or_else(|| seed.unit_amount.map(Decimal::from));
        let price = Price {
            id: id.clone(),
            product: seed.product,
            nickname: seed.nickname,
            currency: seed.currency,
            active: true,
            amount: amount.filter(|_| seed.tiers.is_empty()),
            recurring: seed.interval.map(|interval| Recurring { interval, count, usage }),
            tiers: seed.tiers,
            tiers_mode: seed.tiers_mode,
            transform_quantity: seed.transform_quantity,
            tax_behavior: "unspecified".to_owned(),
            lookup_key: None,
            metadata: BTreeMap::new(),
            created: self.now(),
        };
        self.raise("price.created", &self.shape_price(&price));
        self.prices.insert(price);
        id
    }

    /// Adds a coupon. Raises `coupon.created`.
    pub fn add_coupon(&mut self, coupon: Coupon) {
        let object = self.shape_coupon(&coupon);
        self.raise("coupon.created", &object);
        self.coupons.insert(coupon);
    }

    /// Edits a product and moves its `updated`. Raises `product.updated`.
    ///
    /// # Errors
    /// [`NoSuchObject`], also if it is deleted.
    pub fn update_product(&mut self, id: &str, edit: impl FnOnce(&mut Product)) -> Result<(), NoSuchObject> {
        let now = self.now();
        let product = self.products.get_mut(id).filter(|product| !product.deleted);
        let product = product.ok_or_else(|| NoSuchObject::new("product", id))?;
        let before = product.clone();
        edit(product);
        product.updated = now;
        let after = product.clone();
        self.raise_change("product.updated", &self.shape_product(&before), &self.shape_product(&after));
        Ok(())
    }

    /// Edits a price: what a seller can, and what only a test wants. Raises `price.updated`.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn update_price(&mut self, id: &str, edit: impl FnOnce(&mut Price)) -> Result<(), NoSuchObject> {
        let price = self.prices.get_mut(id).ok_or_else(|| NoSuchObject::new("price", id))?;
        let before = price.clone();
        edit(price);
        let after = price.clone();
        self.raise_change("price.updated", &self.shape_price(&before), &self.shape_price(&after));
        Ok(())
    }

    /// Edits a coupon. Raises `coupon.updated`.
    ///
    /// # Errors
    /// [`NoSuchObject`], also if it is deleted.
    pub fn update_coupon(&mut self, id: &str, edit: impl FnOnce(&mut Coupon)) -> Result<(), NoSuchObject> {
        let coupon = self.coupons.get_mut(id).filter(|coupon| !coupon.deleted);
        let coupon = coupon.ok_or_else(|| NoSuchObject::new("coupon", id))?;
        let before = coupon.clone();
        edit(coupon);
        let after = coupon.clone();
        self.raise_change("coupon.updated", &self.shape_coupon(&before), &self.shape_coupon(&after));
        Ok(())
    }

    /// Deletes a product; it still hangs on prices and subscriptions (trap 23). Raises `product.deleted`.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn delete_product(&mut self, id: &str) -> Result<(), NoSuchObject> {
        let product = self.products.get_mut(id).filter(|product| !product.deleted);
        let product = product.ok_or_else(|| NoSuchObject::new("product", id))?;
        product.deleted = true;
        let product = product.clone();
        self.raise("product.deleted", &self.shape_product(&product));
        Ok(())
    }

    /// Deletes a coupon; discounts made from it live on (trap 23). Raises `coupon.deleted`.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn delete_coupon(&mut self, id: &str) -> Result<(), NoSuchObject> {
        let coupon = self.coupons.get_mut(id).filter(|coupon| !coupon.deleted);
        let coupon = coupon.ok_or_else(|| NoSuchObject::new("coupon", id))?;
        (coupon.deleted, coupon.valid) = (true, false);
        let object: Value = self.coupons.get(id).map(|coupon| self.shape_coupon(coupon)).unwrap_or_default();
        self.raise("coupon.deleted", &object);
        Ok(())
    }
}
