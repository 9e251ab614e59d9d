//! What a run is to do, and what it brings back beside its report.

use serde::{Deserialize, Serialize};

use crate::domain::{RunId, RunKind, SourceName};
use crate::engine::{SavedPlan, UndoPlan};
use crate::reconcile::Guard;
use crate::store::{FindingRow, Reference};

/// What a run is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Errand {
    /// Bring into step what changed.
    Sync,
    /// Re-read everything, look at every entity.
    Full,
    /// The first load, or what is left of it.
    Backfill,
    /// Say what would be done.
    Plan {
        /// Pull this source only.
        only: Option<SourceName>,
        /// Pull nothing.
        offline: bool,
        /// Make it a plan to be kept in a file.
        keep: bool,
    },
    /// Carry out a plan that was kept.
    Apply(Box<SavedPlan>),
    /// Compare what was last written with what Pivotal says now.
    Audit(Audit),
    /// Take back what a run wrote.
    Undo {
        /// Which.
        run: RunId,
        /// The plan that somebody was shown and agreed to; without it that plan is worked out, and nothing is written.
        seen: Option<Box<UndoPlan>>,
        /// How much of it may be done at once: the limits of whoever asks, as without a daemon.
        guard: Guard,
    },
}

/// What an audit is to look at, and whether it may write. The default is the timetable's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// These alone; all customers when there are none.
    pub references: Vec<Reference>,
    /// Contacts and onboardings, too.
    pub deep: bool,
    /// Only tell.
    pub dry_run: bool,
}

impl Errand {
    /// The word in logs and output.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Full => "full",
            Self::Backfill => "backfill",
            Self::Plan { .. } => "plan",
            Self::Apply(_) => "apply",
            Self::Audit(_) => "audit",
            Self::Undo { .. } => "undo",
        }
    }

    /// The same without its plan, once that is carried out: it may be the larger part of a daemon's memory.
    pub(super) fn in_short(self) -> Self {
        match self {
            Self::Apply(plan) => Self::Apply(Box::new(SavedPlan { operations: Vec::new(), ..*plan })),
            Self::Undo { run, seen, guard } => {
                Self::Undo { run, seen: seen.map(|plan| Box::new(UndoPlan::of(plan.run))), guard }
            }
            other => other,
        }
    }

    /// What the store calls such a run.
    pub const fn run_kind(&self) -> RunKind {
        match self {
            Self::Sync | Self::Full | Self::Apply(_) => RunKind::Sync,
            Self::Backfill => RunKind::Backfill,
            Self::Plan { .. } | Self::Undo { seen: None, .. } => RunKind::Plan,
            Self::Audit(_) => RunKind::Audit,
            Self::Undo { seen: Some(_), .. } => RunKind::Undo,
        }
    }

    /// Whether the daemon would do it by itself: then it answers the timetable, and is tried again when it comes to no good end.
    pub fn is_routine(&self) -> bool {
        match self {
            Self::Sync | Self::Full | Self::Backfill => true,
            Self::Audit(audit) => *audit == Audit::default(),
            Self::Plan { .. } | Self::Apply(_) | Self::Undo { .. } => false,
        }
    }

    /// Whether the next start goes on with it when the daemon died in the middle.
    pub(super) const fn goes_on_by_itself(&self) -> bool {
        matches!(self, Self::Sync | Self::Backfill)
    }

    /// Whether it asks for all that is to be done and nothing but to see it: then a run under way can say so by itself.
    pub const fn is_plain_plan(&self) -> bool {
        matches!(self, Self::Plan { only: None, offline: false, keep: false })
    }

    /// Whether it is a run that takes in what is asked for meanwhile. One that is shown, or was approved as it is, does not.
    pub const fn takes_turns(&self) -> bool {
        matches!(self, Self::Sync | Self::Full | Self::Backfill)
    }

    /// Whether it writes nothing to Pivotal, and so is of no use but to whoever waits for its answer.
    pub const fn only_tells(&self) -> bool {
        match self {
            Self::Plan { .. } | Self::Undo { seen: None, .. } => true,
            Self::Audit(audit) => audit.dry_run,
            _ => false,
        }
    }
}

/// What a run brings back beside its report.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Brought {
    /// Nothing.
    #[default]
    Nothing,
    /// The plan to be kept.
    Plan(SavedPlan),
    /// What stands of what audits found where this one looked.
    Findings(Vec<FindingRow>),
    /// How a run would be taken back.
    Undo(Box<UndoPlan>),
}
