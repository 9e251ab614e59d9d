//! What a run says of itself, for people.

use std::fmt::Write;

use anstyle::Style;

use crate::domain::{Operation, Report, RunKind, RunStatus, Span, Standing, StreamCounts};

use super::fold::{Folded, fold, fold_notes};
use super::plan::why;
use super::table::table;
use super::text::{BOLD, GREEN, RED, YELLOW, count, counted, paint, visible, wrap};

/// The report of one run: how it ended, what was read, done and spent, and what to type next; in so many columns.
pub fn render_report(report: &Report, width: Option<usize>) -> String {
    let mut out = heading(report);
    if !report.streams.is_empty() {
        let _ = writeln!(out, "{}", streams(report));
    }
    // A plan is listed with its own sum.
    if report.kind != RunKind::Plan {
        let _ = writeln!(out, "{}", operations(report));
    }
    let requests = &report.requests;
    let _ = write!(
        out,
        "requests: {} to HubSpot, {} to Stripe, {} to Pivotal",
        count(requests.hubspot),
        count(requests.stripe),
        count(requests.pivotal)
    );
    if requests.throttled > 0 {
        let _ = write!(out, "; {} answered \"too many\"", count(requests.throttled));
    }
    out.push('\n');
    for (stream, counts) in &report.streams {
        if let Some(error) = &counts.error {
            let text = format!("{stream} stopped early: {}", visible(error));
            said(&mut out, RED, "warning:", &text, width);
        }
    }
    // What the plan says at its own operations need not be said twice.
    let told = |note: &str| report.kind == RunKind::Plan && report.plan.iter().any(|o| why(o) == Some(note));
    for note in fold_notes(report.notes.iter().filter(|note| !told(note))) {
        said(&mut out, YELLOW, "note:", &visible(&note), width);
    }
    waiting(&mut out, report, width);
    for next in next_steps(report) {
        let _ = writeln!(out, "{} {next}", paint(BOLD, "next:"));
    }
    out
}

/// What waits for something else, and for what: no run can send it yet. A plan lists it itself.
fn waiting(out: &mut String, report: &Report, width: Option<usize>) {
    if report.kind == RunKind::Plan {
        return;
    }
    let waits = |o: &&Operation| matches!(o.standing, Standing::Waiting(_));
    let waiting: Vec<&Operation> = report.plan.iter().filter(waits).collect();
    for Folded { words, members, apart: _ } in fold(&waiting, |operation| why(operation).unwrap_or_default()) {
        let who = match members.as_slice() {
            [one] => format!("{} {} ({})", one.kind, one.name, one.subject),
            many => counted(many.len() as u64, "operation"),
        };
        said(out, YELLOW, "waiting:", &visible(&format!("{who}: {words}")), width);
    }
}

/// A word in colour, and what it leads, broken to the width.
fn said(out: &mut String, style: Style, word: &str, text: &str, width: Option<usize>) {
    let lines = wrap(&format!("{word} {text}"), width, 2);
    let _ = writeln!(out, "{}{}", paint(style, word), lines.strip_prefix(word).unwrap_or(&lines));
}

fn heading(report: &Report) -> String {
    let Report { run, kind, status, started_at, finished_at, .. } = report;
    let style = match status {
        RunStatus::Complete => GREEN,
        RunStatus::Partial | RunStatus::Running => YELLOW,
        RunStatus::Failed | RunStatus::Interrupted => RED,
    };
    let took = finished_at
        .map_or_else(String::new, |end| format!(" after {}", Span((end - *started_at).to_std().unwrap_or_default())));
    format!("{} {run}: {}{took}\n", kind.as_str(), paint(style, status.as_str()))
}

fn streams(report: &Report) -> String {
    let malformed = report.streams.values().any(|counts| counts.malformed > 0);
    let mut header = vec!["stream", "read", "changed", "deleted", "requests"];
    header.extend(malformed.then_some("malformed"));
    let rows = report.streams.iter().map(|(stream, counts)| {
        let StreamCounts { read, changed, deleted, malformed: bad, requests, .. } = counts;
        let mut row = vec![stream.to_string(), count(*read), count(*changed), count(*deleted), count(*requests)];
        row.extend(malformed.then(|| count(*bad)));
        row
    });
    table(&header, rows.collect(), 1)
}

/// What was done and what was not, in one line.
pub(super) fn operations(report: &Report) -> String {
    let counts = &report.operations;
    let done =
        [(counts.create, "created"), (counts.update, "updated"), (counts.delete, "deleted"), (counts.adopt, "adopted")];
    let mut parts: Vec<String> = done
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, verb)| format!("{} {verb}", count(number)))
        .collect();
    if parts.is_empty() {
        parts.push("nothing written".to_owned());
    }
    let undone = [
        (counts.held, "held"),
        (counts.quarantined, "quarantined"),
        (counts.waiting, "waiting"),
        (counts.sendable(), "still owed"),
    ];
    parts.extend(undone.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(n))));
    // An audit says itself what it found.
    if counts.in_step() && report.status == RunStatus::Complete && report.kind != RunKind::Audit {
        parts.push("Pivotal is in step".to_owned());
    }
    format!("operations: {}", parts.join(", "))
}

/// What to type next, the most pressing first.
fn next_steps(report: &Report) -> Vec<String> {
    let counts = &report.operations;
    let waits = counts.held + counts.quarantined;
    let mut next = Vec::new();
    if report.streams.values().any(|stream| stream.error.is_some()) {
        next.push("pivotal-sync check  (shows what keeps a source from being read)".to_owned());
    }
    // A plan lists what waits itself.
    if waits > 0 && report.kind != RunKind::Plan {
        next.push(format!("pivotal-sync status  (lists what waits for you, and why: {})", count(waits)));
    }
    // What an undo left is not a sync's to go on with.
    if counts.sendable() > 0 && !matches!(report.kind, RunKind::Plan | RunKind::Undo) {
        next.push(format!("pivotal-sync sync  (goes on with the {} still owed)", count(counts.sendable())));
    }
    next
}
