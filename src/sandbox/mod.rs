//! The three APIs on loopback: for rehearsal, the demo and tests.
//!
//! Its one job is to be as nasty as the real ones. Rules: it knows no room but `domain`, least of all our clients; what the
//! reference sheets leave unknown is a switch with the sheet's default; each API is a world behind a mutex, reached over
//! HTTP by the daemon and by plain method calls from tests; a request costs O(log n). In front of each stand one log and
//! one list of faults, shared by all three.

pub mod change;
pub mod control;
pub mod faults;
pub mod hubspot;
pub mod line;
pub mod log;
pub mod names;
pub mod pivotal;
pub mod seed;
pub mod stripe;

mod day;
mod start;

pub use start::{HUBSPOT_TOKEN, Options, PIVOTAL_KEY, Ports, STRIPE_KEY, Sandbox, SandboxError, WORKSPACE, Worlds};
