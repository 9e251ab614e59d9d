//! Whether the store's file is still the one that was opened: a deleted or exchanged file goes on taking writes, for nobody.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::error::Trouble;

/// Where the file was found when it was opened.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    device: u64,
    file: u64,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let found = std::fs::metadata(path).map_err(|error| StoreError::from_io(path, error))?;
        Ok(Self { path: path.to_owned(), device: found.dev(), file: found.ino() })
    }

    /// Fails when another file is there by now, or none.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        match std::fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (self.device, self.file) => Ok(()),
            _ => Err(Trouble::Vanished),
        }
    }
}
