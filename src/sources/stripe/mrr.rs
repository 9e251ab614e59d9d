//! Monthly recurring revenue of one subscription: pure, exact, and a policy (stripe-api.md 9; design, settled points).
//!
//! Counted: licensed recurring items of active and past-due subscriptions, without running trials and paused collection,
//! less `forever` discounts. Everything is kept in minor units of the item's own interval and divided once, at the end, so
//! only amounts that are no finite decimal are rounded, in the 28th digit. Rounding to a currency is the writer's.
//!
//! Where Stripe is silent: `amount_off` is spread over the items it applies to in proportion to their amounts, as if all
//! were on one invoice, and each share is divided by its item's interval. Tax inside inclusive prices is not taken out: the
//! rate is not known here (trap 42).

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::catalogue::Shelf;
use super::money::minor_unit;
use super::wire::{Amounts, Coupon, Discount, Expandable, Item, Price, Recurring, Subscription, Tier, Transform};

/// Places after the point of Stripe's decimal amounts (stripe-api.md 7).
const STRIPE_DIGITS: u32 = 12;

/// What one subscription contributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// A month, in major units.
    pub mrr: Decimal,
    /// Nickname of the largest recurring item's price, else its product's name.
    pub plan: Option<String>,
    /// That item's month in major units, before discounts.
    pub plan_weight: Decimal,
    /// Prices whose amount could not be told; they count nothing.
    pub unpriced: Vec<String>,
}

/// A licensed recurring item under calculation.
struct Line<'a> {
    item: &'a Item,
    /// Minor units an interval, before discounts.
    gross: Decimal,
    /// Minor units an interval, as far as discounts have been taken.
    net: Decimal,
    rate: Rate,
}

/// What turns an interval's amount into a month's: × numerator ÷ denominator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rate(i64, i64);

/// Works out the figures as of `now`, Unix seconds.
pub(super) fn figures(subscription: &Subscription, shelf: &Shelf, now: i64) -> Figures {
    let mut figures = Figures::default();
    let mut lines = Vec::new();
    for item in subscription.items.data.iter().filter(|item| is_licensed(&item.price)) {
        match line(item, subscription, shelf) {
            Some(line) => lines.push(line),
            None => figures.unpriced.push(item.price.id.clone()),
        }
    }
    let unit = minor_unit(&subscription.currency);
    // The first of equals: `max_by` would take the last.
    let largest =
        lines.iter().map(|line| (month(line.gross, line.rate), line.item)).reduce(|a, b| if b.0 > a.0 { b } else { a });
    figures.plan_weight = largest.map_or(Decimal::ZERO, |(amount, _)| amount * unit).normalize();
    let named =
        largest.map(|(_, item)| item).or_else(|| subscription.items.data.iter().find(|i| i.price.recurring.is_some()));
    figures.plan = named.and_then(|item| plan_name(&item.price, shelf));
    if counts(subscription, now) {
        take_discounts(&mut lines, subscription, shelf, now);
        figures.mrr = (total(lines.iter().filter(|line| !on_trial(line.item, now))) * unit).normalize();
    }
    figures
}

/// When the figures change by themselves after `now`: a trial, a pause or a discount begins or ends (traps 39, 43, 46).
pub(super) fn changes_at(subscription: &Subscription, now: i64) -> Option<i64> {
    if matches!(subscription.status.as_str(), "canceled" | "incomplete_expired") {
        return None;
    }
    let items = subscription.items.data.iter();
    let discounts = discounts(&subscription.discounts)
        .chain(items.clone().flat_map(|item| discounts(&item.discounts)))
        .chain(customer_discount(subscription));
    let trials = items.filter_map(|item| item.current_trial.as_ref()?.end_date);
    let pause = subscription.pause_collection.as_ref().and_then(|pause| pause.resumes_at);
    let moments =
        discounts.flat_map(|d| [d.start, d.end]).flatten().chain(trials).chain(subscription.trial_end).chain(pause);
    moments.filter(|at| *at > now).min()
}

fn counts(subscription: &Subscription, now: i64) -> bool {
    matches!(subscription.status.as_str(), "active" | "past_due")
        && subscription.trial_end.is_none_or(|end| end <= now)
        && subscription.pause_collection.is_none()
}

fn on_trial(item: &Item, now: i64) -> bool {
    item.current_trial.as_ref().is_some_and(|trial| trial.end_date.is_none_or(|end| end > now))
}

