//! Who may use the control socket: the daemon's own user, root, and the daemon's group.
//!
//! The socket's mode (0660) says the same, and the kernel holds to it; this holds should somebody loosen the mode or hand a
//! connection on.

use tokio::net::unix::UCred;

/// The daemon's user and group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    pub uid: u32,
    pub gid: u32,
}

/// Why a peer was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("user {uid} may not use the control socket")]
pub(super) struct Stranger {
    pub uid: u32,
}

impl Own {
    /// Whether a peer may come in; `groups` finds all groups of a process.
    pub(super) fn admit(self, uid: u32, gid: u32, groups: impl FnOnce() -> Option<Vec<u32>>) -> Result<(), Stranger> {
        let in_group = || gid == self.gid || groups().is_some_and(|groups| groups.contains(&self.gid));
        if uid == 0 || uid == self.uid || in_group() { Ok(()) } else { Err(Stranger { uid }) }
    }

    /// Whether the process at the other end may come in.
    pub(super) fn admit_peer(self, peer: UCred) -> Result<(), Stranger> {
        self.admit(peer.uid(), peer.gid(), || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", peer.pid()?)).ok()?;
            groups_of(&status)
        })
    }
}

/// The `Groups:` line of `/proc/PID/status`: a peer's credentials name its first group only.
fn groups_of(status: &str) -> Option<Vec<u32>> {
    let line = status.lines().find_map(|line| line.strip_prefix("Groups:"))?;
    Some(line.split_whitespace().filter_map(|group| group.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_user_root_and_its_group_come_in_and_nobody_else() {
        let own = Own { uid: 990, gid: 991 };
        for (uid, gid, groups, good) in [
            (990, 1, None, true),
            (0, 0, None, true),
            (1000, 991, None, true),
            (1000, 1000, Some(vec![27, 991]), true),
            (1000, 1000, Some(vec![27, 9910]), false),
            (1000, 1000, None, false),
            (65534, 65534, Some(Vec::new()), false),
        ] {
            assert_eq!(own.admit(uid, gid, || groups).is_ok(), good, "{uid} {gid}");
        }
    }

    #[test]
    fn groups_are_read_as_the_kernel_writes_them() {
        assert_eq!(groups_of("Name:\tx\nGroups:\t27 991 \nNStgid:\t1\n"), Some(vec![27, 991]));
        assert_eq!(groups_of("Groups:\t\n"), Some(vec![]));
        assert_eq!(groups_of("Name:\tx\n"), None);
        let own = std::fs::read_to_string("/proc/self/status").unwrap();
        assert!(groups_of(&own).is_some());
    }
}
