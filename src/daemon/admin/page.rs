//! The status page: one HTML page, made here, that works without scripts. Names are the only personal data on it: reasons are
//! left to `pivotal-sync why`, because they may quote addresses.

use std::sync::Arc;
use std::time::Duration;

use minijinja::Environment;
use serde::Serialize;

use crate::daemon::{DaemonState, Stage};
use crate::domain::Timestamp;
use crate::store::{OperationRow, RunRow};

use super::readiness;
use super::snapshot::Snapshot;

const TEMPLATE: &str = include_str!("page.html");
/// Runs shown.
const RUNS: usize = 10;

#[derive(Serialize)]
struct View {
    version: &'static str,
    now: String,
    workspace: Option<String>,
    wrong: Vec<String>,
    running: Option<String>,
    next: Vec<[String; 2]>,
    objects: Vec<[String; 2]>,
    open: Vec<[String; 2]>,
    streams: Vec<[String; 4]>,
    runs: Vec<[String; 6]>,
    lists: Vec<List>,
    webhooks: Vec<String>,
}

#[derive(Serialize)]
struct List {
    title: &'static str,
    rows: Vec<[String; 4]>,
    more: u64,
}

/// The page as it stands now.
pub(super) fn html(
    state: &DaemonState,
    snapshot: Result<Arc<Snapshot>, String>,
    webhooks: &[String],
    now: Timestamp,
) -> Result<String, minijinja::Error> {
    let store_error = snapshot.as_ref().err().map(String::as_str);
    let checks = readiness(state, store_error);
    let wrong = checks.into_iter().filter_map(|check| Some(format!("{}: {}", check.what, check.wrong?)));
    let mut view = View {
        version: env!("CARGO_PKG_VERSION"),
        now: when(now),
        workspace: None,
        wrong: wrong.collect(),
        running: running(state, now),
        next: state.next.iter().map(|slot| [slot.errand.clone(), when(slot.at)]).collect(),
        objects: Vec::new(),
        open: Vec::new(),
        streams: Vec::new(),
        runs: Vec::new(),
        lists: Vec::new(),
        webhooks: webhooks.to_vec(),
    };
    if let Ok(snapshot) = snapshot {
        view.take_in(&snapshot, now);
    }
    let mut pages = Environment::new();
    // The name's ending turns escaping on.
    pages.add_template("page.html", TEMPLATE)?;
    pages.get_template("page.html")?.render(minijinja::Value::from(minijinja::value::Serde(view)))
}

impl View {
    fn take_in(&mut self, snapshot: &Snapshot, now: Timestamp) {
        let counts = &snapshot.counts;
        self.workspace.clone_from(&snapshot.workspace);
        self.objects = counts.mapped.iter().map(|(kind, number)| [format!("{kind}s"), number.to_string()]).collect();
        self.open = [
            ("owed", counts.owed),
            ("held, until somebody decides", counts.held),
            ("quarantined: refused by Pivotal", counts.quarantined),
            ("deletions that wait out their grace", counts.waiting_deletions),
            ("changed in Pivotal by somebody else", snapshot.drifted as u64),
        ]
        .map(|(what, number)| [what.to_owned(), number.to_string()])
        .into();
        let stream = |(stream, state, live): &crate::store::StreamCount| {
            let listed = state.complete_at.map_or_else(|| "never".to_owned(), |at| ago(at, now));
            [stream.to_string(), live.to_string(), ago(state.pulled_at, now), listed]
        };
        self.streams = counts.streams.iter().map(stream).collect();
        self.runs = snapshot.runs.iter().take(RUNS).map(|run| row(run, now)).collect();
        for (title, number, rows) in
            [("Held", counts.held, &snapshot.held), ("Quarantined", counts.quarantined, &snapshot.quarantined)]
        {
            let rows: Vec<_> = rows.iter().map(operation).collect();
            if !rows.is_empty() {
                self.lists.push(List { title, more: number.saturating_sub(rows.len() as u64), rows });
            }
        }
    }
}

fn operation(row: &OperationRow) -> [String; 4] {
    [row.subject.clone(), row.name.clone(), row.verb.to_string(), row.object.to_string()]
}

fn row(run: &RunRow, now: Timestamp) -> [String; 6] {
    let took = run.finished_at.map_or_else(String::new, |end| length(end - run.started_at));
    let did = run.report.as_ref().map_or_else(String::new, |report| {
        let counts = &report.operations;
        let parts = [
            ("created", counts.create),
            ("updated", counts.update),
            ("deleted", counts.delete),
            ("adopted", counts.adopt),
            ("held", counts.held),
            ("quarantined", counts.quarantined),
            ("owed", counts.owed),
        ];
        let said: Vec<_> = parts.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{n} {word}")).collect();
        if said.is_empty() { "nothing to do".to_owned() } else { said.join(", ") }
    });
    let kind = format!("{} ({})", run.kind.as_str(), run.asked_by);
    [run.id.to_string(), kind, run.status.as_str().to_owned(), ago(run.started_at, now), took, did]
}

fn running(state: &DaemonState, now: Timestamp) -> Option<String> {
    let run = state.run.as_ref()?;
    let mut stage = match &run.stage {
        Stage::Beginning => "beginning".to_owned(),
        Stage::Reading { stream, read } => format!("reading {stream}, {read} records so far"),
        Stage::Walking { kind, seen } => format!("looking through Pivotal's {kind}s, {seen} so far"),
        Stage::Comparing { entities } => format!("comparing, {entities} so far"),
        Stage::Writing { operations, done, undone, .. } => format!("writing, {} of {operations}", done + undone),
    };
    if let Some(until) = run.waits_until {
        stage.push_str(&format!(", waiting for Pivotal's limit until {}", when(until)));
    }
    Some(format!("{} (asked for by {}), begun {}: {stage}", run.errand, run.by.as_str(), ago(run.since, now)))
}

fn when(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", length(now - at))
}

/// A length of time in its two largest units.
fn length(time: chrono::TimeDelta) -> String {
    let seconds = u64::try_from(time.num_seconds()).unwrap_or_default();
    let text = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
