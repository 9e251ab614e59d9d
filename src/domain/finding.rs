//! What an audit found: where Pivotal says something else than was last written there.

use serde::{Deserialize, Serialize};

use super::{Change, EntityId, Kind, PivotalId, SourceKey, Timestamp, Value};

/// One thing an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Which kind of Pivotal object.
    pub object: Kind,
    /// The object.
    pub pivotal_id: PivotalId,
    /// Its number in Pivotal's pages.
    pub display_id: Option<i64>,
    /// The entity behind it, where one is.
    pub entity: Option<EntityId>,
    /// The record that names it.
    pub subject: Option<SourceKey>,
    /// What people call it.
    pub name: String,
    /// The field it is about; empty when it is about the whole object.
    pub field: String,
    /// What was last written there.
    pub written: Value,
    /// What Pivotal says.
    pub found: Value,
    /// What the sources say it should be; `None` when they say nothing of it.
    pub wanted: Option<Value>,
    /// What that means and what follows, in words.
    pub said: String,
    /// When Pivotal last changed the object. Who did is not told by its API (pivotal-api.md 10), so it was somebody.
    pub changed_at: Option<Timestamp>,
}

/// What an audit can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A field that somebody changed, and that is left as it is.
    Edited,
    /// A field that somebody changed, and that the source has the last word on.
    PutBack,
    /// Somebody changed the id of a source record that a customer carries.
    Ids,
    /// A customer that carries the id of a source record and is not the one that stands for it here.
    Stranger,
}

impl FindingKind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::PutBack, Self::Ids, Self::Stranger, Self::Edited];

    /// The word in the store and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::PutBack => "put_back",
            Self::Ids => "ids",
            Self::Stranger => "stranger",
        }
    }
}

/// An audit in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCounts {
    /// Customers compared.
    pub customers: u64,
    /// Contacts compared; none unless children were asked for.
    pub contacts: u64,
    /// Onboardings compared.
    pub onboardings: u64,
    /// Whether children were compared too.
    pub deep: bool,
    /// Requests that comparing the children takes, or took.
    pub deep_requests: u64,
    /// Fields that somebody changed and that are left.
    pub edited: u64,
    /// Fields that somebody changed and the source has the last word on.
    pub put_back: u64,
    /// Fields whose value was taken from Pivotal, because Pivotal owns them or the source has come to say the same.
    pub taken: u64,
    /// Objects that are no longer in Pivotal.
    pub missing: u64,
    /// Customers whose source ids were changed.
    pub ids: u64,
    /// Customers that carry the id of a source record and do not stand for it here.
    pub strangers: u64,
    /// Findings that no earlier audit had.
    pub new: u64,
    /// Why another tool seems to write the same fields or make the same customers, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_writers: Option<String>,
    /// The fields that this audit wrote its source's value to, over somebody's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written_back: Vec<PutBack>,
}

/// A field whose source's value was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// Which kind of Pivotal object.
    pub object: Kind,
    /// The object.
    pub pivotal_id: PivotalId,
    /// Its number in Pivotal's pages.
    pub display_id: Option<i64>,
    /// The record that names it.
    #[serde(rename = "ref")]
    pub subject: Option<SourceKey>,
    /// What people call it.
    pub name: String,
    /// The field.
    pub field: String,
    /// From somebody's value, which is nowhere else any more, to the source's.
    #[serde(flatten)]
    pub change: Change,
}

impl AuditCounts {
    /// Objects of a kind that were compared.
    pub const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Customer => self.customers,
            Kind::Contact => self.contacts,
            Kind::Onboarding => self.onboardings,
        }
    }

    /// Whether a person should do something: put back what waits for that, mend ids, stop another writer.
    pub fn asks_for_a_person(&self, dry_run: bool) -> bool {
        (dry_run && self.put_back > 0) || self.ids > 0 || self.two_writers.is_some()
    }
}
