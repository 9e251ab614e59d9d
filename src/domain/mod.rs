//! The words of the project as types (design section 2). Floor 0: std, serde, chrono's instants and decimals only; no IO, no
//! clock, no other room.
//!
//! Typed on the left, uniform on the right: what a source shows is read into typed [`Facts`]; what Pivotal should say is
//! a uniform map, [`Fields`], so that there is exactly one diff.

mod choice;
mod cursor;
mod duration;
mod entity;
mod facts;
mod fault;
mod fields;
mod finding;
mod ids;
mod keeps;
mod money;
mod operation;
mod record;
mod report;
mod value;

pub use choice::{Approval, Choice, Chosen, Undone};
pub use cursor::{Cursor, PullMode};
pub use duration::Span;
pub use entity::{Binding, Entity, Holder, Mirror, MirrorState, Origin, Quarantine};
pub use facts::{AccountFacts, AccountLink, DealFacts, Facts, PersonFacts, SubscriptionFacts, SubscriptionStatus};
pub use fault::{ApiError, Fault};
pub use fields::{Change, Changes, Fields, Kept};
pub use finding::{AuditCounts, Finding, FindingKind, PutBack};
pub use ids::{
    EntityId, ExternalId, IdempotencyKey, Kind, ParseKeyError, PivotalId, Role, RunId, SourceKey, SourceName, Stream,
};
pub use keeps::Keeps;
pub use money::{MrrUnit, is_whole};
pub use operation::{Action, Guarded, Hold, Operation, Parent, Standing, Verb};
pub use record::{Gone, Pulled, Record};
pub use report::{
    Doing, ErrorReport, Later, Leaving, OperationCounts, Progress, Removal, Report, RequestCounts, RunKind, RunStatus,
    StreamCounts,
};
pub use value::Value;

/// An instant, always UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
