//! The latest runs.

use serde_json::{Value as Json, json};

use crate::domain::Span;
use crate::store::RunRow;

use super::table::table;
use super::text::{count, stamp};

/// How long a run took, once it ended.
pub(super) fn took(run: &RunRow) -> Option<Span> {
    run.finished_at.map(|end| Span((end - run.started_at).to_std().unwrap_or_default()))
}

/// A line per run, newest first.
pub fn render_runs(runs: &[RunRow]) -> String {
    if runs.is_empty() {
        return "no run yet; pivotal-sync plan shows what a first load would do\n".to_owned();
    }
    let header = [
        "kind",
        "status",
        "asked by",
        "started",
        "run",
        "took",
        "created",
        "updated",
        "deleted",
        "adopted",
        "held",
        "quarantined",
        "owed",
    ];
    let rows = runs.iter().map(|run| {
        let mut row = vec![
            run.kind.as_str().to_owned(),
            run.status.as_str().to_owned(),
            run.asked_by.clone(),
            stamp(run.started_at),
            run.id.to_string(),
            took(run).map_or_else(|| "-".to_owned(), |took| took.to_string()),
        ];
        let counts = run.report.as_ref().map(|report| &report.operations);
        row.extend(match counts {
            Some(c) => [c.create, c.update, c.delete, c.adopt, c.held, c.quarantined, c.owed].map(count),
            None => [(); 7].map(|()| "-".to_owned()),
        });
        row
    });
    format!("{}\n", table(&header, rows.collect(), 4))
}

/// The object `runs --json` prints.
pub fn runs_json(runs: &[RunRow]) -> Json {
    json!({ "runs": runs.iter().map(run_json).collect::<Vec<_>>() })
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
