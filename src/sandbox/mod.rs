//! The three APIs on loopback.
