//! `[hubspot]` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::Span;

/// How HubSpot is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether this source is used.
    pub enabled: bool,
    /// Where the API lives.
    pub base_url: Url,
    /// Dated version in every path, e.g. `2026-09`.
    pub api_version: String,
    /// How far behind the last window the next one starts, e.g. `5m`: records are indexed late (hubspot-api.md traps 1, 2).
    pub overlap: Span,
    /// How far behind now a window ends, e.g. `30s`.
    pub lag: Span,
    /// Records of each stream with links that are read again in every run, whether or not they changed: links move without
    /// a trace (hubspot-api.md trap 12). 0 leaves that to the full pass.
    pub link_sweep: u32,
    /// Properties of a company that hold the id of its Stripe customer.
    pub stripe_id_properties: Vec<String>,
    /// File that holds the token, when it is neither a systemd credential nor in the environment.
    pub token_file: Option<PathBuf>,
    /// File that holds the id of an OAuth app, for use without a token.
    pub client_id_file: Option<PathBuf>,
    /// File that holds its secret.
    pub client_secret_file: Option<PathBuf>,
    /// File that holds its refresh token.
    pub refresh_token_file: Option<PathBuf>,
}
