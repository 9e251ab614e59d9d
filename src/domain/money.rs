//! Amounts on their way to Pivotal.

use serde::{Deserialize, Serialize};

/// The unit of Pivotal's `mrr` (pivotal-api.md 10.1: UNKNOWN, so it has no default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MrrUnit {
    /// Whole major units.
    Dollars,
    /// Hundredths.
    Cents,
}
