//! Minor units of Stripe's currencies (stripe-api.md 8). Stripe's exponents are not ISO 4217's.

use rust_decimal::Decimal;

/// Currencies without minor units.
const NONE: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Currencies with thousandths.
const THREE: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// Digits after the point. ISK and UGX have two here, always `00`.
pub(super) fn exponent(currency: &str) -> u32 {
    let currency = currency.to_ascii_lowercase();
    if NONE.contains(&currency.as_str()) {
        0
    } else if THREE.contains(&currency.as_str()) {
        3
    } else {
        2
    }
}

/// What a minor unit is worth in major ones.
pub(super) fn minor_unit(currency: &str) -> Decimal {
    Decimal::new(1, exponent(currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_stripes_own_trap_36() {
        for (currency, digits) in
            [("usd", 2), ("jpy", 0), ("JPY", 0), ("kwd", 3), ("isk", 2), ("ugx", 2), ("mga", 0), ("huf", 2), ("twd", 2)]
        {
            assert_eq!(exponent(currency), digits, "{currency}");
        }
        assert_eq!(minor_unit("usd").to_string(), "0.01");
    }
}
