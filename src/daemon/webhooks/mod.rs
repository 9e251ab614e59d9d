//! Webhooks in: a hint that something changed, never the change itself.
//!
//! Off by default, on a listener of their own, behind a reverse proxy. A delivery's raw bytes are verified before anything is
//! read of them (`signature`); what it names is marked in the store and it is answered; a little later the door is knocked at
//! once for all that came (`coalesce`). Marks are the same however often and in whatever order they are made, so duplicates
//! and disorder are harmless, and nothing is remembered of deliveries. Pivotal's own events are held against what was last
//! written (`drift`).

pub mod coalesce;
pub mod drift;
mod receive;
pub mod signature;

pub use receive::{Receiver, ReceiverError, Touch, router};
