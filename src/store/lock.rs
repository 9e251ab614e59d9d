//! One process per store: an advisory lock on `<store>.lock`, held by the system until the process ends, however it ends. Not on
//! the store itself: SQLite's own locks are lost when any descriptor of that file is closed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::place::{companion, folder_of, resolved};
use super::{StoreError, owner};

/// Proof that this process alone works on a store. Given back when dropped, or when the process dies.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl Drop for RunLock {
    /// Closing alone is not enough: a child process that is just being started holds a copy of every open file until it has
    /// become the other program, and the lock with it.
    fn drop(&mut self) {
        // An error leaves what closing gives back.
        let _ = self.file.unlock();
    }
}

impl RunLock {
    /// Takes the lock, making the store's folder if it is missing. The lock is the file's, by whatever name it is called.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the other process's number when someone has it; [`StoreError::TwoNames`] for a file whose
    /// other name could have another lock; [`StoreError::CannotOpen`] and the like when the lock file cannot be made.
    pub fn acquire(store_path: &Path) -> Result<Self, StoreError> {
        owner::make_folder(folder_of(&resolved(store_path))).map_err(|e| StoreError::from_io(store_path, e))?;
        let store = resolved(store_path);
        let path = companion(&store, ".lock");
        let failed = |e| StoreError::from_io(&path, e);
        // A lock that is there is somebody's answer; for a name that is refused none is made, as nobody could take it away again
        // without risk to whoever came by meanwhile.
        if has_two_names(&store) && matches!(path.try_exists(), Ok(false)) {
            return Err(StoreError::TwoNames { path: store });
        }
        let mut file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // A number that cannot be read is no reason to hide that the store is held.
                let _ = file.read_to_string(&mut pid);
                return Err(StoreError::Locked { path: store_path.to_owned(), pid: pid.trim().parse().ok() });
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        if has_two_names(&store) {
            return Err(StoreError::TwoNames { path: store });
        }
        Ok(Self { file })
    }

    /// Whether a process holds the lock now. One that cannot be looked at counts as not held.
    pub fn is_held(store_path: &Path) -> bool {
        // Shared, and given back at once: it keeps nobody out but for a moment.
        File::open(lock_path(store_path))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// SQLite, too, would keep a WAL for each name.
fn has_two_names(store: &Path) -> bool {
    std::fs::metadata(store).is_ok_and(|found| found.is_file() && found.nlink() > 1)
}

fn lock_path(store_path: &Path) -> PathBuf {
    companion(&resolved(store_path), ".lock")
}

fn open(path: &Path) -> std::io::Result<File> {
    match owner::make_file(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Not truncated before it is ours: the holder's number stands in it. A link is not followed: root may be asked to
            // write here, in somebody else's folder.
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(path)
        }
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_given_back_though_a_child_that_starts_holds_a_copy_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("state.db");
        let lock = RunLock::acquire(&store).unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(RunLock::is_held(&store));
        drop(lock);
        assert!(!RunLock::is_held(&store));
        drop(RunLock::acquire(&store).unwrap());
        drop(copy);
    }
}
