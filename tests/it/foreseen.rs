//! What a run will do, asked of a plan first. The plan works on a copy of the folder and leaves no trace in the sandbox, so
//! that the run itself, its number, its requests and the faults it meets are those of the test.

use std::path::Path;

use pivotal_sync::sandbox::faults::{Fault, Faults};
use pivotal_sync::sandbox::log::{Entry, RequestLog};
use pivotal_sync::sandbox::pivotal::World;
use serde_json::Value;
use tempfile::TempDir;

use super::calls::{assert_as_planned, assert_none_but_planned};

/// The words of the plan that says what a command will do; none for commands that a plan does not speak for.
pub fn plan_of<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    let (command, flags) = words.split_first()?;
    if !matches!(*command, "sync" | "backfill") || flags.iter().any(|flag| !matches!(*flag, "--json" | "--full")) {
        return None;
    }
    let reads_all = *command == "backfill" || flags.contains(&"--full");
    Some(if reads_all { vec!["plan", "--json", "--full"] } else { vec!["plan", "--json"] })
}

/// The files of a folder, in a folder of their own.
pub fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

/// What a sandbox had seen, and had in store, when a plan was asked for.
pub struct Before<'a> {
    log: &'a RequestLog,
    faults: &'a Faults,
    entries: Vec<Entry>,
    waiting: Vec<Fault>,
}

/// A plan, and the point in the log from which a run has to keep to it.
pub struct Foreseen {
    plan: Value,
    from: usize,
    /// Faults stand in the run's way: not all that is planned is reached, and some of it is called twice.
    beset: bool,
}

impl<'a> Before<'a> {
    /// Takes the faults aside: they wait for the run.
    pub fn plan(log: &'a RequestLog, faults: &'a Faults) -> Self {
        let before = Self { log, faults, entries: log.entries(), waiting: faults.waiting() };
        faults.clear();
        before
    }

    /// Puts everything back. A plan writes nothing; one that fails announces nothing.
    pub fn restore(self, plan: Value) -> Foreseen {
        let from = self.entries.len();
        let asked = self.log.entries().split_off(from);
        let wrote = asked.into_iter().find(|entry| entry.api == "pivotal" && entry.method != "GET");
        assert_eq!(wrote, None, "a plan writes nothing");
        self.log.clear();
        self.entries.into_iter().for_each(|entry| self.log.record(entry));
        let beset = !self.waiting.is_empty();
        self.waiting.into_iter().for_each(|fault| self.faults.inject(fault));
        Foreseen { plan, from, beset }
    }
}

impl Foreseen {
    /// Fails unless a run made the calls that were foreseen.
    pub fn came_true(&self, log: &RequestLog, pivotal: &World) {
        let calls = &log.entries()[self.from..];
        if self.beset {
            assert_none_but_planned(&self.plan, calls, pivotal);
        } else {
            assert_as_planned(&self.plan, calls, pivotal);
        }
    }
}
