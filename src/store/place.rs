//! Where a store is: the file that its path means, and whether that is still the one that was opened (a deleted or exchanged
//! file goes on taking writes, for nobody).

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

/// The one path of the file that a path means: links are followed, also one to a file that is not there yet. What cannot be
/// followed stays as it is: whoever opens it is told why.
pub(super) fn resolved(path: &Path) -> PathBuf {
    /// More links in a row than the system itself follows.
    const LINKS_MOST: u32 = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MOST {
        if let Ok(found) = std::fs::canonicalize(&path) {
            return found;
        }
        let folder = folder_of(&path).to_owned();
        match std::fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => {
                let name = path.file_name().map(ToOwned::to_owned);
                return match (std::fs::canonicalize(folder), name) {
                    (Ok(folder), Some(name)) => folder.join(name),
                    _ => path,
                };
            }
        }
    }
    path
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that belongs to a store: `-wal`, `-shm`, `-journal` and `.lock` stand beside it.
pub(super) fn companion(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
