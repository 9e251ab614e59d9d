//! A decision as a value, so that it can be carried out here or handed to the process that works on the store.

use chrono::Utc;
use serde::{Deserialize, Serialize};

use crate::store::{Reference, Store};

use super::decide::{self, DecideError, Decided, Released};

/// What a person decides and nobody needs to be asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Held operations may go ahead: all, or those of what is named.
    Approve(Vec<Reference>),
    /// What was approved and is not done yet may not.
    Disapprove(Vec<Reference>),
    /// What Pivotal refused is tried again: all, or what is named.
    Retry(Vec<Reference>),
    /// Records stand alone.
    Unlink(Reference),
    /// Records are left out.
    Ignore(Reference),
    /// Nothing is decided about records any more.
    TakeBack(Reference),
}

/// What a decision came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// Of `approve` and `retry`.
    Released(Released),
    /// Of `approve --undo`: how many things.
    Disapproved(u64),
    /// Of the others.
    Decided(Vec<Decided>),
}

impl Decision {
    /// Writes it down.
    ///
    /// # Errors
    /// [`DecideError`]: then nothing is decided.
    pub async fn carry_out(self, store: &Store) -> Result<Taken, DecideError> {
        let now = Utc::now();
        Ok(match self {
            Self::Approve(references) => Taken::Released(decide::approve(store, &references).await?),
            Self::Disapprove(references) => Taken::Disapproved(decide::disapprove(store, &references).await?),
            Self::Retry(references) => Taken::Released(decide::retry(store, &references).await?),
            Self::Unlink(reference) => Taken::Decided(decide::unlink(store, &reference, now).await?),
            Self::Ignore(reference) => Taken::Decided(decide::ignore(store, &reference, now).await?),
            Self::TakeBack(reference) => Taken::Decided(decide::take_back(store, &reference).await?),
        })
    }
}
