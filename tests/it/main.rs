//! The integration tests: one crate, a module per subject.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod commands;
mod floors;
