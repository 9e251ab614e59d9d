//! A copy of the store, made while it is in use.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::{Store, StoreError};
use crate::failpoint;

impl Store {
    /// Writes a sound copy of the store to `to`, replacing a file that is there: whole in itself (no WAL beside it), readable by
    /// its owner only, looked through before it takes its name. Runs may go on meanwhile; the copy is of one moment.
    ///
    /// # Errors
    /// When the store cannot be read, or the copy cannot be written or is not sound; then `to` is as it was.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let part = beside(to);
        let made = self.copy(&part).await.and_then(|()| {
            let failed = |error| StoreError::from_io(to, error);
            File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
            failpoint::pass("before the copy takes its name");
            std::fs::rename(&part, to).map_err(failed)?;
            failpoint::pass("after the copy took its name");
            // The name, too, shall outlast a loss of power.
            let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
        });
        if made.is_err() {
            // It may never have been made.
            let _ = std::fs::remove_file(&part);
        }
        made
    }

    async fn copy(&self, part: &Path) -> Result<(), StoreError> {
        // SQLite fills an empty file and refuses any other; made here, so that it has the right mode from its first byte.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(part).map_err(|error| StoreError::from_io(part, error))?;
        failpoint::pass("before the copy");
        let name = part.to_string_lossy().into_owned();
        let copied = async { Ok(sqlx::query("VACUUM INTO ?").bind(name).execute(self.read()).await?) };
        self.told(copied).await?;
        failpoint::pass("after the copy");
        super::open::check(part).await
    }
}

/// Where the copy grows before it takes its name.
fn beside(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}
