//! Memory: SQLite, the only SQL.

mod settings;

pub use settings::*;