fn is_licensed(price: &Price) -> bool {
    price.kind.as_deref() != Some("one_time")
        && price.recurring.as_ref().is_some_and(|r| r.usage_type.as_deref() != Some("metered"))
}

fn plan_name(price: &Price, shelf: &Shelf) -> Option<String> {
    let named = |text: &&str| !text.trim().is_empty();
    let nickname = price.nickname.as_deref().filter(named);
    nickname.or_else(|| shelf.product_name(price.product.as_ref()?).filter(named)).map(str::to_owned)
}

fn line<'a>(item: &'a Item, subscription: &Subscription, shelf: &Shelf) -> Option<Line<'a>> {
    let rate = rate(item.price.recurring.as_ref()?)?;
    let (price, amounts) = shelf.amounts(&item.price, &subscription.currency)?;
    // Absent is metered; a licensed item without a quantity is one of it; zero stays zero (trap 29).
    let quantity = Decimal::from(item.quantity.unwrap_or(1));
    let gross = gross(price, amounts, quantity)?;
    month_checked(gross, rate)?;
    Some(Line { item, gross, net: gross, rate })
}

/// Day × 365/12, week × 52/12, year ÷ 12, then ÷ `interval_count` (trap 34).
fn rate(recurring: &Recurring) -> Option<Rate> {
    let count = recurring.interval_count.unwrap_or(1).max(1);
    match recurring.interval.as_str() {
        "day" => Some(Rate(365, count.checked_mul(12)?)),
        "week" => Some(Rate(52, count.checked_mul(12)?)),
        "month" => Some(Rate(1, count)),
        "year" => Some(Rate(1, count.checked_mul(12)?)),
        _ => None,
    }
}

fn month_checked(amount: Decimal, Rate(times, per): Rate) -> Option<Decimal> {
    amount.checked_mul(times.into())?.checked_div(per.into())
}

fn month(amount: Decimal, rate: Rate) -> Decimal {
    // Checked when the line was made, and nothing makes a line larger.
    month_checked(amount, rate).unwrap_or_default()
}

/// Items of one interval are summed before they are divided: three times 100 a year is 25 a month, not 24.99….
fn total<'a>(lines: impl Iterator<Item = &'a Line<'a>>) -> Decimal {
    let mut by_rate = BTreeMap::new();
    for line in lines {
        let sum: &mut Decimal = by_rate.entry(line.rate).or_default();
        *sum = sum.saturating_add(line.net);
    }
    by_rate.into_iter().fold(Decimal::ZERO, |sum, (rate, amount)| sum.saturating_add(month(amount, rate)))
}

fn gross(price: &Price, amounts: &Amounts, quantity: Decimal) -> Option<Decimal> {
    if price.billing_scheme.as_deref() != Some("tiered") {
        let unit = either(amounts.unit_amount_decimal, amounts.unit_amount)?;
        return unit.checked_mul(packages(quantity, price.transform_quantity.as_ref())?);
    }
    let tiers = amounts.tiers.as_ref()?;
    match price.tiers_mode.as_deref()? {
        "graduated" => graduated(tiers, quantity),
        "volume" => volume(tiers, quantity),
        _ => None,
    }
}

fn packages(quantity: Decimal, transform: Option<&Transform>) -> Option<Decimal> {
    let Some(transform) = transform else { return Some(quantity) };
    let packages = quantity.checked_div(transform.divide_by.into())?;
    Some(if transform.round.as_deref() == Some("up") { packages.ceil() } else { packages.floor() })
}

/// Each slice at its own price, and the flat fee of each slice that is touched.
fn graduated(tiers: &[Tier], quantity: Decimal) -> Option<Decimal> {
    let (mut sum, mut below) = (Decimal::ZERO, Decimal::ZERO);
    for tier in tiers {
        let top = tier.up_to.map_or(quantity, |end| end.0.min(quantity));
        if top > below {
            sum = sum.checked_add(unit(tier).checked_mul(top - below)?)?.checked_add(flat(tier))?;
            below = top;
        }
    }
    // Units beyond the last slice have no price.
    (below >= quantity).then_some(sum)
}

/// All units at the price of the slice that is reached, and its flat fee.
fn volume(tiers: &[Tier], quantity: Decimal) -> Option<Decimal> {
    if quantity.is_zero() {
        return Some(Decimal::ZERO);
    }
    let reached = tiers.iter().find(|tier| tier.up_to.is_none_or(|end| quantity <= end.0))?;
    unit(reached).checked_mul(quantity)?.checked_add(flat(reached))
}

fn unit(tier: &Tier) -> Decimal {
    either(tier.unit_amount_decimal, tier.unit_amount).unwrap_or_default()
}

