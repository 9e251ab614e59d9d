//! Rows as the engine speaks of them.

use crate::domain::{
    Cursor, EntityId, ExternalId, Fields, Kept, Kind, Later, Mirror, Operation, PivotalId, Pulled, Quarantine, RunId,
    SourceKey, Stream, Timestamp,
};
use crate::ports::{Heard, Prepared};

use serde::{Deserialize, Serialize};

/// Where one stream's pull stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// How far it has been pulled.
    pub cursor: Cursor,
    /// What was kept of each record, as [`Keeps`](crate::domain::Keeps) writes it.
    pub keeps: String,
    /// Number of the complete listing under way.
    pub listing: Option<i64>,
    /// When a complete listing last came to its end.
    pub complete_at: Option<Timestamp>,
    /// When the last page was stored.
    pub pulled_at: Timestamp,
}

/// One record of a page, with the evidence the reconciler makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRow {
    /// What the source showed.
    pub pulled: Pulled,
    /// Its evidence tokens; empty for a record that is gone or malformed.
    pub tokens: Vec<String>,
}

/// One page to be stored with its cursor, in one transaction.
#[derive(Debug, Clone)]
pub struct PageToSave<'a> {
    /// Which stream.
    pub stream: Stream,
    /// The records.
    pub rows: &'a [PageRow],
    /// Where to go on from; `None` when records were read by id and the cursor stays.
    pub cursor: Option<&'a Cursor>,
    /// What is kept of each record, as [`Keeps`](crate::domain::Keeps) writes it.
    pub keeps: &'a str,
    /// Number of the complete listing that shows them.
    pub listing: Option<i64>,
    /// Whether this page ends that listing, its absences settled.
    pub ends_listing: bool,
    /// Now.
    pub now: Timestamp,
}

/// What storing a page changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageEffect {
    /// Records whose kept facts differ from before.
    pub changed: u64,
    /// Records newly gone.
    pub gone: u64,
    /// Records that could not be read.
    pub malformed: u64,
}

/// A record with the entity it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<R> {
    /// The record.
    pub known: R,
    /// Its entity.
    pub entity: Option<EntityId>,
    /// That entity's Pivotal object.
    pub object: Option<PivotalId>,
    /// Its evidence tokens.
    pub tokens: Vec<String>,
}

/// Where a record goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Into an entity that exists.
    Existing(EntityId),
    /// Into a new entity; equal numbers within one call are one entity.
    New(usize),
    /// Into none: its account is not known yet.
    Nowhere,
    /// Wherever it is, under the account it is: a record that lives on in another one says nothing any more.
    Stays,
}

/// One record's binding, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Which record.
    pub key: SourceKey,
    /// Where it goes.
    pub place: Place,
    /// The kind of a new entity.
    pub kind: Kind,
    /// The account of the entity, for contacts and onboardings.
    pub parent: Option<EntityId>,
    /// An ambiguity: the records it could be one account with, and why, in words.
    pub problem: Option<(Vec<SourceKey>, String)>,
    /// The records it looks like one account with though it stays with another, and why, in words.
    pub rift: Option<(Vec<SourceKey>, String)>,
}

/// What one look at an entity led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which entity.
    pub entity: EntityId,
    /// What people call it.
    pub name: String,
    /// `None` when it is wanted; else why not.
    pub unwanted: Option<String>,
    /// Whether nothing is owed.
    pub settled: bool,
    /// What is done once a grace is over, and so when to look again though nothing changes.
    pub later: Option<Later>,
    /// When to look again without that.
    pub again: Option<Timestamp>,
    /// What a person should know of it as long as it is so, each with the record it is about, in words.
    pub notes: Vec<String>,
}

/// A number in the `operation` table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub i64);

/// A number in the `attempt` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub i64);

/// A write about to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its operation.
    pub operation: OperationId,
    /// The run that makes it.
    pub run: RunId,
    /// The operation itself, kept so that a later start can settle the mirror.
    pub action: Operation,
    /// The exact bytes.
    pub prepared: Prepared,
    /// What a deletion takes away: the fields as last written.
    pub before: Option<Fields>,
}

/// An attempt whose outcome is not known: the process died, or the answer never came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Its number.
    pub attempt: AttemptId,
    /// Its operation.
    pub operation: OperationId,
    /// The operation as it was sent.
    pub action: Operation,
    /// The exact bytes.
    pub prepared: Prepared,
    /// When it was stored, just before it was first sent.
    pub planned_at: Timestamp,
}

/// How an operation ended, to be stored with its attempt (if one was made) and its entity in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The attempt, if a request was made.
    pub attempt: Option<AttemptId>,
    /// What came back, if there was an answer.
    pub heard: Heard,
    /// The operation.
    pub operation: OperationId,
    /// The entity.
    pub entity: EntityId,
    /// What follows.
    pub outcome: Settled,
    /// Now.
    pub now: Timestamp,
}

/// What follows for the entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The object now exists and says this. `more` when another operation of the entity follows.
    Written {
        /// The new mirror.
        mirror: Mirror,
        /// What Pivotal itself made of it.
        kept: Kept,
    },
    /// The object was deleted; the mapping stays, as `deleted`.
    Deleted,
    /// Pivotal says it is not there: the mapping is `lost`, the operation held.
    Lost(String),
    /// A person must decide.
    Held(String),
    /// A person must decide, and until then the same is not sent again.
    Contested(Quarantine),
    /// Pivotal refused the body for good.
    Refused(Quarantine),
    /// Not done, nothing sent or surely not carried out; the difference stays.
    Owed(String),
    /// Not done, and no run can do it before something else is decided or mended. In words.
    Waits(String),
    /// Not done, because its request never left: the run stopped before. The difference stays.
    Unsent(String),
    /// Sent, outcome unknown: settled first at the next start.
    Unknown(String),
}

/// What the store knows of Pivotal objects that might be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRow {
    /// Its cuid.
    pub id: PivotalId,
    /// Its kind.
    pub kind: Kind,
    /// Its number.
    pub display_id: Option<i64>,
    /// The customer it lives under.
    pub parent: Option<PivotalId>,
    /// What it said.
    pub fields: Fields,
    /// The entity that has it already, if one has.
    pub owner: Option<EntityId>,
    /// When Pivotal last showed it.
    pub seen_at: Timestamp,
}

/// What to look for in the last walk. Any match counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteQuery {
    /// Customers by external ids or domain, however its letters are written.
    Customers {
        /// HubSpot company ids.
        hubspot_company_ids: Vec<ExternalId>,
        /// Stripe customer ids.
        stripe_customer_ids: Vec<ExternalId>,
        /// Domains.
        domains: Vec<String>,
    },
    /// Customers by slug.
    Slugs(Vec<String>),
    /// Contacts by (lower-case) address, wherever they live.
    Emails(Vec<String>),
    /// Onboardings by what their notes say, wherever they live.
    Notes(Vec<String>),
    /// Objects of a kind by cuid.
    Ids(Kind, Vec<PivotalId>),
    /// Children of one customer.
    Children {
        /// Contacts or onboardings.
        kind: Kind,
        /// The customer.
        parent: PivotalId,
    },
}
