//! A Pivotal workspace on loopback, built from the reference sheet alone.
//!
//! Rules: all eighteen endpoints, as strict as the sheet says; where it says "unknown", a [`Switches`] field with the
//! sheet's default (section 13); the order of checks is auth, rate limit, idempotency, validation, lookup, uniqueness; no
//! request looks at all rows. It knows nothing of our client.

mod api;
mod audit;
mod clock;
mod ledger;
mod paging;
mod reads;
mod refusal;
mod row;
mod schema;
mod server;
mod switches;
mod table;
mod window;
mod world;
mod writes;
mod zod;

pub use api::{Call, Opened, Ticket};
pub use clock::Clock;
pub use refusal::{Answer, Refusal};
pub use row::{Row, stamp};
pub use schema::{Field, Need, Object, PHASES, STATES, Shape};
pub use server::{BASE, router};
pub use switches::{BodyHash, EmailScope, Metadata, Switches};
pub use world::{SharedState, TEST_KEY, World, Writes, lock};
pub use zod::slugify;

#[cfg(test)]
mod tests;
