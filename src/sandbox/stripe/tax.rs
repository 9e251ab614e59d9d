//! Taxes, as far as they stand on subscriptions (trap 42).

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

/// One tax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRate {
    /// `txr_…`.
    pub id: String,
    /// Percent; a float on the wire.
    pub percentage: Decimal,
    /// Amounts hold it already.
    pub inclusive: bool,
}

/// Rates as answers show them: whole, not as ids.
pub(super) fn shape_rates(rates: &[TaxRate]) -> Value {
    let shown = |rate: &TaxRate| {
        json!({ "id": rate.id, "object": "tax_rate", "active": true, "inclusive": rate.inclusive,
                "percentage": rate.percentage.to_f64() })
    };
    rates.iter().map(shown).collect()
}
