//! Errors, for people and for programs.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::cli::Failure;

use super::text::{BOLD, RED, paint, visible};

/// `error: what happened`, where, and what to do.
pub fn render_failure(failure: &Failure) -> String {
    let Failure { message, at, hint, .. } = failure;
    let mut out = format!("{} {}\n", paint(RED.bold(), "error:"), visible(message));
    for place in at {
        let _ = writeln!(out, "  {}", visible(place));
    }
    if !hint.is_empty() {
        let _ = writeln!(out, "  {} {}", paint(BOLD, "hint:"), visible(hint));
    }
    out
}

/// The object `--json` prints for an early failure; `details` says where, when there is more than one place.
pub fn failure_json(failure: &Failure) -> Json {
    let Failure { kind, message, at, hint, .. } = failure;
    let mut error = json!({ "kind": kind, "message": message, "hint": hint });
    if !at.is_empty() {
        error["details"] = at.clone().into();
    }
    json!({ "status": "failed", "error": error })
}
