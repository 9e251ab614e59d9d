//! A copy of the store, made while it is in use.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::Utc;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};

use super::error::by_code;
use super::place::{companion, folder_of, resolved};
use super::{Store, StoreError};
use crate::failpoint;

/// The fact that a backup has and the store it was made of has not: when it was made.
pub const COPIED_AT: &str = "copied_at";
/// The endings of a store's files: its own, SQLite's, and its lock's.
const BELONGING: [&str; 5] = ["", "-wal", "-shm", "-journal", ".lock"];

impl Store {
    /// Writes a sound copy of the store to `to`, replacing an older copy that is there: whole in itself (no WAL beside it),
    /// readable by its owner only, looked through before it takes its name. Runs may go on meanwhile; the copy is of one moment.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when something else is there; when the store cannot be read, or the copy cannot be written or is
    /// not sound. Then `to` is as it was.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let to = &resolved(to);
        replaceable(to, self.path()).await?;
        let part = companion(to, &format!(".{}.part", std::process::id()));
        let made = self.copy(&part).await.and_then(|()| {
            let failed = |error| StoreError::from_io(to, error);
            File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
            failpoint::pass("before the copy takes its name");
            std::fs::rename(&part, to).map_err(failed)?;
            failpoint::pass("after the copy took its name");
            // The name, too, shall outlast a loss of power.
            File::open(folder_of(to)).and_then(|folder| folder.sync_all()).map_err(failed)
        });
        if made.is_err() {
            // It may never have been made.
            let _ = std::fs::remove_file(&part);
        }
        made
    }

    async fn copy(&self, part: &Path) -> Result<(), StoreError> {
        // SQLite fills an empty file and refuses any other; made here, so that it has the right mode from its first byte.
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part);
        made.map_err(|error| StoreError::from_io(part, error))?;
        failpoint::pass("before the copy");
        let name = part.to_string_lossy().into_owned();
        let copied = async { Ok(sqlx::query("VACUUM INTO ?").bind(name).execute(self.read()).await?) };
        self.told(copied).await?;
        failpoint::pass("after the copy");
        let stamped = stamp(part).await.map_err(|error| by_code(part, error));
        stamped?;
        super::open::check(part).await
    }
}

/// Says in a copy that it is one. Whoever works with it does not know what was written since: Pivotal's customers are to be walked
/// anew, and whose contacts were read to be read again.
async fn stamp(copy: &Path) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(copy).journal_mode(SqliteJournalMode::Delete);
    let mut copy = options.connect().await?;
    sqlx::query(
        "DELETE FROM fact WHERE name IN ('walked_at', 'walk_cursor', 'onboardings_newest') OR name LIKE 'children_of:%'",
    )
    .execute(&mut copy)
    .await?;
    sqlx::query("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)")
        .bind(COPIED_AT)
        .bind(Utc::now().to_rfc3339())
        .execute(&mut copy)
        .await?;
    copy.close().await
}

/// Refuses to put a copy in the place of anything but an older copy: the store itself, somebody's configuration, a device.
async fn replaceable(to: &Path, store: &Path) -> Result<(), StoreError> {
    let taken = |why| StoreError::Taken { path: to.to_owned(), why };
    let own = BELONGING.map(|ending| companion(&resolved(store), ending));
    if own.iter().any(|own| own == to) {
        return Err(taken("it belongs to the store that is to be copied"));
    }
    let found = match std::fs::metadata(to) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| StoreError::from_io(to, error))?,
    };
    let is_found =
        |own: &PathBuf| std::fs::metadata(own).is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()));
    if own.iter().any(is_found) {
        return Err(taken("it is a file of the store that is to be copied, by another name"));
    }
    if !found.is_file() {
        return Err(taken("it is no file"));
    }
    if found.len() == 0 {
        return Ok(());
    }
    // A copy has nothing beside it: what has is worked with, and its WAL would ruin the copy.
    if BELONGING[1..].iter().any(|ending| companion(to, ending).exists()) {
        return Err(taken("it is a store that is or was worked with"));
    }
    if super::open::is_store(to).await { Ok(()) } else { Err(taken("it is no backup that pivotal-sync made")) }
}
