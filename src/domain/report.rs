//! What a run says of itself: the documented JSON object (design section 6).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AuditCounts, Kind, Operation, PivotalId, RunId, Stream, Timestamp, Verb};

/// Why a run was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// Looks only.
    Plan,
    /// What changed.
    Sync,
    /// The first load.
    Backfill,
    /// Compares what Pivotal says with what was written there.
    Audit,
    /// Takes back what another run wrote.
    Undo,
}

impl RunKind {
    /// The word in the store and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Sync => "sync",
            Self::Backfill => "backfill",
            Self::Audit => "audit",
            Self::Undo => "undo",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Still going on (or killed: the next start closes it as interrupted).
    Running,
    /// Everything was read, and everything owed was done.
    Complete,
    /// It came to its end, but a source failed or something is held, quarantined or still owed.
    Partial,
    /// It could not do its work.
    Failed,
    /// It was stopped.
    Interrupted,
}

impl RunStatus {
    /// The word in the store and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What was read of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCounts {
    /// Records the source sent.
    pub read: u64,
    /// Records whose kept facts differ from those kept before.
    pub changed: u64,
    /// Records newly seen gone.
    pub deleted: u64,
    /// Records that could not be read.
    #[serde(default)]
    pub malformed: u64,
    /// Requests the source was sent for it.
    #[serde(default)]
    pub requests: u64,
    /// When its last page was stored: how fresh what is known of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled_at: Option<Timestamp>,
    /// When it was last read from end to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_at: Option<Timestamp>,
    /// Why the stream stopped early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The same in words that can hold nobody's name, for the log of the process that read it. Not stored with the run.
    #[serde(skip)]
    pub bare: Option<String>,
    /// What kind of trouble it is, in the words of [`ErrorReport::kind`]. Not stored with the run.
    #[serde(skip)]
    pub trouble: Option<&'static str>,
    /// Whether that is because rules read what the source does not have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub misnamed: bool,
}

impl StreamCounts {
    /// Adds what a later reading in the same run came to.
    pub fn add(&mut self, later: Self) {
        self.read += later.read;
        self.changed += later.changed;
        self.deleted += later.deleted;
        self.malformed += later.malformed;
        self.requests += later.requests;
        self.pulled_at = later.pulled_at.or(self.pulled_at);
        self.complete_at = later.complete_at.or(self.complete_at);
        self.error = later.error.or(self.error.take());
        self.bare = later.bare.or(self.bare.take());
        self.trouble = later.trouble.or(self.trouble);
        self.misnamed |= later.misnamed;
    }
}

/// Operations by verb and by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCounts {
    /// Created (or, in a plan, to be created).
    pub create: u64,
    /// Updated.
    pub update: u64,
    /// Deleted.
    pub delete: u64,
    /// Taken over.
    pub adopt: u64,
    /// Needs a person.
    pub held: u64,
    /// Refused by Pivotal for good.
    pub quarantined: u64,
    /// Everything else not yet done.
    pub owed: u64,
    /// Of the owed, what waits for something else, so that no run can send it yet.
    #[serde(default)]
    pub waiting: u64,
}

impl OperationCounts {
    /// All of them.
    pub const fn all(&self) -> u64 {
        self.create + self.update + self.delete + self.adopt + self.held + self.quarantined + self.owed
    }

    /// What is not zero: `3 created, 1 held`. Empty when there is nothing.
    pub fn in_words(&self) -> String {
        let named = [
            (self.create, "created"),
            (self.update, "updated"),
            (self.delete, "deleted"),
            (self.adopt, "adopted"),
            (self.held, "held"),
            (self.quarantined, "quarantined"),
            (self.owed, "owed"),
        ];
        let told = named.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}"));
        told.collect::<Vec<_>>().join(", ")
    }

    /// Counts one operation done (or planned).
    pub const fn count(&mut self, verb: Verb) {
        *self.of(verb) += 1;
    }

    /// How many were done (or planned) of a verb.
    pub const fn of(&mut self, verb: Verb) -> &mut u64 {
        match verb {
            Verb::Create => &mut self.create,
            Verb::Update => &mut self.update,
            Verb::Delete => &mut self.delete,
            Verb::Adopt => &mut self.adopt,
        }
    }

    /// These, but of what was done no less than was counted elsewhere.
    pub fn at_least(self, told: &Self) -> Self {
        Self {
            create: self.create.max(told.create),
            update: self.update.max(told.update),
            delete: self.delete.max(told.delete),
            adopt: self.adopt.max(told.adopt),
            ..self
        }
    }

    /// Of the owed, what the next run can send.
    pub const fn sendable(&self) -> u64 {
        self.owed.saturating_sub(self.waiting)
    }

    /// What is held, quarantined and owed, alone.
    pub fn open(&self) -> Self {
        let Self { held, quarantined, owed, waiting, .. } = *self;
        Self { held, quarantined, owed, waiting, ..Self::default() }
    }

    /// Whether nothing is held, quarantined or owed.
    pub const fn in_step(&self) -> bool {
        self.held == 0 && self.quarantined == 0 && self.owed == 0
    }
}

