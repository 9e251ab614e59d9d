//! What can go wrong with the store: what happened, to which file, and what to do.

use std::error::Error;
use std::fmt::Display;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

use super::place::folder_of;

/// Why the store cannot do what it was asked. [`StoreError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no file to read.
    #[error("there is no store at {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of this program wrote the file.
    #[error("the store {} was written by a newer version (its schema is {found}, this version knows {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema number found.
        found: i64,
        /// The newest schema number this version knows.
        known: i64,
    },
    /// An older version wrote the file, and it was opened for reading, so it cannot be brought up to date.
    #[error("the store {} was written by an older version (its schema is {found}, this version reads {known})", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// The schema number found.
        found: i64,
        /// The schema number needed.
        known: i64,
    },
    /// The file is damaged, or is no store at all.
    #[error("the store {} is damaged: {detail}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the check said.
        detail: String,
    },
    /// Another process holds the store.
    #[error("the store {} is held by another instance{}", path.display(), pid.map_or(String::new(), |p| format!(" (process {p})")))]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// The other process, if its lock file says.
        pid: Option<u32>,
    },
    /// The file has two names, each of which could be held by a process of its own.
    #[error("the store {} has a second name (a hard link), by which another instance could work on it unseen", path.display())]
    TwoNames {
        /// The file.
        path: PathBuf,
    },
    /// Something stands where a copy of the store was to be put.
    #[error("{} is not replaced by a backup: {why}", path.display())]
    Taken {
        /// What stands there.
        path: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// The disk is full.
    #[error("no space is left to write the store {}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file was deleted or exchanged while it was open.
    #[error("the store {} was deleted or exchanged while it was in use", path.display())]
    Vanished {
        /// Where it was.
        path: PathBuf,
    },
    /// The file, or its folder, may not be written.
    #[error("the store {} cannot be written", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened, or the disk fails.
    #[error("the store {} cannot be opened or read: {source}", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The SQLite library has the WAL-reset corruption bug (crates.md 0.6).
    #[error("the SQLite library is version {found}; versions before 3.51.3 can corrupt a store")]
    OldSqlite {
        /// The library's version.
        found: String,
    },
    /// A statement failed.
    #[error("the store {} refused a statement: {source}", path.display())]
    Query {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the store {} could not be brought up to date: {source}", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: MigrateError,
    },
    /// A row does not say what it should.
    #[error("a row of table {table} cannot be used: {what}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

impl StoreError {
    /// What to do about it, in one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "run `pivotal-sync backfill` or `pivotal-sync sync` first, or check store.path".to_owned()
            }
            Self::Newer { .. } => "install the version that wrote it, or restore a backup made before".to_owned(),
            Self::Older { .. } => {
                "restart the daemon or run `pivotal-sync plan` once, which brings it up to date".to_owned()
            }
            Self::Corrupt { path, .. } => format!(
                "restore a backup, or move {} away and run `pivotal-sync backfill`, which rebuilds it without duplicates",
                path.display()
            ),
            Self::Locked { pid: Some(pid), .. } => {
                format!("wait for process {pid} to end, or stop it (systemctl stop pivotal-sync)")
            }
            Self::Locked { pid: None, .. } => "wait for the other instance to end, or stop it".to_owned(),
            Self::TwoNames { path } => format!(
                "find its other name (find / -xdev -samefile {}) and remove that; a copy is made by `pivotal-sync backup`",
                path.display()
            ),
            Self::Taken { .. } => "name another file".to_owned(),
            Self::Full { path } => {
                format!("make room on the file system that holds {}; nothing stored was lost", path.display())
            }
            Self::Vanished { .. } => {
                "put it back, or restore a backup there, and restart the daemon (systemctl restart \
                 pivotal-sync); without one it finds what it made in Pivotal again"
                    .to_owned()
            }
            Self::ReadOnly { path } => strange_owner(path)
                .unwrap_or_else(|| format!("let the user that runs this write {} and its folder", path.display())),
            Self::CannotOpen { path, source } => cannot_open(path, &**source),
            Self::OldSqlite { .. } => "build with the bundled SQLite".to_owned(),
            Self::Query { source, .. } if primary_code(source) == Some(5) => {
                "another program writes to the file: close other sqlite3 sessions on it".to_owned()
            }
            Self::Query { .. } | Self::BadRow { .. } => {
                "this is a defect or the file was edited by hand: report it with this message".to_owned()
            }
            Self::Migrate { .. } => "restore a backup, or report this message".to_owned(),
        }
    }

    /// An input or output error of the file system, by its consequence.
    pub(super) fn from_io(path: &Path, error: std::io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full { path },
            std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            _ => Self::CannotOpen { path, source: error.into() },
        }
    }
}

