//! Integration tests: one crate, one module per room or flow.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hubspot;
