//! `[store]` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::Span;

/// Where the state lies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The SQLite file; made if missing, with its folder.
    pub path: PathBuf,
    /// How long attempts, the operations that are through, and runs are kept.
    pub retention: Span,
}
