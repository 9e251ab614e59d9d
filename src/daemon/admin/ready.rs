//! Whether the daemon can do its work. Pure.

use std::fmt;

use crate::daemon::DaemonState;

/// One thing that must be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub what: &'static str,
    /// What is wrong with it.
    pub wrong: Option<String>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wrong {
            None => write!(f, "good   {}", self.what),
            // Others' words may have lines of their own.
            Some(wrong) => write!(f, "wrong  {}: {}", self.what, wrong.replace(['\n', '\r'], " ")),
        }
    }
}

/// Start-up, store, configuration and last run. A configuration that a reload refused is told, though the old one is good to
/// go on with: the next start would fail with it.
pub fn readiness(state: &DaemonState, store: Option<&str>) -> Vec<Check> {
    let check = |what, wrong: Option<String>| Check { what, wrong };
    let proved = (!state.ready).then(|| "configuration, store and Pivotal key are not yet proved".to_owned());
    let failed = state.last_error.as_ref().map(|error| format!("{} (hint: {})", error.message, error.hint));
    let refused = state.refused_configuration.as_ref().map(|why| format!("the file is not the one in use: {why}"));
    vec![
        check("start", state.stopping.then(|| "the daemon is stopping".to_owned()).or(proved)),
        check("store", store.map(str::to_owned)),
        check("configuration", refused),
        check("last run", failed),
    ]
}