/// Requests made, by API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// To HubSpot.
    pub hubspot: u64,
    /// To Stripe.
    pub stripe: u64,
    /// To Pivotal.
    pub pivotal: u64,
    /// Answers that said "too many", of all three.
    pub throttled: u64,
}

/// One run, told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its number.
    pub run: RunId,
    /// Why it was made.
    pub kind: RunKind,
    /// How it ended.
    pub status: RunStatus,
    /// What was read.
    pub streams: BTreeMap<Stream, StreamCounts>,
    /// What was done.
    pub operations: OperationCounts,
    /// What it cost.
    pub requests: RequestCounts,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What a person should know, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// What an audit found, in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditCounts>,
    /// How far it is, while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The operations, for output that lists them. Not stored with the run.
    #[serde(skip)]
    pub plan: Vec<Operation>,
    /// What waits out its grace, the next first, for output that lists it. Not stored with the run.
    #[serde(skip)]
    pub later: Vec<Leaving>,
}

impl Report {
    /// A run that begins: nothing read, nothing done.
    pub fn begun(run: RunId, kind: RunKind, at: Timestamp) -> Self {
        Self {
            run,
            kind,
            status: RunStatus::Running,
            streams: BTreeMap::new(),
            operations: OperationCounts::default(),
            requests: RequestCounts::default(),
            started_at: at,
            finished_at: None,
            notes: Vec::new(),
            error: None,
            audit: None,
            progress: None,
            plan: Vec::new(),
            later: Vec::new(),
        }
    }
}

impl Report {
    /// The same but for the plan, which grows with what there is to do.
    pub fn without_plan(&self) -> Self {
        Self {
            run: self.run,
            kind: self.kind,
            status: self.status,
            streams: self.streams.clone(),
            operations: self.operations.clone(),
            requests: self.requests.clone(),
            started_at: self.started_at,
            finished_at: self.finished_at,
            notes: self.notes.clone(),
            error: self.error.clone(),
            audit: self.audit.clone(),
            progress: self.progress,
            plan: Vec::new(),
            later: Vec::new(),
        }
    }
}

/// How an object leaves Pivotal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Removal {
    /// DELETE.
    Delete,
    /// Its status becomes `archived`.
    Archive,
}

impl Removal {
    /// The word in the store and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Archive => "archive",
        }
    }

    /// What it will have been.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Delete => "deleted",
            Self::Archive => "archived",
        }
    }
}

/// What is done once a grace is over, unless what left comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// What.
    #[serde(rename = "op")]
    pub removal: Removal,
    /// When the grace is over.
    pub at: Timestamp,
}

/// An object that is no longer wanted and waits out its grace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// What happens, and when.
    #[serde(flatten)]
    pub later: Later,
    /// Which kind of Pivotal object.
    pub object: Kind,
    /// The record that names it, e.g. `hubspot:company:123`.
    #[serde(rename = "ref")]
    pub subject: String,
    /// What people call it.
    pub name: String,
    /// The object.
    pub pivotal_id: PivotalId,
}

/// What a run under way is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// Reading the sources.
    Reading,
    /// Working out what is owed.
    Comparing,
    /// Writing to Pivotal.
    Writing,
}

/// How far a run under way is: the same for who waits for it and for who asks from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is at.
    pub doing: Doing,
    /// Operations tried so far, whatever became of them.
    pub tried: u64,
    /// Operations in all, those included.
    pub operations: u64,
    /// Requests a minute that it may send, where there is a limit.
    pub per_minute: Option<u32>,
    /// When this was so.
    pub at: Timestamp,
}

/// An error as a person meets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// One stable word: `config`, `credentials`, `unreachable`, `workspace`, `locked`, `store`, `api`, …
    pub kind: String,
    /// What happened, and to what.
    pub message: String,
    /// What to do.
    pub hint: String,
}
