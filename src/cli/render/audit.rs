//! What an audit found.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::domain::{AuditCounts, Change, Finding, FindingKind, PutBack, Report, Timestamp, Verb};
use crate::store::FindingRow;

use super::plan::{before_and_after, why};
use super::report::render_report;
use super::text::{BOLD, DIM, GREEN, RED, YELLOW, counted, paint, stamp, visible, wrap};

/// An audit and what stands of all audits after it.
#[derive(Debug, Clone, Copy)]
pub struct AuditView<'a> {
    /// What the run says of itself.
    pub report: &'a Report,
    /// The findings that stand.
    pub findings: &'a [FindingRow],
    /// Whether it was only told what would be put back.
    pub dry_run: bool,
    /// Columns to fit into.
    pub width: Option<usize>,
}

/// What was compared and what it came to, finding by finding.
pub fn render_audit(view: &AuditView<'_>) -> String {
    let none = AuditCounts::default();
    let audit = view.report.audit.as_ref().unwrap_or(&none);
    let mut out = render_report(view.report, view.width);
    let _ = writeln!(out, "{}", compared(audit));
    if let Some(why) = &audit.two_writers {
        let lines = wrap(&format!("warning: {}", visible(why)), view.width, 2);
        let _ = writeln!(out, "{}{}", paint(RED, "warning:"), lines.strip_prefix("warning:").unwrap_or(&lines));
    }
    put_back(&mut out, &audit.written_back);
    findings(&mut out, view.findings, view.report.started_at, view.width);
    for operation in view.report.plan.iter().filter(|operation| !operation.is_ready()) {
        let head = format!("{} {}", operation.kind, paint(BOLD, visible(&operation.name)));
        let _ = writeln!(out, "\n{head}  {}", paint(DIM, visible(&operation.subject.to_string())));
        let said = wrap(&format!("  {}", visible(why(operation).unwrap_or_default())), view.width, 2);
        let _ = writeln!(out, "{said}");
    }
    let standing = view.findings.len() + view.report.plan.len() + audit.written_back.len();
    if standing == 0 && audit.two_writers.is_none() {
        let _ = writeln!(out, "{}", paint(GREEN, "Pivotal says what was written there"));
    }
    if view.dry_run && audit.put_back > 0 {
        let fields = counted(audit.put_back, "field");
        let _ = writeln!(out, "\n{} pivotal-sync audit  (puts {fields} back)", paint(BOLD, "next:"));
    }
    out
}

fn compared(audit: &AuditCounts) -> String {
    let AuditCounts { customers, contacts, onboardings, deep, deep_requests, taken, .. } = audit;
    let mut out = format!("compared: {}", counted(*customers, "customer"));
    if *deep {
        let _ = write!(out, ", {}, {}", counted(*contacts, "contact"), counted(*onboardings, "onboarding"));
    } else if *deep_requests > 0 {
        let _ = write!(
            out,
            "; contacts and onboardings were left out, --deep compares them too ({})",
            counted(*deep_requests, "request")
        );
    }
    if *taken > 0 {
        let _ = write!(out, "; {} taken over from Pivotal", counted(*taken, "value"));
    }
    out
}

/// Fields put back listed at most; `history` knows all.
const PUT_BACK: usize = 100;

/// What an audit wrote over, which is nowhere else any more.
pub(super) fn put_back(out: &mut String, fields: &[PutBack]) {
    if fields.is_empty() {
        return;
    }
    let heading = format!("{} put back", counted(fields.len() as u64, "field"));
    let _ = writeln!(out, "\n{}", paint(BOLD, heading));
    for PutBack { object, display_id, subject, name, field, change, .. } in fields.iter().take(PUT_BACK) {
        let number = display_id.map_or_else(String::new, |number| format!(" {number}"));
        let subject = subject.as_ref().map_or_else(String::new, ToString::to_string);
        let head = format!("{object}{number} {}", paint(BOLD, visible(name)));
        let _ = writeln!(out, "  {head}  {}", paint(DIM, visible(&subject)));
        let _ =
            writeln!(out, "      {}  {}", visible(field), before_and_after(Verb::Update, field, change, usize::MAX));
    }
    let rest = fields.len().saturating_sub(PUT_BACK);
    if rest > 0 {
        let more = format!("  … and {rest} more (view v_history of the store lists all)");
        let _ = writeln!(out, "{}", paint(DIM, more));
    }
}

