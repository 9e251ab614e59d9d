//! What a person decided: about one record (`link`, `unlink`, `ignore`) and about one held operation (`approve`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Change, Changes, PivotalId, RunId, Timestamp};

/// What a person decided about one source record. It stands above all evidence, and the newest one stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "lowercase")]
pub enum Choice {
    /// It is this Pivotal object.
    Link {
        /// The object's cuid.
        pivotal_id: PivotalId,
    },
    /// It stands alone, whatever the evidence says.
    Unlink {
        /// The object it was tied to, and is not.
        pivotal_id: Option<PivotalId>,
    },
    /// It is left out, as if its source had never shown it; but what is in Pivotal stays.
    Ignore,
}

impl Choice {
    /// The word of the command.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Link { .. } => "link",
            Self::Unlink { .. } => "unlink",
            Self::Ignore => "ignore",
        }
    }

    /// The Pivotal object it names.
    pub const fn object(&self) -> Option<&PivotalId> {
        match self {
            Self::Link { pivotal_id } => Some(pivotal_id),
            Self::Unlink { pivotal_id } => pivotal_id.as_ref(),
            Self::Ignore => None,
        }
    }
}

/// A choice, and when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// What was decided.
    #[serde(flatten)]
    pub choice: Choice,
    /// When.
    pub decided_at: Timestamp,
}

/// The held operations of an entity that a person let through as seen: fingerprints, so that what differs is held again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Approval(pub BTreeSet<String>);

impl Approval {
    /// Whether exactly this was let through.
    pub fn covers(&self, fingerprint: &str) -> bool {
        self.0.contains(fingerprint)
    }
}

/// What a person had taken back of an entity (`undo`): it is not done again unasked, until its source says something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The run that was undone.
    pub run: RunId,
    /// Fingerprint of what was wanted then, where the object was deleted or let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// Field by field what was taken back: from what the run had written to what was there before.
    #[serde(default, skip_serializing_if = "Changes::is_empty")]
    pub changes: Changes,
}

impl Undone {
    /// Whether this change would do again what was taken back.
    pub fn covers(&self, field: &str, change: &Change) -> bool {
        self.changes.0.get(field).is_some_and(|back| back.from == change.to && back.to == change.from)
    }
}
