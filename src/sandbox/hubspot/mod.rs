//! One job: a HubSpot portal on loopback, as nasty as the reference sheet (`hubspot-api.md`) says the real one is.
//!
//! Rules: [`World`] is plain data with methods, and is what tests, the demo and the seeding talk to; [`router`] only
//! shows it over HTTP, reading. Whatever the sheet calls UNKNOWN or CONFLICT is a field of [`Switches`] with a
//! documented default. Nothing here knows who calls. A request holds the lock for its whole answer and never across an
//! await. Records are kept by id, so that a page of a list costs its length and a search scans once.

mod account;
mod admit;
mod batch;
mod filter;
mod lifecycle;
mod link_routes;
mod links;
mod list;
mod pipelines;
mod render;
mod reply;
mod routes;
mod schema;
mod search;
mod switches;
mod world;

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;

pub use account::{Account, Owner, OwnerSeed};
pub use pipelines::{Pipeline, Stage, StageSeed};
pub use routes::{Shared, router};
pub use schema::{Choice, Property, PropertyType};
pub use switches::{Cleared, Lagging, NoneFound, RetryAfter, Switches};
pub use world::{CompanySeed, ContactSeed, DealSeed, NoSuchRecord, ObjectType, Record, World};
