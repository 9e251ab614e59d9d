//! One difference between desired and mirror, and so one API call.

use serde::{Deserialize, Serialize};

use super::{Changes, EntityId, Fields, Kind, Origin, PivotalId, RunId, SourceKey, Value};

/// What is owed to one Pivotal object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The entity behind it.
    pub entity: EntityId,
    /// Which kind of Pivotal object.
    pub kind: Kind,
    /// The record that names it to people: `ref` in output.
    pub subject: SourceKey,
    /// What people call it.
    pub name: String,
    /// What is to be done.
    pub action: Action,
    /// Whether it may go ahead.
    pub standing: Standing,
    /// Why, in words.
    pub reason: String,
    /// What kind of hold it is under, or was let through from, where that matters later.
    #[serde(default)]
    pub hold: Option<Hold>,
}

/// A hold that is more than its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// A guard's: the run that first held it, or what it is measured with.
    Guard(RunId),
    /// A person must say which object it is. To let it through as it stands would make another beside what is there.
    Choice,
}

/// An operation that a guard held in an earlier run, or that was let through from among such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarded {
    /// The entity behind it.
    pub entity: EntityId,
    /// Which kind of Pivotal object.
    pub kind: Kind,
    /// What was to be done.
    pub verb: Verb,
    /// Whether that is archiving, which stands for a deletion.
    pub archives: bool,
    /// The run that first held it, or what it is measured with.
    pub since: RunId,
    /// Whether it was carried out, in another run than this one.
    pub done: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Action {
    /// POST a new object.
    Create {
        /// The customer it goes under, for contacts and onboardings.
        parent: Option<Parent>,
        /// What it says; no nulls.
        fields: Fields,
    },
    /// PATCH what differs.
    Update {
        /// The object.
        id: PivotalId,
        /// What differs; never empty.
        changes: Changes,
    },
    /// DELETE (Pivotal deletes softly; there is no undelete).
    Delete {
        /// The object.
        id: PivotalId,
    },
    /// Take over an object that is already there: a mapping, and a PATCH only if something differs.
    Adopt {
        /// The object.
        id: PivotalId,
        /// Its number in Pivotal's pages.
        display_id: Option<i64>,
        /// The customer it lives under.
        parent: Option<PivotalId>,
        /// Adopted by evidence, or linked by a person.
        origin: Origin,
        /// What it says now, of the fields desired: becomes the mirror.
        found: Fields,
        /// What differs; may be empty.
        changes: Changes,
    },
}

/// The customer an object goes under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parent {
    /// It exists.
    Known(PivotalId),
    /// It is created earlier in the same plan.
    Planned(EntityId),
}

/// Whether an operation may go ahead. Held needs a person; quarantined was refused for good; owed is everything else not
/// done (design section 6, settled points).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "why", rename_all = "lowercase")]
pub enum Standing {
    /// May go ahead.
    Ready,
    /// A guard or an ambiguity keeps it back until a person decides.
    Held(String),
    /// Pivotal refused the same body before.
    Quarantined(String),
    /// Waits for something else, e.g. its parent.
    Waiting(String),
}

/// The verb of an operation, as reports count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Take over.
    Adopt,
    /// POST.
    Create,
    /// PATCH.
    Update,
    /// DELETE.
    Delete,
}

impl Verb {
    /// Every verb, in the order they are applied.
    pub const ALL: [Self; 4] = [Self::Adopt, Self::Create, Self::Update, Self::Delete];

    /// The word in the store and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Operation {
    /// Its verb.
    pub const fn verb(&self) -> Verb {
        match self.action {
            Action::Create { .. } => Verb::Create,
            Action::Update { .. } => Verb::Update,
            Action::Delete { .. } => Verb::Delete,
            Action::Adopt { .. } => Verb::Adopt,
        }
    }

    /// Whether it may go ahead.
    pub const fn is_ready(&self) -> bool {
        matches!(self.standing, Standing::Ready)
    }

    /// The Pivotal object, where one exists.
    pub const fn pivotal_id(&self) -> Option<&PivotalId> {
        match &self.action {
            Action::Create { .. } => None,
            Action::Update { id, .. } | Action::Delete { id } | Action::Adopt { id, .. } => Some(id),
        }
    }

    /// The field-level before and after.
    pub fn changes(&self) -> Changes {
        match &self.action {
            Action::Create { fields, .. } => Changes::creating(fields),
            Action::Update { changes, .. } | Action::Adopt { changes, .. } => changes.clone(),
            Action::Delete { .. } => Changes::default(),
        }
    }

    /// Whether it archives a customer, which stands for a deletion.
    pub fn archives(&self) -> bool {
        let Action::Update { changes, .. } = &self.action else { return false };
        changes.0.get("status").is_some_and(|change| change.to == Value::from("archived"))
    }

    /// Leaves metadata off what it sends. Answers whether nothing is left of it.
    pub fn leave_metadata(&mut self) -> bool {
        match &mut self.action {
            Action::Create { fields, .. } => *fields = fields.without_metadata(),
            Action::Update { changes, .. } => {
                *changes = changes.without_metadata();
                return changes.is_empty();
            }
            Action::Adopt { changes, .. } => *changes = changes.without_metadata(),
            Action::Delete { .. } => {}
        }
        false
    }

    /// How many write requests it costs: one, or none for an adoption that agrees already.
    pub fn requests(&self) -> u64 {
        match &self.action {
            Action::Adopt { changes, .. } if changes.is_empty() => 0,
            _ => 1,
        }
    }
}
