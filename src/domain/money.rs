//! Amounts on their way to Pivotal.

use serde::{Deserialize, Serialize};

/// Currencies without minor units: their amounts are of another size than those of dollars or euros.
const WHOLE: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "isk", "jpy", "kmf", "krw", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xpf"];

/// Whether a currency, by its code in lower case, has no minor units.
pub fn is_whole(currency: &str) -> bool {
    WHOLE.contains(&currency)
}

/// The unit of Pivotal's `mrr` (pivotal-api.md 10.1: UNKNOWN, so it has no default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MrrUnit {
    /// Whole major units.
    Dollars,
    /// Hundredths.
    Cents,
}
