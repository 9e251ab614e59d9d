//! What systemd would be to the daemon: starts it, hears its notifications, stops it.

use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::rig::Rig;

/// A machine that is busy is slow; a daemon that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon under way.
pub struct Host {
    pub child: Child,
    heard: Receiver<String>,
}

impl Host {
    /// Starts the daemon on the rig's configuration, with more in its environment.
    pub fn start(rig: &Rig, environment: &[(&str, &str)]) -> Self {
        Self::start_as(rig.command(&["run"]), rig.folder.path(), environment)
    }

    /// Starts it as this command says, its notifications heard in that folder.
    pub fn start_as(mut command: Command, folder: &Path, environment: &[(&str, &str)]) -> Self {
        let place = folder.join("notify");
        let _ = std::fs::remove_file(&place);
        let heard = listen(UnixDatagram::bind(&place).unwrap());
        // Daemons of other tests have the usual address.
        command.env("PIVOTAL_SYNC__ADMIN__LISTEN", "127.0.0.1:0");
        command.env("NOTIFY_SOCKET", &place).envs(environment.iter().copied());
        Self { child: command.stdout(Stdio::null()).spawn().unwrap(), heard }
    }

    /// Starts it and waits until it is ready.
    pub fn ready(rig: &Rig) -> Self {
        let mut host = Self::start(rig, &[]);
        host.hear("READY=1");
        host
    }

    /// Waits for a notification that begins so, and answers with it. Those before it are forgotten.
    pub fn hear(&mut self, begins: &str) -> String {
        while let Ok(line) = self.heard.recv_timeout(PATIENCE) {
            if line.starts_with(begins) {
                return line;
            }
        }
        let _ = self.child.kill();
        panic!("'{begins}' was never said; the log: {}", self.log());
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Stops it as systemd would; answers how it ended and what it logged.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.hear("STOPPING=1");
        let status = self.child.wait().unwrap();
        let log = self.log();
        (status, log)
    }

    /// What it logged, once it ended.
    pub fn log(&mut self) -> String {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

/// Hears everything at once, as systemd does: a full socket would hold the daemon up.
fn listen(ear: UnixDatagram) -> Receiver<String> {
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = ear.recv(&mut buffer) {
            for line in String::from_utf8_lossy(&buffer[..length]).lines() {
                if tell.send(line.to_owned()).is_err() {
                    return;
                }
            }
        }
    });
    heard
}

impl Drop for Host {
    fn drop(&mut self) {
        // Ended already, mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the daemon of a rig hears commands.
pub fn socket(rig: &Rig) -> PathBuf {
    rig.folder.path().join("state.db.sock")
}
