//! IO in: one folder per source, the same files in each.
//!
#![doc = include_str!("peers.md")]

pub mod hubspot;
pub mod stripe;
