//! A plan kept in a file, so that what a person read is what is applied.

use chrono::Utc;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::{Operation, Report, RunId, Timestamp};

use super::EngineError;

/// A plan older than this is refused: too much can have been decided since.
const MAX_AGE: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// A plan as `plan --out` writes it and `sync --apply` reads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The run that made it.
    pub run: RunId,
    /// When.
    pub made_at: Timestamp,
    /// The configured workspace.
    pub workspace: String,
    /// Over all operations, in order.
    pub fingerprint: String,
    /// The operations, for reading.
    pub operations: Vec<Operation>,
}

impl SavedPlan {
    /// Takes the plan out of a report.
    pub fn of(report: &Report, workspace: &str) -> Self {
        Self {
            run: report.run,
            made_at: Utc::now(),
            workspace: workspace.to_owned(),
            fingerprint: fingerprint(&report.plan),
            operations: report.plan.clone(),
        }
    }

    /// Refuses a plan that is too old.
    pub(super) fn check_age(&self, now: Timestamp) -> Result<(), EngineError> {
        if now - self.made_at > MAX_AGE {
            let age = (now - self.made_at).num_hours();
            return Err(EngineError::PlanMoved(format!("it is {age} hours old, and 24 is the most")));
        }
        Ok(())
    }

    /// Refuses when what would be done now is not what was saved.
    pub(super) fn check(&self, now: &[Operation]) -> Result<(), EngineError> {
        // Both the fingerprint and the listed operations must agree, so an edited file is refused too.
        if self.fingerprint == fingerprint(now) && self.fingerprint == fingerprint(&self.operations) {
            return Ok(());
        }
        let (mut came, mut went) = (0, 0);
        for operation in now {
            came += usize::from(!self.operations.contains(operation));
        }
        for operation in &self.operations {
            went += usize::from(!now.contains(operation));
        }
        let sizes = format!("{} operations then, {} now", self.operations.len(), now.len());
        Err(EngineError::PlanMoved(format!("{sizes}; {came} are new or different, {went} are gone or different")))
    }
}

fn fingerprint(operations: &[Operation]) -> String {
    let mut hash = Sha256::new();
    for operation in operations {
        // Entity numbers belong to the store and stay the same between a plan and its application.
        hash.update(serde_json::to_vec(operation).unwrap_or_default());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}
