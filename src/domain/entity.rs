//! The one real thing behind one Pivotal object, and our mirror of that object.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Approval, Changes, EntityId, Fields, Kind, PivotalId, SourceKey, Timestamp, Undone};

/// An entity as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Our number for it.
    pub id: EntityId,
    /// Which Pivotal object it becomes.
    pub kind: Kind,
    /// The account it belongs to, for contacts and onboardings.
    pub parent: Option<EntityId>,
    /// What we know of its Pivotal object; `None` until one exists.
    pub mirror: Option<Mirror>,
    /// The customer its object vanished with, while it has no other object (pivotal-api.md 10.1, DELETE).
    pub vanished: Option<PivotalId>,
    /// The status Pivotal said of a customer before it was archived from here.
    pub shelved: Option<String>,
    /// Since when it is unwanted: its last source record was first seen gone, or it was first seen outside the selection.
    pub gone_since: Option<Timestamp>,
    /// Set while the last operation stands refused by Pivotal.
    pub quarantine: Option<Quarantine>,
    /// What a person let through of what was held.
    pub approval: Approval,
    /// What a person had taken back of it.
    pub undone: Option<Undone>,
}

/// Our mirror of a Pivotal object: what was last *written* there, or read when it was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Its cuid.
    pub id: PivotalId,
    /// The number people see in Pivotal's pages.
    pub display_id: Option<i64>,
    /// The Pivotal customer it lives under, for contacts and onboardings.
    pub parent: Option<PivotalId>,
    /// How it came to be ours.
    pub origin: Origin,
    /// Where it stands.
    pub state: MirrorState,
    /// The fields as last written, or as found when it was adopted.
    pub written: Fields,
    /// Of those, what was found when it was adopted; empty for what this daemon created.
    pub found: Fields,
}

impl Mirror {
    /// Whether a field still says what was there before this daemon came: then it never set it.
    pub fn is_found(&self, field: &str) -> bool {
        self.found.get(field).is_some_and(|found| self.written.get(field) == Some(found))
    }

    /// What it still says as it was found, so that nobody here set it.
    pub fn as_found(&self) -> Fields {
        let still = self.found.0.iter().filter(|(field, _)| self.is_found(field));
        Fields(still.map(|(field, value)| (field.clone(), value.clone())).collect())
    }

    /// Of what Pivotal says of it, what nobody here set.
    pub fn not_set_here(&self, there: &Fields) -> Fields {
        let left = there.0.iter().filter(|(field, _)| self.written.get(field).is_none() || self.is_found(field));
        Fields(left.map(|(field, value)| (field.clone(), value.clone())).collect())
    }

    /// What must change for the object to say `desired`. A null clears only what this daemon itself had set (design section 6).
    pub fn changes_to(&self, desired: &Fields) -> Changes {
        let mut changes = self.written.changes_to(desired);
        changes.0.retain(|field, change| !change.to.is_null() || !self.is_found(field));
        changes
    }
}

/// How a Pivotal object came to be ours. Only created ones are ever deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// This daemon created it.
    Created,
    /// It was there already and was taken over.
    Adopted,
    /// A person tied it by hand.
    Linked,
}

impl Origin {
    /// The word in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::Linked => "linked",
        }
    }
}

/// Where a mirrored object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MirrorState {
    /// There, as far as we know.
    Live,
    /// Deleted by this daemon.
    Deleted,
    /// Pivotal answered "not found" for it: someone may have deleted it on purpose, so it is held, never recreated.
    Lost,
}

impl MirrorState {
    /// The word in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Deleted => "deleted",
            Self::Lost => "lost",
        }
    }
}

/// An operation Pivotal refused rests until what it would send differs, or until Pivotal may well answer otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Fingerprint of the body that was refused.
    pub fingerprint: String,
    /// What Pivotal said: code, field, message.
    pub reason: String,
    /// Whether a person must decide, because somebody else has what was asked for: then it rests as held.
    #[serde(default)]
    pub held: bool,
    /// Who that is, where it is known: once it gives that up, the operation is tried again unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
    /// When it was refused last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How often this same body was refused in a row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub times: u32,
}

// Serde asks for a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(times: &u32) -> bool {
    *times == 0
}

impl Quarantine {
    /// Whether it is sent again though nothing here differs: somebody may have mended it in Pivotal meanwhile. The first time
    /// after a day, then after two, four and every seven, less a few hours so that a nightly run does not miss it by a minute.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let days = 1_i64.checked_shl(self.times.saturating_sub(1)).map_or(7, |days| days.clamp(1, 7));
        self.at.is_some_and(|at| now - at >= TimeDelta::days(days) - TimeDelta::hours(4))
    }
}

/// Who has the address that another one asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The entity.
    pub entity: EntityId,
    /// The address, in lower case.
    pub address: String,
}

/// What binding decided about one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// It speaks of this entity.
    Join(EntityId),
    /// It speaks of an entity nobody has met; records with the same number belong together.
    New(usize),
    /// It could belong to several; a person decides. It stands alone meanwhile, and is held.
    Ambiguous {
        /// The records it could belong with.
        candidates: Vec<SourceKey>,
        /// The evidence, in words.
        why: String,
    },
}
