//! `[stripe]` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::Span;

/// How Stripe is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether this source is used.
    pub enabled: bool,
    /// Where the API lives.
    pub base_url: Url,
    /// Sent as `Stripe-Version`, e.g. `2026-10-28.endive`.
    pub api_version: String,
    /// Requests a second at most; 20 with a test key and 25 with a live one when not set.
    pub requests_per_second: Option<u32>,
    /// How far behind the last window of events the next one starts, e.g. `10m` (stripe-api.md 4).
    pub overlap: Span,
    /// How far behind now a window of events ends, e.g. `15s`.
    pub lag: Span,
    /// Keys of Stripe customer metadata that hold a HubSpot company id.
    pub company_id_metadata: Vec<String>,
    /// File that holds the API key, when it is neither a systemd credential nor in the environment.
    pub api_key_file: Option<PathBuf>,
    /// File that holds what its webhooks are signed with; while that is exchanged, both, one a line.
    pub webhook_secret_file: Option<PathBuf>,
    /// What counts as monthly recurring revenue.
    pub mrr: MrrPolicy,
}

/// `[stripe.mrr]`: what counts as monthly recurring revenue. Every rule with an example: `mrr.md` beside this file. The
/// defaults are those of Stripe's own figure as far as they are known (stripe-api.md 9), but for paused collection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MrrPolicy {
    /// Whether subscriptions count whose last invoice is overdue.
    pub past_due: bool,
    /// Whether subscriptions and items on a running trial count, as if they were paid.
    pub trials: bool,
    /// Whether subscriptions count while the collection of their invoices is paused. Stripe's own figure seems to count them.
    pub paused_collection: bool,
    /// Whether subscriptions that were asked to end count until they do.
    pub canceling: bool,
    /// Which discounts lower it.
    pub discounts: CountedDiscounts,
    /// Whether the tax inside inclusive prices counts. It is taken out where its rate is known.
    pub inclusive_tax: bool,
}

/// Which discounts lower MRR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CountedDiscounts {
    /// None: list prices.
    None,
    /// Those of `forever` coupons.
    Forever,
    /// Those, and `repeating` ones until they end.
    Repeating,
    /// All, those for one invoice included until it is made.
    All,
}

#[cfg(test)]
impl Default for MrrPolicy {
    /// The defaults of `config/default.toml`; a test holds them together.
    fn default() -> Self {
        Self {
            past_due: true,
            trials: false,
            paused_collection: false,
            canceling: true,
            discounts: CountedDiscounts::Forever,
            inclusive_tax: false,
        }
    }
}
