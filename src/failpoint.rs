//! Places at which a test has the real process stop dead, to be killed there. Nothing of this is in a release build.

/// Where to stop: the so-manieth place that the process comes to, counted from 1, or a place by its name.
#[cfg(debug_assertions)]
const STOP: &str = "FAILPOINT";
/// The file that tells that it has come there, and how the place is called.
#[cfg(debug_assertions)]
const REACHED: &str = "FAILPOINT_REACHED";
/// The file that tells every place that it came to, a line each.
#[cfg(debug_assertions)]
const PASSED: &str = "FAILPOINT_PASSED";

/// A place between two effects on the outside: a commit, a request, an answer.
#[cfg(debug_assertions)]
pub fn pass(place: &str) {
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static STOP_AT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(STOP).ok());
    static TELL: LazyLock<Option<std::ffi::OsString>> = LazyLock::new(|| std::env::var_os(PASSED));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    if let Some(file) = &*TELL
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(file)
    {
        // A line in one piece, whoever else writes one; of one that is missing the test says so.
        let _ = file.write_all(format!("{place}\n").as_bytes());
    }
    let Some(stop) = &*STOP_AT else { return };
    let step = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    if stop != place && stop.parse() != Ok(step) {
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
