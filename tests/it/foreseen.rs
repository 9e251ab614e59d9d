//! What a run will do, asked of a plan first. The plan works on a copy of the folder and leaves no trace in the sandbox, so
//! that the run itself, its number, its requests and the faults it meets are those of the test.

use std::path::Path;
use std::sync::Arc;

use pivotal_sync::app::App;
use pivotal_sync::cli::render::plan_json;
use pivotal_sync::config::{self, Secrets};
use pivotal_sync::domain::RunKind;
use pivotal_sync::engine::{Ask, Silent};
use pivotal_sync::sandbox::faults::Faults;
use pivotal_sync::sandbox::log::RequestLog;
use pivotal_sync::sandbox::pivotal::World;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::calls::{assert_as_planned, assert_none_but_planned};
use super::rig::KEYS;

/// Whether the plan of a command reads everything; none for commands that a plan does not speak for.
pub fn reads_all(words: &[&str]) -> Option<bool> {
    let (command, flags) = words.split_first()?;
    if !matches!(*command, "sync" | "backfill") || flags.iter().any(|flag| !matches!(*flag, "--json" | "--full")) {
        return None;
    }
    Some(*command == "backfill" || flags.contains(&"--full"))
}

/// What `plan --json` prints for a folder, also for a run that reads everything, which the command does not offer. A plan
/// that fails announces nothing.
async fn plan(folder: &Path, full: bool) -> Value {
    let Ok(settings) = config::load(Some(&folder.join("config.toml")), std::iter::empty()) else { return Value::Null };
    let env = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = Secrets::find(&settings, env.into_iter(), None).map_err(|e| e.to_string()).unwrap();
    let mut app = App { settings, secrets };
    app.settings.store.path = folder.join("state.db");
    let Ok((engine, _)) = app.for_writing(Arc::new(Silent), CancellationToken::new()).await else { return Value::Null };
    let ask = Ask { kind: RunKind::Plan, asked_by: "test".to_owned(), full, only: None };
    let report = engine.plan(&ask).await;
    engine.store.close().await;
    report.map_or(Value::Null, |planned| plan_json(&planned.plan))
}

/// The files of a folder, in a folder of their own.
fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

/// A plan, and the point in the log from which a run has to keep to it.
pub struct Foreseen {
    plan: Value,
    from: usize,
    /// Faults stand in the run's way: not all that is planned is reached, and some of it is called twice.
    beset: bool,
}

impl Foreseen {
    /// Plans what a run in this folder will do. Faults are taken aside meanwhile: they wait for the run.
    pub async fn by_plan(folder: &Path, full: bool, log: &RequestLog, faults: &Faults) -> Self {
        let (entries, waiting) = (log.entries(), faults.waiting());
        faults.clear();
        let copy = copy(folder);
        let plan = plan(copy.path(), full).await;
        let wrote = log.entries().into_iter().skip(entries.len()).find(|e| e.api == "pivotal" && e.method != "GET");
        assert_eq!(wrote, None, "a plan writes nothing");
        let foreseen = Self { plan, from: entries.len(), beset: !waiting.is_empty() };
        log.clear();
        entries.into_iter().for_each(|entry| log.record(entry));
        waiting.into_iter().for_each(|fault| faults.inject(fault));
        foreseen
    }

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
