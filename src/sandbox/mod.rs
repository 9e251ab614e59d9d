//! The three APIs on loopback.

pub mod hubspot;
pub mod stripe;
