//! Opening and closing: the file's rights, its soundness, its schema.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};
use tokio::sync::Notify;

use super::error::by_code;
use super::journal::Journal;
use super::place::{Place, folder_of, resolved};
use super::{Inner, Store, StoreError, owner};
use crate::failpoint;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The first version without the WAL-reset corruption bug (crates.md 0.6).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
const BUSY: Duration = Duration::from_secs(5);
const READERS: u32 = 3;

impl Store {
    /// Opens the store for work: makes folder and file (mode 0600) where missing, checks the file, brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Newer`], [`StoreError::OldSqlite`], or why the file cannot be opened or written.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_file(path)?;
        failpoint::pass("the file is there");
        keep_private(path).await;
        let options = options(path)
            .journal_mode(SqliteJournalMode::Wal)
            // For a file made just now: what is pruned later is given back in small steps (`prune`).
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-8000")
            .pragma("journal_size_limit", "67108864");
        let write = pool(1, true).connect_with(options).await.map_err(|e| by_code(path, e))?;
        let read = pool(READERS, false).connect_lazy_with(self::options(path).read_only(true));
        check_library(path, &write).await?;
        check_file(path, &write).await?;
        match schema(path, &write).await? {
            Schema::Newer { found, known } => return Err(StoreError::Newer { path: path.to_owned(), found, known }),
            Schema::Current => {}
            Schema::Older { .. } | Schema::None => {
                failpoint::pass("before the migrations");
                MIGRATIONS.run(&write).await.map_err(|source| migration_failed(path, source))?;
                failpoint::pass("after the migrations");
            }
        }
        // SQLite opens a file that may not be written for reading, and says so only at the first write: here.
        sqlx::query("UPDATE fact SET value = value WHERE false").execute(&write).await.map_err(|e| by_code(path, e))?;
        let place = Arc::new(Place::of(path)?);
        let journal = Journal::start(write.clone(), place.clone());
        let (path, nudged) = (path.to_owned(), Notify::new());
        let inner = Inner { path, place, read, write: Some(write), journal: Some(journal), nudged };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens a store that exists, for reading only; works while another process writes. Never creates the store.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none; [`StoreError::Older`] and [`StoreError::Newer`] if its schema is another's.
    pub async fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        match std::fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { path: path.to_owned() });
            }
            Err(e) => return Err(StoreError::from_io(path, e)),
            Ok(_) => {}
        }
        let read =
            pool(READERS, false).connect_with(options(path).read_only(true)).await.map_err(|e| by_code(path, e))?;
        check_library(path, &read).await?;
        let owned = path.to_owned();
        match schema(path, &read).await? {
            Schema::Newer { found, known } => return Err(StoreError::Newer { path: owned, found, known }),
            Schema::Older { found, known } => return Err(StoreError::Older { path: owned, found, known }),
            // A file that was made and never filled: its maker died before the first migration.
            Schema::None => return Err(StoreError::Missing { path: owned }),
            Schema::Current => {}
        }
        let place = Arc::new(Place::of(path)?);
        let inner = Inner { path: owned, place, read, write: None, journal: None, nudged: Notify::new() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether there is no store yet. Then one can be made: the folder takes new files, and none is left in it.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] and the like when there is none and none can be made, or it cannot be told.
    pub fn is_to_be_made(path: &Path) -> Result<bool, StoreError> {
        let failed = |e| StoreError::from_io(path, e);
        let file = resolved(path);
        match std::fs::metadata(&file) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            found => return found.map(|_| false).map_err(failed),
        }
        let mut folder = folder_of(&file);
        while !folder.exists() {
            folder = folder_of(folder);
        }
        owner::takes_files(folder).map_err(failed)?;
        Ok(true)
    }

    /// Gives back the memory of the last work: for whoever stays open and has nothing to do.
    pub async fn rest(&self) {
        while let Some(reader) = self.inner.read.try_acquire() {
            // Another is opened by the next read.
            let _ = reader.close().await;
        }
        if let Some(mut writer) = self.inner.write.as_ref().and_then(SqlitePool::try_acquire) {
            let forgotten = writer.clear_cached_statements().await;
            let shrunk = sqlx::query("PRAGMA shrink_memory").persistent(false).execute(&mut *writer).await;
            if let Err(error) = forgotten.and(shrunk) {
                tracing::debug!(%error, "memory could not be given back");
            }
        }
    }

    /// Ends the writer after what waits is written, folds the WAL into the file, closes every connection.
    pub async fn close(&self) {
        if let Some(journal) = &self.inner.journal {
            journal.end().await;
        }
        // Readers first: a checkpoint cannot empty the WAL under one.
        self.inner.read.close().await;
        if let Some(write) = &self.inner.write {
            if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(write).await {
                // Nothing is lost: the next start reads the WAL.
                tracing::debug!(%error, "the WAL was not folded in at the end");
            }
            write.close().await;
        }
    }
}

