//! Objects as answers show them, after Stripe's own sample objects.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::catalogue::{Coupon, Duration, Interval, Price, Product, Recurring, Rounding, Tier, TiersMode, Usage};
use super::customers::Customer;
use super::discounts::{Discount, Discounted};
use super::world::World;
use crate::domain::Timestamp;

/// What a version says about shapes (section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Since 2025-03-31 (basil): periods on the items, `discounts` only.
    pub(super) basil: bool,
    /// Since 2025-09-30 (clover): the coupon under `source`.
    pub(super) clover: bool,
}

impl Shape {
    /// The shape of a version; versions begin with their day.
    pub(super) fn of(version: &str) -> Self {
        let day = version.get(..10).unwrap_or_default();
        Self { basil: day >= "2025-03-31", clover: day >= "2025-09-30" }
    }
}

pub(super) fn seconds(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(at.timestamp()))
}

impl World {
    pub(super) fn shape_customer(&self, customer: &Customer, shape: &Shape) -> Value {
        if customer.deleted {
            return json!({ "id": customer.id, "object": "customer", "deleted": true });
        }
        let discount = customer.discount.as_slice();
        let discount = self.running(discount).next().map(|discount| self.shape_discount(discount, shape));
        let address = customer.country.as_ref().map(|country| {
            json!({ "city": null, "country": country, "line1": null, "line2": null, "postal_code": null, "state": null })
        });
        let mut body = json!({
            "id": customer.id, "object": "customer", "address": address, "balance": customer.balance,
            "created": customer.created.timestamp(), "currency": customer.currency, "default_source": null,
            "delinquent": customer.delinquent, "description": customer.description, "discount": discount,
            "email": customer.email, "invoice_prefix": "7FE1103",
            "invoice_settings": { "custom_fields": null, "default_payment_method": null, "footer": null,
                                  "rendering_options": null },
            "livemode": self.livemode, "metadata": customer.metadata, "name": customer.name,
            "next_invoice_sequence": 1, "phone": customer.phone, "preferred_locales": [], "shipping": null,
            "tax_exempt": "none", "test_clock": customer.test_clock,
        });
        if let Some(name) = &customer.business_name {
            body["business_name"] = json!(name);
        }
        body
    }

    pub(super) fn shape_product(&self, product: &Product) -> Value {
        json!({
            "id": product.id, "object": "product", "active": product.active, "created": product.created.timestamp(),
            "default_price": null, "description": product.description, "images": [], "livemode": self.livemode,
            "marketing_features": [], "metadata": product.metadata, "name": product.name, "package_dimensions": null,
            "shippable": null, "statement_descriptor": null, "tax_code": null, "type": "service", "unit_label": null,
            "updated": product.updated.timestamp(), "url": null,
        })
    }

    /// Tiers are left out: they come on expand only (trap 32).
    pub(super) fn shape_price(&self, price: &Price) -> Value {
        let tiered = !price.tiers.is_empty();
        let amount = price.amount.filter(|amount| amount.fract().is_zero()).and_then(|amount| amount.to_i64());
        let transform = price.transform_quantity.map(|bundle| {
            let round = if bundle.round == Rounding::Up { "up" } else { "down" };
            json!({ "divide_by": bundle.divide_by, "round": round })
        });
        json!({
            "id": price.id, "object": "price", "active": price.active,
            "billing_scheme": if tiered { "tiered" } else { "per_unit" }, "created": price.created.timestamp(),
            "currency": price.currency, "custom_unit_amount": null, "livemode": self.livemode,
            "lookup_key": price.lookup_key, "metadata": price.metadata, "nickname": price.nickname,
            "product": price.product, "recurring": price.recurring.map(recurring), "tax_behavior": price.tax_behavior,
            "tiers_mode": tiered.then(|| mode(price.tiers_mode)), "transform_quantity": transform,
            "type": if price.recurring.is_some() { "recurring" } else { "one_time" },
            "unit_amount": amount, "unit_amount_decimal": price.amount.map(|amount| amount.normalize().to_string()),
        })
    }

