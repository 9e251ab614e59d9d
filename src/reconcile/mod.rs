//! Pure: identity, desire, rules, plan, guard.

mod settings;

pub use settings::*;

mod types;

pub use types::*;
