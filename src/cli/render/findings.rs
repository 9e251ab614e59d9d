//! What `check` found.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::cli::Exit;
use crate::ports::{Finding, Verdict};

use super::text::{GREEN, RED, YELLOW, counted, paint, visible};

/// One line per check; each failure with its remedy.
pub fn render_findings(findings: &[Finding]) -> String {
    let mut out = String::new();
    for Finding { what, verdict } in findings {
        let what = visible(what);
        let _ = match verdict {
            Verdict::Good(detail) if detail.is_empty() => writeln!(out, "{}    {what}", paint(GREEN, "ok")),
            Verdict::Good(detail) => writeln!(out, "{}    {what}: {}", paint(GREEN, "ok"), visible(detail)),
            Verdict::Warning { found, remedy } => {
                writeln!(out, "{}  {what}: {} → {}", paint(YELLOW, "warn"), visible(found), visible(remedy))
            }
            Verdict::Bad { found, remedy } | Verdict::Misnamed { found, remedy, .. } => {
                writeln!(out, "{}  {what}: {} → {}", paint(RED, "fail"), visible(found), visible(remedy))
            }
        };
    }
    let (warnings, failures) = tally(findings);
    let _ = match (warnings, failures) {
        (0, 0) => writeln!(out, "{}, all good", counted(findings.len() as u64, "check")),
        _ => writeln!(out, "{}: {} failed, {} to look at", counted(findings.len() as u64, "check"), failures, warnings),
    };
    out
}

/// The object `check --json` prints.
pub fn findings_json(findings: &[Finding]) -> Json {
    let checks: Vec<Json> = findings
        .iter()
        .map(|Finding { what, verdict }| match verdict {
            Verdict::Good(detail) => json!({ "what": what, "verdict": "ok", "found": detail }),
            Verdict::Warning { found, remedy } => {
                json!({ "what": what, "verdict": "warn", "found": found, "remedy": remedy })
            }
            Verdict::Bad { found, remedy } | Verdict::Misnamed { found, remedy, .. } => {
                json!({ "what": what, "verdict": "fail", "found": found, "remedy": remedy })
            }
        })
        .collect();
    let status = if tally(findings).1 == 0 { "ok" } else { "failed" };
    json!({ "status": status, "checks": checks })
}

/// How `check` ends: 1 when something does not work, 2 when that is the configuration.
pub fn verdict_of(findings: &[Finding]) -> Exit {
    let misnamed = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Misnamed { .. }));
    match tally(findings).1 {
        0 => Exit::Done,
        _ if misnamed => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// Warnings and failures.
fn tally(findings: &[Finding]) -> (usize, usize) {
    let warnings = findings.iter().filter(|f| matches!(f.verdict, Verdict::Warning { .. })).count();
    let failures =
        findings.iter().filter(|f| matches!(f.verdict, Verdict::Bad { .. } | Verdict::Misnamed { .. })).count();
    (warnings, failures)
}
