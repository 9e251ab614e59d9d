//! `[pivotal]` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::MrrUnit;

/// How Pivotal is reached (design section 6). Defaults are in `config/default.toml`, nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the API lives.
    pub base_url: Url,
    /// Slug or id that `GET /me` must answer; anything else is refused.
    pub workspace: String,
    /// Ceiling on requests a minute; without it the answered headers rule.
    pub requests_per_minute: Option<u32>,
    /// Share of the limit left to other users of the key, 0 to 90.
    pub reserve_percent: u8,
    /// Writes in flight at once.
    pub concurrency: u16,
    /// The unit of Pivotal's `mrr`. Not documented by Pivotal, so there is no default: `mrr` is not written until it is set.
    pub mrr_unit: Option<MrrUnit>,
    /// File that holds the API key, when it is neither a systemd credential nor in the environment.
    pub api_key_file: Option<PathBuf>,
    /// File that holds what its webhooks are signed with; while that is exchanged, both, one a line.
    pub webhook_secret_file: Option<PathBuf>,
}
