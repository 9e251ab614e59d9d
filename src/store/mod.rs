//! Memory: SQLite, the only SQL.
//!
//! Rules of this room:
//! * One connection writes, a few read. Every write is one `BEGIN IMMEDIATE … COMMIT`, durable when the method returns
//!   (`synchronous = FULL`). Writes around a request ([`Store::intend`], [`Store::settle`]) share their commits (`journal`).
//! * Static SQL goes through `query!`, checked at compile time against the committed `.sqlx`; many rows travel as one JSON
//!   array parameter that `json_each` opens, so no statement is put together from text.
//! * Times are ISO 8601 UTC text with milliseconds, written and read in `time` alone.
//! * A fault of the file itself (full disk, read-only, corrupt) is named as such wherever it occurs (`error`).
//! * Queries read and write what they are told: who belongs to whom and what is owed is decided elsewhere.

mod backup;
mod bind;
mod decisions;
mod doubted;
mod error;
mod evidence;
mod explain;
mod facts;
mod findings;
mod gone;
mod history;
mod journal;
mod kin;
mod lock;
mod look;
mod meant;
mod noted;
mod nudge;
mod open;
mod operations;
mod owner;
mod page;
mod people;
mod place;
mod population;
mod prune;
mod pull;
mod remote;
mod rows;
mod runs;
mod settings;
mod settle;
mod siblings;
mod story;
mod time;
mod torn;
mod types;
mod undo;
mod unplaced;
mod written;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::Sqlite;
use sqlx::{SqlitePool, Transaction};
use tokio::sync::Notify;

pub use backup::COPIED_AT;
pub use decisions::DecisionRow;
pub use error::StoreError;
pub use explain::{ParseReferenceError, Reference};
pub use findings::{FindingRow, LiveObject};
pub use history::{History, HistoryRow, Sent};
pub use kin::KinRow;
pub use lock::RunLock;
pub use nudge::Nudge;
pub use people::{OperationRow, ResidentRow, StoreCounts, StreamCount};
pub use prune::Pruned;
pub use rows::{KnownRow, LeaverRow, ParentRow, SubjectRow, SurvivorRow};
pub use runs::RunRow;
pub use settings::*;
pub use story::{AttemptRow, MappingRow, Story, StoryEntity, StoryRecord};
pub use torn::TornRow;
pub use types::*;
pub use undo::DoneRow;

use crate::failpoint;
use error::Trouble;

/// The state of one pivotal-sync: one SQLite file. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    place: Arc<place::Place>,
    read: SqlitePool,
    /// `None` when opened for reading.
    write: Option<SqlitePool>,
    journal: Option<journal::Journal>,
    /// Told of each nudge left through this store.
    nudged: Notify,
}

impl Store {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    fn read(&self) -> &SqlitePool {
        &self.inner.read
    }

    /// Begins a write. `BEGIN IMMEDIATE`, because a deferred transaction that reads first and writes later fails with
    /// "database is locked" whatever the busy timeout (crates.md 0.5).
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Trouble> {
        let pool = self.inner.write.as_ref().ok_or(Trouble::OpenedForReading)?;
        Ok(pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Runs database work and says its trouble with the file's name.
    async fn told<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, StoreError> {
        self.inner.place.check().map_err(|trouble| trouble.at(&self.inner.path))?;
        work.await.map_err(|trouble| trouble.at(&self.inner.path))
    }
}

/// Makes a write durable. Every transaction ends here, or is given up whole.
async fn commit(tx: Transaction<'static, Sqlite>) -> Result<(), Trouble> {
    failpoint::pass("before a commit");
    tx.commit().await?;
    failpoint::pass("after a commit");
    Ok(())
}

/// Many rows as one parameter, for `json_each`.
fn json<T: serde::Serialize + ?Sized>(rows: &T) -> Result<String, Trouble> {
    serde_json::to_string(rows).map_err(|e| Trouble::bad("parameter", e))
}
