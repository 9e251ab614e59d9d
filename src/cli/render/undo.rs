//! How a run would be taken back.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::domain::Report;
use crate::engine::{CannotUndo, Released, UndoPlan};

use super::plan::{PlanView, render_operations};
use super::text::{BOLD, CYAN, DIM, RED, YELLOW, counted, paint, visible, wrap};
use super::{plan_json, report_json};

/// What would be sent, what let go of, and what cannot be taken back.
pub fn render_undo(plan: &UndoPlan, view: &PlanView) -> String {
    let mut out = format!("to take back run {}\n", plan.run);
    if plan.is_empty() && plan.cannot.is_empty() {
        let _ = writeln!(out, "run {} wrote nothing to Pivotal", plan.run);
        return out;
    }
    if plan.is_empty() {
        let _ = writeln!(out, "nothing left to take back");
    }
    if !plan.operations.is_empty() {
        let _ = write!(out, "\n{}", render_operations(&plan.operations, view));
    }
    if !plan.released.is_empty() {
        let title = format!(
            "{} to let go of: they stay in Pivotal, and are nobody's",
            counted(plan.released.len() as u64, "object")
        );
        let _ = writeln!(out, "\n{}", paint(BOLD, title));
    }
    for Released { kind, name, subject, id, .. } in &plan.released {
        let rest = paint(DIM, format!("{}  {}", visible(&subject.to_string()), visible(id.as_str())));
        let _ = writeln!(out, "  {} {kind}  {}  {rest}", paint(CYAN, "="), visible(name));
    }
    if !plan.cannot.is_empty() {
        let _ = writeln!(out, "\n{}", paint(BOLD, "cannot be taken back"));
    }
    for CannotUndo { kind, subject, name, why } in &plan.cannot {
        let rest = paint(DIM, visible(&subject.to_string()));
        let _ = writeln!(out, "  {} {kind}  {}  {rest}", paint(RED, "!"), visible(name));
        let why = wrap(&format!("      {}", visible(why)), view.width, 6);
        let _ = writeln!(out, "{}", paint(YELLOW, why));
    }
    out
}

/// The object `undo --json` prints: the plan, and what the run that carried it out says of itself.
pub fn undo_json(plan: &UndoPlan, report: Option<&Report>) -> Json {
    let mut object = report.map_or_else(|| json!({}), |report| report_json(report, false));
    object["undone"] = json!(plan.run);
    object["plan"] = plan_json(&plan.operations);
    object["released"] = plan
        .released
        .iter()
        .map(|r| json!({ "object": r.kind, "pivotal_id": r.id, "ref": r.subject, "name": r.name }))
        .collect();
    object["cannot"] = plan
        .cannot
        .iter()
        .map(|c| json!({ "object": c.kind, "ref": c.subject, "name": c.name, "why": c.why }))
        .collect();
    object
}
