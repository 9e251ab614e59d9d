//! pivotal-sync keeps Pivotal in step with HubSpot and Stripe.
//!
//! The whole program is one flow:
//!
//! > **Pull** brings source records into the store. **Bind** decides which records speak of the same entity. **Desire**
//! > says what Pivotal should hold. **Plan** compares that with what was last written there. **Apply** makes the
//! > difference go away, at the pace Pivotal allows. Nothing else exists.
//!
//! The rooms, lowest floor first. A room uses rooms below it only; rooms of one floor are deaf to each other. A test
//! (`tests/it/floors.rs`) reads every `use crate::…` and holds it against this list.
//!
//! | floor | room | its one job |
//! | --- | --- | --- |
//! | 0 | [`domain`] | the words as types |
//! | 0 | [`failpoint`] | where tests stop the process dead; nothing in a release |
//! | 1 | [`ports`] | the traits between the engine and the outside |
//! | 1 | [`http`] | send and decode, pace, retry, classify |
//! | 2 | [`reconcile`] | pure: identity, desire, rules, plan, guard |
//! | 2 | [`sources`] | IO in: HubSpot, Stripe |
//! | 2 | [`pivotal`] | IO out |
//! | 2 | [`store`] | memory: SQLite, the only SQL |
//! | 2 | [`sandbox`] | the three APIs on loopback, for rehearsal and tests |
//! | 3 | [`engine`] | the order of things |
//! | 4 | [`config`] | layers, validation, secrets |
//! | 4 | [`app`] | the only wiring |
//! | 4 | [`daemon`] | when, never what: schedule, socket, signals, systemd |
//! | 5 | [`cli`] | one file per command; the only room that prints |

pub mod app;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod domain;
pub mod engine;
pub mod failpoint;
pub mod http;
pub mod pivotal;
pub mod ports;
pub mod reconcile;
pub mod sandbox;
pub mod sources;
pub mod store;
