//! A plan kept in a file, so that what a person read is what is applied.

use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::{Operation, Report, RunId, SourceName, Timestamp};

use super::moved::{Moved, moved};
use super::{Engine, EngineError};

/// How long a plan may be applied after it was made: later, too much can have been decided since.
pub const PLAN_HOURS: i64 = 24;

/// The store's own number, made once: entities are numbered by it, so a plan means nothing to another.
const STORE: &str = "store_id";

/// A plan as `plan --out` writes it and `sync --apply` reads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The run that made it.
    pub run: RunId,
    /// When.
    pub made_at: Timestamp,
    /// Until when it may be applied: [`PLAN_HOURS`] later.
    pub valid_until: Timestamp,
    /// The workspace it is for, by slug and id.
    pub workspace: String,
    /// Its id.
    pub workspace_id: String,
    /// The store it was made with.
    pub store_id: String,
    /// The one source it was made from, if `--source` said so; applying it pulls that one only too.
    pub only: Option<SourceName>,
    /// Over all the rest of the file.
    pub fingerprint: String,
    /// The operations, in the order they would be applied.
    pub operations: Vec<Operation>,
}

/// Why a saved plan is not applied.
#[derive(Debug, thiserror::Error)]
pub enum PlanRefused {
    /// Too much can have been decided since.
    #[error("the saved plan is {hours} hours old, and {PLAN_HOURS} is the most; nothing was written")]
    Old {
        /// Its age.
        hours: i64,
    },
    /// It is for another workspace.
    #[error("the saved plan is for workspace '{plan}', but the key belongs to '{key}'; nothing was written")]
    Workspace {
        /// The plan's workspace.
        plan: String,
        /// The key's workspace.
        key: String,
    },
    /// It was made with another store.
    #[error("the saved plan was made with another store than {}; nothing was written", path.display())]
    Store {
        /// This store.
        path: PathBuf,
    },
    /// The file is not as it was written.
    #[error("the saved plan was changed after it was made; nothing was written")]
    Edited,
    /// It was applied, or its reasons went away.
    #[error(
        "nothing of the saved plan is left to do: it was applied, or its changes are no longer needed; nothing was written"
    )]
    Done,
    /// Something else would be done now.
    #[error("the saved plan no longer matches: {}; nothing was written", .0.summary)]
    Moved(Moved),
}

impl PlanRefused {
    /// Where it differs, one operation each.
    pub fn details(&self) -> &[String] {
        if let Self::Moved(moved) = self { &moved.details } else { &[] }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Workspace { .. } | Self::Store { .. } => "apply it with the configuration it was made with",
            Self::Done => "`pivotal-sync runs` shows what was done",
            _ => "make a new plan with `pivotal-sync plan --out FILE`, read it, and apply that",
        }
    }
}

impl SavedPlan {
    /// Refuses a plan that was changed, is too old, or is for another workspace or store.
    pub(super) fn check(&self, workspace: &str, place: &Place, now: Timestamp) -> Result<(), PlanRefused> {
        if self.fingerprint != self.print() {
            return Err(PlanRefused::Edited);
        }
        if self.workspace_id != place.workspace_id {
            return Err(PlanRefused::Workspace { plan: self.workspace.clone(), key: workspace.to_owned() });
        }
        if self.store_id != place.store_id {
            return Err(PlanRefused::Store { path: place.path.clone() });
        }
        if now > self.valid_until {
            return Err(PlanRefused::Old { hours: (now - self.made_at).num_hours() });
        }
        Ok(())
    }

    /// Refuses when what would be done now is not what was saved.
    pub(super) fn check_still(&self, now: &[Operation]) -> Result<(), PlanRefused> {
        match moved(&self.operations, now) {
            None => Ok(()),
            Some(moved) if moved.done => Err(PlanRefused::Done),
            Some(moved) => Err(PlanRefused::Moved(moved)),
        }
    }

    fn print(&self) -> String {
        let bare = Self { fingerprint: String::new(), ..self.clone() };
        // Plain data: it cannot fail to become JSON.
        hex::encode(Sha256::digest(serde_json::to_vec(&bare).unwrap_or_default()))
    }
}

/// Where a plan belongs.
pub(super) struct Place {
    workspace_id: String,
    store_id: String,
    path: PathBuf,
}

impl Engine {
    /// A plan, made to be kept in a file. `only` is what it was narrowed to.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn save_plan(&self, report: &Report, only: Option<SourceName>) -> Result<SavedPlan, EngineError> {
        let Place { workspace_id, store_id, .. } = self.plan_place().await?;
        let workspace = self.store.fact("workspace_slug").await?.unwrap_or_else(|| self.workspace.clone());
        let made_at = Utc::now();
        let mut plan = SavedPlan {
            run: report.run,
            made_at,
            valid_until: made_at + TimeDelta::hours(PLAN_HOURS),
            workspace,
            workspace_id,
            store_id,
            only,
            fingerprint: String::new(),
            operations: report.plan.clone(),
        };
        plan.fingerprint = plan.print();
        Ok(plan)
    }

    pub(super) async fn plan_place(&self) -> Result<Place, EngineError> {
        let store_id = match self.store.fact(STORE).await? {
            Some(id) => id,
            None => {
                let id = Uuid::now_v7().to_string();
                self.store.set_fact(STORE, &id).await?;
                id
            }
        };
        let workspace_id = self.store.fact("workspace_id").await?.unwrap_or_default();
        Ok(Place { workspace_id, store_id, path: self.store.path().to_owned() })
    }
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
