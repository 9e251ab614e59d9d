//! Whose the files are that root makes: they are given to the owner of the folder they are in. A service with a user of its own
//! could never open a store that somebody made for it as root.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::Path;

use super::place::folder_of;

/// Makes a file that is not there yet, readable by its owner only.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if it is there, links included: what somebody else put there is given to nobody.
pub(super) fn make_file(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    if let Some((user, group)) = heir(file.metadata()?.uid(), folder_of(path))? {
        fchown(&file, Some(user), Some(group))?;
    }
    Ok(file)
}

/// Makes a folder with all that it is in.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    match std::fs::create_dir(path) {
        Ok(()) => match heir(std::fs::metadata(path)?.uid(), folder_of(path))? {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        },
        Err(_) if path.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && path.parent().is_some() => {
            make_folder(folder_of(path))?;
            make_folder(path)
        }
        Err(error) => Err(error),
    }
}

/// Fails where no file can be made in a folder. Leaves nothing behind.
#[cfg(target_os = "linux")]
pub(super) fn takes_files(folder: &Path) -> Result<()> {
    // A file without a name.
    match OpenOptions::new().write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(folder) {
        // Not every file system knows such files; what it would say to others is seen with the first.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::IsADirectory) => Ok(()),
        made => made.map(drop),
    }
}

/// Fails where no file can be made in a folder. Leaves nothing behind.
#[cfg(not(target_os = "linux"))]
pub(super) fn takes_files(folder: &Path) -> Result<()> {
    std::fs::read_dir(folder).map(drop)
}

/// Whether anybody but its owner may read or write a file.
pub(super) fn others_may(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| found.mode() & 0o077 != 0)
}

/// Leaves a file to its owner alone.
pub(super) fn keep_private(file: &Path) -> Result<()> {
    std::fs::set_permissions(file, Permissions::from_mode(0o600))
}

/// To whom what `maker` made in a folder is given: to nobody else, unless root made it in somebody's folder.
fn heir(maker: u32, folder: &Path) -> Result<Option<(u32, u32)>> {
    let folder = std::fs::metadata(folder)?;
    Ok((maker == 0 && folder.uid() != 0).then(|| (folder.uid(), folder.gid())))
}