    pub(super) fn shape_tiers(price: &Price) -> Value {
        let amount = |amount: Option<Decimal>| {
            let whole = amount.filter(|amount| amount.fract().is_zero()).and_then(|amount| amount.to_i64());
            (whole, amount.map(|amount| amount.normalize().to_string()))
        };
        let tier = |tier: &Tier| {
            let (unit, flat) = (amount(tier.unit_amount), amount(tier.flat_amount));
            json!({ "up_to": tier.up_to, "unit_amount": unit.0, "unit_amount_decimal": unit.1,
                    "flat_amount": flat.0, "flat_amount_decimal": flat.1 })
        };
        price.tiers.iter().map(tier).collect()
    }

    /// The older twin of a recurring price.
    pub(super) fn shape_plan(&self, price: &Price) -> Value {
        let Some(every) = price.recurring else { return Value::Null };
        let shown = self.shape_price(price);
        json!({
            "id": price.id, "object": "plan", "active": price.active, "amount": shown["unit_amount"],
            "amount_decimal": shown["unit_amount_decimal"], "billing_scheme": shown["billing_scheme"],
            "created": shown["created"], "currency": price.currency, "interval": interval(every.interval),
            "interval_count": every.count, "livemode": self.livemode, "metadata": price.metadata, "meter": null,
            "nickname": price.nickname, "product": price.product, "tiers_mode": shown["tiers_mode"],
            "transform_usage": shown["transform_quantity"], "trial_period_days": null, "usage_type": usage(every.usage),
        })
    }

    pub(super) fn shape_coupon(&self, coupon: &Coupon) -> Value {
        let (duration, months) = match coupon.duration {
            Duration::Forever => ("forever", None),
            Duration::Once => ("once", None),
            Duration::Repeating(months) => ("repeating", Some(months)),
        };
        let (amount, currency) = coupon.amount_off.as_ref().map(|(amount, currency)| (amount, currency)).unzip();
        json!({
            "id": coupon.id, "object": "coupon", "amount_off": amount, "created": coupon.created.timestamp(),
            "currency": currency, "duration": duration, "duration_in_months": months, "livemode": self.livemode,
            "max_redemptions": null, "metadata": coupon.metadata, "name": coupon.name,
            "percent_off": coupon.percent_off, "redeem_by": null, "times_redeemed": 0, "valid": coupon.valid,
        })
    }

    /// The coupon is an id under `source` since clover; before, it stood whole in `coupon` (trap 38).
    pub(super) fn shape_discount(&self, discount: &Discount, shape: &Shape) -> Value {
        let (subscription, item) = match &discount.target {
            Discounted::Customer(_) => (None, None),
            Discounted::Subscription(subscription) => (Some(subscription), None),
            Discounted::Item(subscription, item) => (Some(subscription), Some(item)),
        };
        let mut body = json!({
            "id": discount.id, "object": "discount", "checkout_session": null, "customer": discount.customer,
            "customer_account": null, "end": seconds(discount.end), "invoice": null, "invoice_item": null,
            "promotion_code": null, "start": discount.start.timestamp(), "subscription": subscription,
            "subscription_item": item,
        });
        if shape.clover {
            body["source"] = json!({ "type": "coupon", "coupon": discount.coupon });
        } else {
            body["coupon"] = self.coupons.get(&discount.coupon).map_or(Value::Null, |coupon| self.shape_coupon(coupon));
        }
        body
    }
}

fn recurring(every: Recurring) -> Value {
    json!({ "interval": interval(every.interval), "interval_count": every.count, "meter": null,
            "trial_period_days": null, "usage_type": usage(every.usage) })
}

pub(super) fn interval(interval: Interval) -> &'static str {
    match interval {
        Interval::Day => "day",
        Interval::Week => "week",
        Interval::Month => "month",
        Interval::Year => "year",
    }
}

fn usage(usage: Usage) -> &'static str {
    match usage {
        Usage::Licensed => "licensed",
        Usage::Metered => "metered",
    }
}

fn mode(mode: TiersMode) -> &'static str {
    match mode {
        TiersMode::Graduated => "graduated",
        TiersMode::Volume => "volume",
    }
}
