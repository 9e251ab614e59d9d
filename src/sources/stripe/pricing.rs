//! What an item costs an interval, in minor units, before discounts: pure (stripe-api.md 7; traps 29 to 33).

use rust_decimal::Decimal;

use super::wire::{Amounts, Exact, Price, Tier, Transform};

/// An interval's amount for this quantity; `None` when it cannot be told.
pub(super) fn gross(price: &Price, amounts: &Amounts, quantity: Decimal) -> Option<Decimal> {
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
fn either(decimal: Option<Exact>, integer: Option<Exact>) -> Option<Decimal> {
    decimal.or(integer).map(|exact| exact.0)
}
