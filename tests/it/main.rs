//! The integration tests: one crate, a module per subject.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod billing_contacts;
mod calls;
mod commands;
mod contract;
mod crash;
mod decisions;
mod desk;
mod floors;
mod guards;
mod hubspot;
mod hubspot_merges;
mod hubspot_traps;
mod metadata;
mod nights;
mod offline;
mod onboardings;
mod people;
mod rig;
mod ruled;
mod saved_plans;
mod stripe;
mod truth;
mod two_sources;
mod why_speed;
