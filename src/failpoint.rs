//! Places at which a test has the real process stop dead, to be killed there. Nothing of this is in a release build.

/// The step to stop at: the so-manieth place that the process comes to, counted from 1.
#[cfg(debug_assertions)]
const STEP: &str = "FAILPOINT";
/// The file that tells that it has come there.
#[cfg(debug_assertions)]
const REACHED: &str = "FAILPOINT_REACHED";

/// A place between two effects on the outside: a commit, a request, an answer.
#[cfg(debug_assertions)]
pub fn pass(place: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static STOP_AT: LazyLock<Option<u64>> = LazyLock::new(|| std::env::var(STEP).ok()?.parse().ok());
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let Some(step) = *STOP_AT else { return };
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 != step {
        return;
    }
    if let Some(file) = std::env::var_os(REACHED) {
        // Without the file nobody kills the process, and the test that waits for it says so.
        let _ = std::fs::write(file, place);
    }
    loop {
        std::thread::park();
    }
}

/// A place between two effects on the outside: a commit, a request, an answer.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn pass(_place: &str) {}
