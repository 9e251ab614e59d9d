//! IO out: Pivotal.

mod settings;

pub use settings::*;
