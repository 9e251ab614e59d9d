//! Integration tests: one crate, one module per room or flow.

mod hubspot;
