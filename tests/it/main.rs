//! The integration tests: one crate, a module per subject.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ambiguous;
mod billing_contacts;
mod calls;
mod commands;
mod conflicts;
mod contract;
mod crash;
mod crash_matrix;
mod decisions;
mod desk;
mod floors;
mod guards;
mod hubspot;
mod hubspot_merges;
mod hubspot_traps;
mod logs;
mod metadata;
mod nights;
mod offline;
mod onboardings;
mod people;
mod rig;
mod ruled;
mod saved_plans;
mod stripe;
mod told;
mod truth;
mod two_sources;
mod urgent;
mod waiting;
mod walks;
mod why_speed;
