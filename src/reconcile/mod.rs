//! Pure: identity, desire, rules, plan, guard.

mod settings;

pub use settings::*;
