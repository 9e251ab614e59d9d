//! The latest runs.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use unicode_width::UnicodeWidthStr;

use crate::domain::{RunKind, RunStatus, Span};
use crate::store::RunRow;

use super::table::table;
use super::text::{count, visible, wrap};

/// How long a run took, once it ended.
pub(super) fn took(run: &RunRow) -> Option<Span> {
    run.finished_at.map(|end| Span((end - run.started_at).to_std().unwrap_or_default()))
}

/// What most runs are asked by: not worth a column.
const USUAL: &str = "command";

/// A line per run, newest first, in so many columns. What says that it runs, while nothing is `in_use`, was cut off.
pub fn render_runs(runs: &[RunRow], in_use: bool, width: Option<usize>) -> String {
    if runs.is_empty() {
        return "no run yet; pivotal-sync plan shows what a first load would do\n".to_owned();
    }
    let asked = runs.iter().any(|run| run.asked_by != USUAL);
    let mut header = vec!["run", "kind"];
    header.extend(asked.then_some("asked by"));
    header.extend(["status", "started (UTC)", "took"]);
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let mut row = vec![run.id.to_string(), run.kind.as_str().to_owned()];
            row.extend(asked.then(|| visible(&run.asked_by)));
            let cut_off = run.status == RunStatus::Running && !in_use;
            row.push(if cut_off { "cut off" } else { run.status.as_str() }.to_owned());
            row.push(run.started_at.format("%Y-%m-%d %H:%M").to_string());
            row.push(took(run).map_or_else(|| "-".to_owned(), |took| took.to_string()));
            row
        })
        .collect();
    let columns = table(&header, rows, header.len());
    let taken = columns.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    let mut out = String::new();
    for (line, what) in columns.lines().zip(std::iter::once("done".to_owned()).chain(runs.iter().map(done))) {
        let room = width.map(|width| width.saturating_sub(taken + 2).max(16));
        let what = wrap(&what, room, 0).replace('\n', &format!("\n{}", " ".repeat(taken + 2)));
        let _ = writeln!(out, "{line:taken$}  {what}");
    }
    out
}

/// `1,200 created, 26 held`; of a plan, what it would do.
fn done(run: &RunRow) -> String {
    let Some(report) = &run.report else { return "-".to_owned() };
    let c = &report.operations;
    let verbs = match run.kind {
        RunKind::Plan => ["to create", "to update", "to delete", "to adopt"],
        RunKind::Sync | RunKind::Backfill | RunKind::Audit | RunKind::Undo => {
            ["created", "updated", "deleted", "adopted"]
        }
    };
    let numbers = [c.create, c.update, c.delete, c.adopt].into_iter().zip(verbs);
    let undone = [(c.held, "held"), (c.quarantined, "quarantined"), (c.waiting, "waiting"), (c.sendable(), "owed")];
    let parts = numbers.chain(undone).filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, word)| format!("{} {word}", count(number))).collect();
    match (&report.error, parts.is_empty()) {
        (Some(error), true) => visible(&error.kind),
        (None, true) => "nothing".to_owned(),
        (_, false) => parts.join(", "),
    }
}

/// The object `runs --json` prints. A run that was cut off is `interrupted`, as the next start will write it down.
pub fn runs_json(runs: &[RunRow], in_use: bool) -> Json {
    let one = |run: &RunRow| {
        let mut object = run_json(run);
        if run.status == RunStatus::Running && !in_use {
            object["status"] = json!(RunStatus::Interrupted);
        }
        object
    };
    json!({ "runs": runs.iter().map(one).collect::<Vec<_>>() })
}

/// One run: its report, where it left one, and who asked for it.
pub(super) fn run_json(run: &RunRow) -> Json {
    let RunRow { id, kind, asked_by, status, started_at, finished_at, report } = run;
    let mut object = report.as_ref().map_or_else(
        || json!({ "run": id, "kind": kind, "started_at": started_at }),
        |report| super::report_json(report, false),
    );
    // The row has the last word: a run that was killed is closed after its report, if it left one at all.
    object["status"] = json!(status);
    object["finished_at"] = json!(finished_at);
    object["asked_by"] = json!(asked_by);
    object
}