/// Looks a file through that is nobody's yet.
pub(super) async fn check(path: &Path) -> Result<(), StoreError> {
    // As a file that does not change: nothing is to be made beside it.
    let pool = pool(1, false).connect_with(options(path).read_only(true).immutable(true)).await;
    let pool = pool.map_err(|e| by_code(path, e))?;
    let checked = check_file(path, &pool).await;
    pool.close().await;
    checked
}

/// Whether a file is a store of ours, of any version, as far as it can be read.
pub(super) async fn is_store(path: &Path) -> bool {
    let Ok(pool) = pool(1, false).connect_with(options(path).read_only(true).immutable(true)).await else {
        return false;
    };
    let ask =
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('_sqlx_migrations', 'fact', 'operation', 'v_customers')";
    let found: Result<i64, _> = sqlx::query_scalar(ask).fetch_one(&pool).await;
    pool.close().await;
    found.is_ok_and(|found| found == 4)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        // A page of rows crosses from SQLite's thread in one go instead of 50 at a time.
        .row_buffer_size(1024)
        .disable_statement_logging()
}

fn pool(connections: u32, writes: bool) -> SqlitePoolOptions {
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        // Connections never expire, so that an idle daemon is not woken to look at them.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(writes);
    if !writes {
        return pool;
    }
    // After a full disk SQLite has rolled back by itself; sqlx's own ROLLBACK then fails, and it would count one open
    // transaction for ever. Such a connection is given up for a new one.
    pool.before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// A copy that was put in the store's place brings its own rights, which the WAL would take on. Nothing but a store is touched.
async fn keep_private(path: &Path) {
    let file = resolved(path);
    if !owner::others_may(&file) || !is_store(&file).await {
        return;
    }
    match owner::keep_private(&file) {
        Ok(()) => tracing::warn!("others could read the store {}; now they cannot", path.display()),
        Err(error) => tracing::warn!(%error, "others can read the store {}: {error}", path.display()),
    }
}

/// Makes folder and file; SQLite gives the WAL and its index the file's own mode and owner.
fn make_file(path: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::from_io(path, e);
    owner::make_folder(folder_of(&resolved(path))).map_err(failed)?;
    match owner::make_file(&resolved(path)) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(e)),
        _ => Ok(()),
    }
}

async fn check_library(path: &Path, pool: &SqlitePool) -> Result<(), StoreError> {
    let found: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await.map_err(|e| by_code(path, e))?;
    if is_old(&found) { Err(StoreError::OldSqlite { found }) } else { Ok(()) }
}

fn is_old(version: &str) -> bool {
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    parts.as_slice() < OLDEST_SQLITE.as_slice()
}

async fn check_file(path: &Path, pool: &SqlitePool) -> Result<(), StoreError> {
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(5)").fetch_all(pool).await.map_err(|e| by_code(path, e))?;
    if found.iter().all(|line| line == "ok") {
        Ok(())
    } else {
        Err(StoreError::Corrupt { path: path.to_owned(), detail: found.join("; ") })
    }
}

enum Schema {
    None,
    Older { found: i64, known: i64 },
    Current,
    Newer { found: i64, known: i64 },
}

/// How the file's schema stands to the one compiled in. Refuses a file that is another program's database.
async fn schema(path: &Path, pool: &SqlitePool) -> Result<Schema, StoreError> {
    let ask = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(ask).fetch_all(pool).await.map_err(|e| by_code(path, e))?;
    if !tables.iter().any(|t| t == "_sqlx_migrations") {
        return match tables.first() {
            None => Ok(Schema::None),
            Some(table) => Err(StoreError::Corrupt {
                path: path.to_owned(),
                detail: format!("it is another program's database (it has a table '{table}')"),
            }),
        };
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(pool)
        .await
        .map_err(|e| by_code(path, e))?;
    let (found, known) = (found.unwrap_or(0), MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0));
    Ok(match found.cmp(&known) {
        std::cmp::Ordering::Less => Schema::Older { found, known },
        std::cmp::Ordering::Equal => Schema::Current,
        std::cmp::Ordering::Greater => Schema::Newer { found, known },
    })
}

fn migration_failed(path: &Path, error: sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => match by_code(path, source) {
            StoreError::Query { path, source } => StoreError::Migrate { path, source: MigrateError::Execute(source) },
            fault => fault,
        },
        source => StoreError::Migrate { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::is_old;

    #[test]
    fn sqlite_before_the_wal_reset_fix_is_refused() {
        // crates.md 0.6: 3.51.3 is the fix.
        for old in ["3.40.1", "3.51.2", "3.9.99", "3.51", ""] {
            assert!(is_old(old), "{old}");
        }
        for good in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            assert!(!is_old(good), "{good}");
        }
    }
}
