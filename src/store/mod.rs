//! Memory: SQLite, the only SQL.

mod settings;

pub use settings::*;

mod types;

pub use types::*;
