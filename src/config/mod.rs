//! Layers, validation (all problems at once), secrets.
//!
//! Rules: every room owns its own `Settings`; this room reads them in layers (compiled-in defaults, one file, the
//! environment) and refuses what is wrong, naming the file, the line, the key and what was expected, all problems at
//! once. The shape of each key stands once, in `keys`. Defaults are in `config/default.toml`, nowhere else. Secrets never
//! pass through the layers.

mod environment;
mod hooks;
mod keys;
mod load;
mod problems;
mod schedule;
mod secrets;
mod settings;
mod strict;

pub use hooks::Hooks;
pub use load::{DEFAULT_FILES, EXAMPLE, load, load_from, load_with_rules};
pub use problems::{ConfigErrors, Place, Problem};
pub use schedule::{Blackout, CatchUp, Schedule};
pub use secrets::{Credential, Found, SecretErrors, SecretProblem, Secrets};
pub use settings::{Admin, Alerts, Daemon, Origins, Settings, Webhooks};

#[cfg(test)]
mod tables_tests;
#[cfg(test)]
mod tests;
