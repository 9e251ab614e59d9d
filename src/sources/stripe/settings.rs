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
    /// How far behind the last window of events the next one starts, e.g. `10m` (stripe-api.md 4).
    pub overlap: Span,
    /// How far behind now a window of events ends, e.g. `15s`.
    pub lag: Span,
    /// Keys of Stripe customer metadata that hold a HubSpot company id.
    pub company_id_metadata: Vec<String>,
    /// File that holds the API key, when it is neither a systemd credential nor in the environment.
    pub api_key_file: Option<PathBuf>,
}