/// What to do about a file that somebody made as another user.
fn strange_owner(path: &Path) -> Option<String> {
    let owner = |path: &Path| std::fs::metadata(path).map(|found| found.uid()).ok();
    let folder = owner(folder_of(path))?;
    // A folder of root's is nobody's in particular, as /tmp is.
    if folder == 0 || owner(path)? == folder {
        return None;
    }
    let store = path.with_extension(path.extension().filter(|ending| *ending != "lock").unwrap_or_default());
    let (folder, store) = (folder_of(path).display(), store.display());
    Some(format!("it belongs to another user than its folder does: chown --reference={folder} {store}* gives it back"))
}

/// What to do about a file that cannot be opened.
fn cannot_open(path: &Path, source: &(dyn Error + Send + Sync + 'static)) -> String {
    if let Some(hint) = strange_owner(path) {
        return hint;
    }
    let denied = source.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    if denied == Some(std::io::ErrorKind::PermissionDenied) {
        return "run it as root or as the daemon's user: what it holds names people, so nobody else may read it"
            .to_owned();
    }
    format!("check that {} and its folder exist, belong to this user and are on a sound disk", path.display())
}

/// Trouble on its way out, before it is told which file it is about.
#[derive(Debug)]
pub(super) enum Trouble {
    Sql(sqlx::Error),
    BadRow {
        table: &'static str,
        what: String,
    },
    OpenedForReading,
    /// Another file is in its place, or none.
    Vanished,
    /// The writer has ended: the store is closed.
    Closed,
}

impl Trouble {
    pub(super) fn bad(table: &'static str, what: impl Display) -> Self {
        Self::BadRow { table, what: what.to_string() }
    }

    pub(super) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Sql(error) => by_code(path, error),
            Self::BadRow { table, what } => StoreError::BadRow { table, what },
            Self::Vanished => StoreError::Vanished { path: path.to_owned() },
            Self::OpenedForReading => StoreError::ReadOnly { path: path.to_owned() },
            Self::Closed => StoreError::Query { path: path.to_owned(), source: sqlx::Error::PoolClosed },
        }
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// SQLite's primary result code (<https://sqlite.org/rescode.html>); sqlx reports the extended one.
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    extended_code(error).map(|code| code & 0xff)
}

fn extended_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Names a fault of the file as such: SQLITE_FULL 13, READONLY 8, CANTOPEN 14, IOERR 10, CORRUPT 11, NOTADB 26.
pub(super) fn by_code(path: &Path, error: sqlx::Error) -> StoreError {
    /// The shared-memory file could not grow: that, too, is a full disk.
    const IOERR_SHMSIZE: u32 = 4874;
    let file = path.to_owned();
    if let sqlx::Error::Io(error) = error {
        return StoreError::from_io(path, error);
    }
    match (extended_code(&error), primary_code(&error)) {
        (_, Some(13)) | (Some(IOERR_SHMSIZE), _) => StoreError::Full { path: file },
        (_, Some(8)) => StoreError::ReadOnly { path: file },
        (_, Some(14 | 10)) => StoreError::CannotOpen { path: file, source: error.into() },
        (_, Some(11 | 26)) => StoreError::Corrupt { path: file, detail: error.to_string() },
        _ => StoreError::Query { path: file, source: error },
    }
}
