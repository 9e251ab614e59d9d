//! Monthly recurring revenue of one subscription: pure, exact, and a policy.
//!
#![doc = include_str!("mrr.md")]

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::MrrPolicy;
use super::catalogue::Shelf;
use super::discounts::{self, take_discounts};
use super::money::minor_unit;
use super::pricing::gross;
use super::wire::{Item, Price, Recurring, Subscription};

/// Seconds by which a start may lie ahead of the answer's clock and still be now.
const STARTING: i64 = 300;

/// What one subscription contributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// A month, in major units.
    pub mrr: Decimal,
    /// Nickname of the largest recurring item's price, else its product's name.
    pub plan: Option<String>,
    /// That item's month in major units, before discounts.
    pub plan_weight: Decimal,
    /// What makes the figure of a subscription that counts doubtful.
    pub doubts: Doubts,
}

/// What makes a figure doubtful.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Doubts {
    /// Prices whose amount could not be told; they count nothing.
    pub unpriced: Vec<String>,
    /// A discount in force cannot be told.
    pub lost_coupon: bool,
    /// It holds tax that cannot be taken out.
    pub taxed: bool,
}

/// A licensed recurring item under calculation.
pub(super) struct Line<'a> {
    pub item: &'a Item,
    /// Minor units an interval, before discounts.
    gross: Decimal,
    /// Minor units an interval, as far as discounts and tax have been taken.
    pub net: Decimal,
    rate: Rate,
}

/// What turns an interval's amount into a month's: × numerator ÷ denominator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rate(i64, i64);

/// Works out the figures as of `now`, Unix seconds.
pub(super) fn figures(subscription: &Subscription, shelf: &Shelf, policy: &MrrPolicy, now: i64) -> Figures {
    let mut figures = Figures::default();
    let (mut lines, mut unpriced) = (Vec::new(), Vec::new());
    for item in subscription.items.data.iter().filter(|item| is_licensed(&item.price)) {
        match line(item, subscription, shelf) {
            Some(line) => lines.push(line),
            None => unpriced.push(item.price.id.clone()),
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
    if counts(subscription, policy, now) {
        take_discounts(&mut lines, subscription, shelf, policy.discounts, now);
        lines.retain(|line| policy.trials || !on_trial(line.item, now));
        let lost_coupon = discounts::lost_coupon(subscription, shelf, now);
        let taxed = !policy.inclusive_tax && take_tax(&mut lines, subscription);
        figures.doubts = Doubts { unpriced, lost_coupon, taxed };
        figures.mrr = (total(lines.iter()) * unit).normalize();
    }
    figures
}

/// When the figures change by themselves after `now`: a start, a trial, a pause or a discount begins or ends (traps 39,
/// 43, 46, 48).
pub(super) fn changes_at(subscription: &Subscription, now: i64) -> Option<i64> {
    if matches!(subscription.status.as_str(), "canceled" | "incomplete_expired") {
        return None;
    }
    let discounts = discounts::all(subscription).flat_map(|d| [d.start, d.end]).flatten();
    let trials = subscription.items.data.iter().filter_map(|item| item.current_trial.as_ref()?.end_date);
    let pause = subscription.pause_collection.as_ref().and_then(|pause| pause.resumes_at);
    let moments =
        discounts.chain(trials).chain(subscription.trial_end).chain(pause).chain(starts_later(subscription, now));
    moments.filter(|at| *at > now).min()
}

fn counts(subscription: &Subscription, policy: &MrrPolicy, now: i64) -> bool {
    let by_status = match subscription.status.as_str() {
        "active" => true,
        "past_due" => policy.past_due,
        "trialing" => policy.trials,
        _ => false,
    };
    let canceling = subscription.cancel_at_period_end == Some(true) || subscription.cancel_at.is_some();
    by_status
        && (policy.trials || subscription.trial_end.is_none_or(|end| end <= now))
        && (policy.paused_collection || subscription.pause_collection.is_none())
        && (policy.canceling || !canceling)
        && starts_later(subscription, now).is_none()
}

fn starts_later(subscription: &Subscription, now: i64) -> Option<i64> {
    subscription.start_date.filter(|at| *at > now + STARTING)
}

/// Takes the tax out of what is left after discounts, where a rate says that it is inside. Answers whether some tax stays in
/// because its rate is not known (trap 42).
fn take_tax(lines: &mut [Line<'_>], subscription: &Subscription) -> bool {
    let automatic = subscription.automatic_tax.as_ref().is_some_and(|tax| tax.enabled == Some(true));
    let mut left_in = false;
    for line in lines.iter_mut().filter(|line| !line.net.is_zero()) {
        let own = line.item.tax_rates.as_deref().filter(|rates| !rates.is_empty());
        let rates = own.or(subscription.default_tax_rates.as_deref()).unwrap_or_default();
        let inside = rates.iter().filter_map(|rate| rate.object()).filter(|rate| rate.inclusive == Some(true));
        let percent =
            inside.filter_map(|rate| rate.percentage).fold(Decimal::ZERO, |sum, rate| sum.saturating_add(rate.0));
        let whole = Decimal::ONE_HUNDRED.saturating_add(percent);
        let without = line.net.checked_mul(Decimal::ONE_HUNDRED).and_then(|net| net.checked_div(whole));
        line.net = without.unwrap_or(line.net);
        left_in |= percent.is_zero() && automatic && line.item.price.tax_behavior.as_deref() == Some("inclusive");
    }
    left_in
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

#[cfg(test)]
#[path = "mrr_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "mrr_table_tests.rs"]
mod table_tests;
