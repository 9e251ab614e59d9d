//! The control socket: a Unix socket that speaks HTTP, for this machine's commands. Binding, rights, and its end; what is answered
//! is in `answers`.

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use tokio::net::unix::UCred;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

use super::DaemonError;
use super::answers::{Desk, router};
use super::listener::serve;
use super::peer::Own;

/// Read and written by the daemon's user and group.
const MODE: u32 = 0o660;

/// In the folder systemd makes for the service.
const NAME: &str = "control.sock";

/// The folder systemd makes for the packaged service.
const PACKAGED: &str = "/run/pivotal-sync";

/// Where this daemon's socket is.
pub(super) fn place(settings: &Settings, runtime: Option<&Path>) -> PathBuf {
    match (&settings.daemon.socket, runtime) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.join(NAME),
        (None, None) => beside(&settings.store.path),
    }
}

/// Where a daemon's socket may be, for a command.
pub(super) fn places(settings: &Settings) -> Vec<PathBuf> {
    match &settings.daemon.socket {
        Some(path) => vec![path.clone()],
        None => vec![beside(&settings.store.path), Path::new(PACKAGED).join(NAME)],
    }
}

fn beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".sock");
    PathBuf::from(name)
}

/// The socket, listening.
pub(super) struct Listening {
    listener: UnixListener,
    path: PathBuf,
    own: Own,
}

/// Makes the socket. One that is left over from a daemon that was killed is replaced; anything else in its place is not.
pub(super) fn listen(path: PathBuf) -> Result<Listening, DaemonError> {
    let failed = |why: String| DaemonError::Socket { path: path.clone(), why };
    match std::fs::symlink_metadata(&path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(failed("there is something else in its place".into()));
        }
        Ok(_) if UnixStream::connect(&path).is_ok() => return Err(failed("another program listens there".into())),
        Ok(_) => std::fs::remove_file(&path).map_err(|e| failed(e.to_string()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error.to_string())),
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| failed(e.to_string()))?;
    }
    let made = || -> std::io::Result<(UnixListener, Own)> {
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(MODE))?;
        // Whoever makes a file owns it: that is this process's user and group.
        let found = std::fs::metadata(&path)?;
        Ok((listener, Own { uid: found.uid(), gid: found.gid() }))
    };
    let (listener, own) = made().map_err(|e| failed(e.to_string()))?;
    Ok(Listening { listener, path, own })
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(super) struct Peer(pub Option<UCred>);

impl Listening {
    /// Answers until `over`, and a little longer for who is still being told.
    pub(super) async fn serve(self, desk: Desk, over: CancellationToken) {
        let Self { listener, path, own } = self;
        serve(listener, router(desk, own), over).await;
        // Gone already: somebody tidied up.
        let _ = std::fs::remove_file(path);
    }
}
