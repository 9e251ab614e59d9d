//! What a run took of the memory goes back to the system after it. Otherwise a daemon that once made a first load would keep
//! the size it had then for a year: the allocator keeps what lies free between what is still used.

use std::time::Duration;

/// Until whoever asked for the run has read its answer, which may be the largest thing in memory.
const SOON: Duration = Duration::from_secs(5);

/// Gives back what is free a little later, once.
pub(super) fn give_back_soon() {
    tokio::spawn(async {
        tokio::time::sleep(SOON).await;
        // It walks over the whole heap.
        let _ = tokio::task::spawn_blocking(give_back).await;
    });
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the one way to ask glibc")]
fn give_back() {
    // SAFETY: malloc_trim(3) may be called at any time from any thread, and touches nothing that is in use.
    let given = unsafe { libc::malloc_trim(0) };
    tracing::debug!(given = given == 1, "free memory was given back");
}

/// Other allocators do it by themselves, or cannot be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
