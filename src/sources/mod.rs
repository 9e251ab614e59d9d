//! IO in: one folder per source, the same files in each.
pub mod hubspot;
pub mod stripe;
