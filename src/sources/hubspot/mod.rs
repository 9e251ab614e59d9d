//! HubSpot.

mod settings;

pub use settings::*;