fn flat(tier: &Tier) -> Decimal {
    either(tier.flat_amount_decimal, tier.flat_amount).unwrap_or_default()
}

/// The decimal says it all; the integer is null where there is a fraction of a minor unit (trap 30).
fn either(decimal: Option<super::wire::Exact>, integer: Option<super::wire::Exact>) -> Option<Decimal> {
    decimal.or(integer).map(|exact| exact.0)
}

/// Item discounts first, then the subscription's, or the customer's where the subscription has none (trap 41).
fn take_discounts(lines: &mut [Line<'_>], subscription: &Subscription, shelf: &Shelf, now: i64) {
    let currency = &subscription.currency;
    for line in lines.iter_mut() {
        let item = line.item;
        for coupon in forever(discounts(&item.discounts), shelf, now) {
            take(std::slice::from_mut(line), coupon, currency);
        }
    }
    for coupon in forever(discounts(&subscription.discounts).chain(customer_discount(subscription)), shelf, now) {
        take(lines, coupon, currency);
    }
}

fn discounts(found: &[Expandable<Discount>]) -> impl Iterator<Item = &Discount> {
    found.iter().filter_map(Expandable::object)
}

fn customer_discount(subscription: &Subscription) -> Option<&Discount> {
    let payer = subscription.customer.as_ref().and_then(Expandable::object)?;
    payer.discount.as_ref().filter(|_| subscription.discounts.is_empty()).and_then(Expandable::object)
}

/// The coupons that lower a normal month: in force, and for ever. `once` and `repeating` run out by themselves.
fn forever<'a>(
    discounts: impl Iterator<Item = &'a Discount>,
    shelf: &'a Shelf,
    now: i64,
) -> impl Iterator<Item = &'a Coupon> {
    let in_force = move |d: &&Discount| d.start.is_none_or(|at| at <= now) && d.end.is_none_or(|at| at > now);
    let coupons = discounts.filter(in_force).filter_map(|d| shelf.coupon(d.coupon()?));
    coupons.filter(|coupon| coupon.duration.as_deref() == Some("forever"))
}

fn take(lines: &mut [Line<'_>], coupon: &Coupon, currency: &str) {
    let mut lines: Vec<_> = lines.iter_mut().filter(|line| applies(coupon, line.item)).collect();
    if let Some(percent) = coupon.percent_off {
        let kept = (Decimal::ONE_HUNDRED - percent.0.min(Decimal::ONE_HUNDRED)) / Decimal::ONE_HUNDRED;
        for line in &mut lines {
            line.net = line.net.checked_mul(kept).unwrap_or(line.net);
        }
    } else if let Some(amount) = amount_off(coupon, currency) {
        spread(&mut lines, amount);
    }
}

fn applies(coupon: &Coupon, item: &Item) -> bool {
    let Some(only) = &coupon.applies_to else { return true };
    let product = match &item.price.product {
        Some(Expandable::Id(id)) => Some(id),
        Some(Expandable::Object(product)) => Some(&product.id),
        None => None,
    };
    only.products.is_empty() || product.is_some_and(|id| only.products.contains(id))
}

/// In the subscription's own currency; another one has no effect (trap 40).
fn amount_off(coupon: &Coupon, currency: &str) -> Option<Decimal> {
    if coupon.currency.as_deref() == Some(currency) {
        return coupon.amount_off.map(|exact| exact.0);
    }
    coupon.currency_options.as_ref()?.get(currency)?.amount_off.map(|exact| exact.0)
}

/// Takes an invoice's `amount` off the lines in proportion, never below zero. Shares have the digits Stripe's own decimals
/// have, and the last line takes what is left, so that they make up the amount exactly.
fn spread(lines: &mut [&mut Line<'_>], amount: Decimal) {
    let sum = lines.iter().fold(Decimal::ZERO, |sum, line| sum.saturating_add(line.net));
    if sum.is_zero() || amount >= sum {
        lines.iter_mut().for_each(|line| line.net = Decimal::ZERO);
        return;
    }
    let (mut left, last) = (amount, lines.len().saturating_sub(1));
    for (i, line) in lines.iter_mut().enumerate() {
        let share = if i == last { left } else { line.net.checked_mul(amount).map_or(Decimal::ZERO, |n| n / sum) };
        let share = share.round_dp(STRIPE_DIGITS).min(line.net);
        line.net -= share;
        left -= share;
    }
}

#[cfg(test)]
#[path = "mrr_tests.rs"]
mod tests;
