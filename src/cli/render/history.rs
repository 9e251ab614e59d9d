//! Everything that was ever sent for a thing.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use crate::domain::{Fields, Span, Timestamp, Verb};
use crate::store::{History, HistoryRow, Sent};

use super::text::{BOLD, DIM, YELLOW, ago, count, counted, paint, visible};
use super::why::{answered, differences, outcome_of};

/// What `history` tells.
#[derive(Debug, Clone)]
pub struct HistoryView {
    /// What was asked for.
    pub reference: String,
    /// What was found.
    pub history: History,
    /// How many of the newest were left out.
    pub skip: u32,
    /// How long attempts are kept.
    pub retention: Span,
    /// Now.
    pub now: Timestamp,
}

/// Each request: when, by whom, what, the answer, before and after; newest first.
pub fn render_history(view: &HistoryView) -> String {
    let History { rows, more, .. } = &view.history;
    let mut out = String::new();
    if rows.is_empty() {
        let what = if view.skip == 0 { "was sent" } else { "older was sent" };
        let kept = match view.retention.0.as_secs() {
            seconds if seconds >= 86_400 && seconds.is_multiple_of(86_400) => counted(seconds / 86_400, "day"),
            _ => view.retention.as_set(),
        };
        let kept = paint(DIM, format!("(kept for {kept})"));
        let _ = writeln!(out, "nothing {what} for {} {kept}", visible(&view.reference));
    }
    for row in rows {
        entry(&mut out, row, view.now);
    }
    if *more {
        let skip = u64::from(view.skip) + rows.len() as u64;
        let _ = writeln!(
            out,
            "{} pivotal-sync history {} --skip {skip}  (goes on with what is older than these {})",
            paint(BOLD, "next:"),
            visible(&view.reference),
            count(rows.len() as u64)
        );
    }
    out
}

fn entry(out: &mut String, row: &HistoryRow, now: Timestamp) {
    let HistoryRow { run, run_kind, asked_by, verb, object, subject, name, reason, changes, before, at, sent, .. } =
        row;
    let _ = writeln!(
        out,
        "{}  {verb} {object} {}  {}",
        paint(DIM, ago(now, *at)),
        paint(BOLD, visible(name)),
        paint(DIM, visible(subject))
    );
    let _ = writeln!(out, "  asked by {}: {} {run}; {}", visible(asked_by), run_kind.as_str(), visible(reason));
    match sent {
        Some(sent) => answer(out, sent),
        None => {
            let _ = writeln!(out, "  nothing had to be sent");
        }
    }
    differences(out, *verb, changes);
    for (field, value) in before.iter().flat_map(|fields| &fields.0).filter(|(_, value)| !value.is_null()) {
        let _ = writeln!(out, "      {}  {} {}", visible(field), visible(&value.to_string()), paint(DIM, "(gone)"));
    }
}

fn answer(out: &mut String, sent: &Sent) {
    let Sent { method, path, body, idempotency_key, outcome, status, request_id, error, .. } = sent;
    let status = status.map_or_else(String::new, |status| format!(" {status}"));
    let ended = match outcome.as_str() {
        "done" => outcome.clone(),
        other => paint(YELLOW, outcome_of(other)),
    };
    let _ = writeln!(out, "  {method} {}  {ended}{status}", visible(path));
    if let Some(body) = body {
        let _ = writeln!(out, "      {}", paint(DIM, visible(body)));
    }
    answered(out, request_id.as_deref(), idempotency_key.as_deref(), error.as_deref());
}

/// The object `history --json` prints.
pub fn history_json(view: &HistoryView) -> Json {
    let History { rows, more, .. } = &view.history;
    json!({
        "ref": view.reference,
        "retention": view.retention.to_string(),
        "history": rows.iter().map(one).collect::<Vec<_>>(),
        "more": more,
    })
}

fn one(row: &HistoryRow) -> Json {
    let side = |pick: fn(&crate::domain::Change) -> Json| -> Map<String, Json> {
        row.changes.0.iter().map(|(field, change)| (field.clone(), pick(change))).collect()
    };
    let before = match (&row.before, row.verb) {
        (Some(fields), _) => Fields::to_api_json(fields),
        // What a create begins with is nothing.
        (None, Verb::Create) => json!({}),
        (None, _) => side(|change| change.from.to_api_json()).into(),
    };
    let sent = row.sent.as_ref();
    json!({
        "run": row.run, "run_kind": row.run_kind, "asked_by": row.asked_by, "at": row.at,
        "op": row.verb, "object": row.object, "ref": row.subject, "name": row.name, "reason": row.reason,
        "pivotal_id": row.pivotal_id, "before": before, "after": side(|change| change.to.to_api_json()),
        "method": sent.map(|s| &s.method), "path": sent.map(|s| &s.path), "body": sent.and_then(|s| s.body.as_ref()),
        "outcome": sent.map_or("done", |s| s.outcome.as_str()), "http_status": sent.and_then(|s| s.status),
        "request_id": sent.and_then(|s| s.request_id.as_ref()),
        "idempotency_key": sent.and_then(|s| s.idempotency_key.as_ref()),
        "answered_at": sent.and_then(|s| s.answered_at), "error": sent.and_then(|s| s.error.as_ref()),
    })
}
