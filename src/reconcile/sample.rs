//! Sample