/// Findings, those that must be acted on first; what is new to this run is marked.
pub(super) fn findings(out: &mut String, rows: &[FindingRow], since: Timestamp, width: Option<usize>) {
    for kind in FindingKind::ALL {
        let rows: Vec<&FindingRow> = rows.iter().filter(|row| row.finding.kind == kind).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{}", paint(BOLD, heading(kind, rows.len() as u64)));
        for row in rows {
            finding(out, row, since, width);
        }
    }
}

fn heading(kind: FindingKind, number: u64) -> String {
    let fields = counted(number, "field");
    match kind {
        FindingKind::Edited => format!("{fields} changed by somebody in Pivotal, and left"),
        FindingKind::PutBack => format!("{fields} changed by somebody in Pivotal, though the source has the last word"),
        FindingKind::Ids => format!("{} changed by somebody", counted(number, "source id")),
        FindingKind::Stranger => {
            format!(
                "{} with the id of a source record that is another's here, or nobody's",
                counted(number, "customer")
            )
        }
    }
}

fn finding(out: &mut String, row: &FindingRow, since: Timestamp, width: Option<usize>) {
    let Finding { object, name, subject, display_id, field, written, found, said, changed_at, kind, .. } = &row.finding;
    let number = display_id.map_or_else(String::new, |number| format!(" {number}"));
    let subject = subject.as_ref().map_or_else(String::new, ToString::to_string);
    let head = format!("{object}{number} {}", paint(BOLD, visible(name)));
    let _ = writeln!(out, "  {head}  {}", paint(DIM, visible(&subject)));
    if *kind != FindingKind::Stranger {
        let change = Change { from: written.clone(), to: found.clone() };
        let _ =
            writeln!(out, "      {}  {}", visible(field), before_and_after(Verb::Update, field, &change, usize::MAX));
    }
    let seen =
        if row.first_seen_at >= since { "new".to_owned() } else { format!("known since {}", stamp(row.first_seen_at)) };
    let when = changed_at.map_or_else(String::new, |at| format!("; last changed in Pivotal {}", stamp(at)));
    let text = wrap(&format!("      {}", visible(said)), width, 6);
    let _ = writeln!(out, "{}", paint(YELLOW, text));
    let _ = writeln!(out, "      {}", paint(DIM, format!("{seen}{when}")));
}

/// The object `audit --json` prints: a run's, with what was found.
pub fn audit_json(view: &AuditView<'_>) -> Json {
    let mut object = super::report_json(view.report, true);
    object["dry_run"] = view.dry_run.into();
    object["findings"] = view.findings.iter().map(finding_json).collect();
    object
}

/// One finding. `by` is a person's or a tool's name where Pivotal tells one, which its API does not do today.
pub(super) fn finding_json(row: &FindingRow) -> Json {
    let FindingRow { finding, run, first_seen_at } = row;
    json!({
        "kind": finding.kind, "object": finding.object, "pivotal_id": finding.pivotal_id,
        "display_id": finding.display_id, "ref": finding.subject, "name": finding.name,
        "field": (!finding.field.is_empty()).then_some(&finding.field),
        "written": finding.written.to_api_json(), "found": finding.found.to_api_json(),
        "wanted": finding.wanted.as_ref().map(crate::domain::Value::to_api_json), "by": "somebody",
        "changed_at": finding.changed_at, "first_seen_at": first_seen_at, "run": run, "said": finding.said,
    })
}
