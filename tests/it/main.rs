//! The integration tests: one crate, a module per subject.

mod commands;
mod floors;
