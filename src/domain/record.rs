//! One row of a stream as the source last showed it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ExternalId, Facts, SourceKey, Timestamp, Value};

/// A live record: its identity facts and the properties that some rule reads, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which record this is.
    pub key: SourceKey,
    /// The typed part.
    pub facts: Facts,
    /// The properties that rules read, typed by the source's own definitions.
    pub properties: BTreeMap<String, Value>,
    /// When the source last changed it, where the source says so.
    pub changed_at: Option<Timestamp>,
}

/// Why a record is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "lowercase")]
pub enum Gone {
    /// Put away; the source can bring it back under the same id.
    Archived,
    /// Deleted for good.
    Deleted,
    /// Another record took it over. Never a deletion.
    Merged {
        /// The surviving record's id in the same stream.
        into: ExternalId,
    },
}

/// What one position of a page turned out to be. One bad record is data, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// The record as it stands now.
    Live(Record),
    /// The record as it stands now, but for these properties: they were asked for and not answered, which is not to say that
    /// they are empty. What was known of them before stays.
    Partial(Record, BTreeSet<String>),
    /// The record is no longer there.
    Gone(SourceKey, Gone),
    /// The source sent something that cannot be read as this record; its older facts stay valid.
    Malformed(SourceKey, String),
}

impl Pulled {
    /// Which record this speaks of.
    pub fn key(&self) -> &SourceKey {
        match self {
            Self::Live(record) | Self::Partial(record, _) => &record.key,
            Self::Gone(key, _) | Self::Malformed(key, _) => key,
        }
    }
}
