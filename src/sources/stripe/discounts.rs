//! Discounts taken off the lines of a subscription: pure (stripe-api.md 7 and 9; traps 38 to 41).
//!
//! Where Stripe is silent: `amount_off` is spread over the items it applies to in proportion to their amounts, as if all
//! were on one invoice, and each share is divided by its item's interval.

use rust_decimal::Decimal;

use super::CountedDiscounts;
use super::catalogue::Shelf;
use super::mrr::Line;
use super::wire::{Coupon, Discount, Expandable, Item, Subscription};

/// Places after the point of Stripe's decimal amounts (stripe-api.md 7).
const STRIPE_DIGITS: u32 = 12;

/// Item discounts first, then the subscription's, or the customer's where the subscription has none (trap 41).
pub(super) fn take_discounts(
    lines: &mut [Line<'_>],
    subscription: &Subscription,
    shelf: &Shelf,
    counted: CountedDiscounts,
    now: i64,
) {
    let currency = &subscription.currency;
    for line in lines.iter_mut() {
        let item = line.item;
        for coupon in in_force(of_item(item), now).filter_map(|d| lowering(d, shelf, counted)) {
            take(std::slice::from_mut(line), coupon, currency);
        }
    }
    for coupon in in_force(of_subscription(subscription), now).filter_map(|d| lowering(d, shelf, counted)) {
        take(lines, coupon, currency);
    }
}

/// Whether a discount in force that has no end cannot be told: its coupon was deleted and is not known from before
/// (trap 23).
pub(super) fn lost_coupon(subscription: &Subscription, shelf: &Shelf, now: i64) -> bool {
    let endless = in_force(all(subscription), now).filter(|discount| discount.end.is_none());
    endless.filter_map(Discount::coupon).any(|coupon| shelf.coupon(coupon).is_none())
}

/// Every discount of the subscription, of its items, and of its customer where that applies.
pub(super) fn all(subscription: &Subscription) -> impl Iterator<Item = &Discount> {
    of_subscription(subscription).chain(subscription.items.data.iter().flat_map(of_item))
}

fn of_item(item: &Item) -> impl Iterator<Item = &Discount> {
    item.discounts.iter().filter_map(Expandable::object)
}

/// The subscription's own, or the customer's where it has none (trap 41).
fn of_subscription(subscription: &Subscription) -> impl Iterator<Item = &Discount> {
    let payer = subscription.customer.as_ref().and_then(Expandable::object);
    let of_customer = payer.and_then(|payer| payer.discount.as_ref()).filter(|_| subscription.discounts.is_empty());
    subscription.discounts.iter().chain(of_customer).filter_map(Expandable::object)
}

fn in_force<'a>(discounts: impl Iterator<Item = &'a Discount>, now: i64) -> impl Iterator<Item = &'a Discount> {
    discounts.filter(move |d| d.start.is_none_or(|at| at <= now) && d.end.is_none_or(|at| at > now))
}

/// The discount's coupon, if discounts of its kind lower MRR.
fn lowering<'a>(discount: &'a Discount, shelf: &'a Shelf, counted: CountedDiscounts) -> Option<&'a Coupon> {
    let coupon = shelf.coupon(discount.coupon()?)?;
    let lowers = match counted {
        CountedDiscounts::None => false,
        CountedDiscounts::Forever => coupon.duration.as_deref() == Some("forever"),
        CountedDiscounts::Repeating => matches!(coupon.duration.as_deref(), Some("forever" | "repeating")),
        CountedDiscounts::All => true,
    };
    lowers.then_some(coupon)
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
