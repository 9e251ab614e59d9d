//! Why nothing was decided, and what to do about it.

use crate::domain::{Kind, SourceKey};
use crate::store::{Reference, StoreError};

use super::EngineError;

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// Nothing bears the name.
    #[error("nothing here is known as {0}")]
    Unknown(Reference),
    /// The name fits several records.
    #[error("{reference} names several records: {}", spell(.records))]
    Several {
        /// What was asked.
        reference: Reference,
        /// What it names.
        records: Vec<SourceKey>,
    },
    /// A record that stands for no Pivotal object.
    #[error("{0} is no customer, contact or onboarding by itself: it belongs to its account")]
    NoObject(SourceKey),
    /// A record of one kind, an object of another.
    #[error("{record} becomes {} in Pivotal, and {object} is {}", .wanted.with_article(), .found.with_article())]
    OtherKind {
        /// The record.
        record: SourceKey,
        /// What it becomes.
        wanted: Kind,
        /// The object.
        object: Reference,
        /// What that is.
        found: Kind,
    },
    /// What a record is linked to must be in Pivotal.
    #[error("{0} is no Pivotal object")]
    NotPivotal(Reference),
    /// A record that stands for nothing in Pivotal yet.
    #[error("{0} is not in Pivotal yet")]
    NotThere(Reference),
    /// Pivotal does not have it.
    #[error("Pivotal has no {kind} {object}")]
    Missing {
        /// The kind.
        kind: Kind,
        /// The object.
        object: Reference,
    },
    /// Nothing to decide about.
    #[error("nothing is {state} for {reference}")]
    Nothing {
        /// `held` or `quarantined`.
        state: &'static str,
        /// What was asked.
        reference: Reference,
    },
    /// The store, or Pivotal.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for DecideError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl DecideError {
    /// One stable word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::Missing { .. } | Self::Nothing { .. } | Self::NotThere(_) => "not_found",
            Self::Several { .. } | Self::NoObject(_) | Self::OtherKind { .. } | Self::NotPivotal(_) => "usage",
            Self::Engine(error) => error.kind(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown(_) => {
                "check the spelling; if it is new at its source, run `pivotal-sync plan` first".to_owned()
            }
            Self::Several { .. } => "name one of them".to_owned(),
            Self::NoObject(_) => "name the account's record; `pivotal-sync why` shows it".to_owned(),
            Self::OtherKind { wanted, .. } => format!("name {}, such as pivotal:{wanted}:42", wanted.with_article()),
            Self::NotPivotal(_) => {
                "write pivotal:customer:42, its id, or a record that stands for it, like hubspot:company:123".to_owned()
            }
            Self::NotThere(_) => "run `pivotal-sync sync` first, or name another".to_owned(),
            Self::Missing { .. } => {
                "look it up in Pivotal: the number in the address of its page is the one to name".to_owned()
            }
            Self::Nothing { .. } => "`pivotal-sync status` lists what waits".to_owned(),
            Self::Engine(error) => error.hint(),
        }
    }
}

fn spell(keys: &[SourceKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
