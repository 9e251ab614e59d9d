//! Errors, for people and for programs.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::cli::Failure;

use super::report::operations;
use super::text::{BOLD, RED, paint, visible};

/// `error: what happened`, where, and what to do.
pub fn render_failure(failure: &Failure) -> String {
    let Failure { message, at, hint, so_far, .. } = failure;
    let mut out = format!("{} {}\n", paint(RED.bold(), "error:"), visible(message));
    for place in at {
        let _ = writeln!(out, "  {}", visible(place));
    }
    if let Some(report) = so_far {
        let _ = writeln!(out, "  by then, in run {}: {}", report.run, operations(report));
    }
    if !hint.is_empty() {
        let _ = writeln!(out, "  {} {}", paint(BOLD, "hint:"), visible(hint));
    }
    out
}

/// The object `--json` prints for a failure; `details` says where, when there is more than one place. When a run was under
/// way, it is the run's report.
pub fn failure_json(failure: &Failure) -> Json {
    let Failure { kind, message, at, hint, .. } = failure;
    let mut error = json!({ "kind": kind, "message": message, "hint": hint });
    if !at.is_empty() {
        error["details"] = at.clone().into();
    }
    let run = failure.so_far.as_ref().map(|report| super::report_json(report, false));
    let mut object = run.unwrap_or_else(|| json!({ "status": "failed" }));
    object["error"] = error;
    object
}
