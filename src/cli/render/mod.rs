//! How things look: pure functions from domain types to text and JSON.
//!
//! Rules: every function answers a `String` with ANSI colours in it, which printing takes out where they are not
//! wanted; nothing is told by colour alone. Text that came from outside passes `text::visible`, so that no name can move
//! the cursor. Widths are parameters: a pipe gets everything.

mod audit;
mod commands;
mod decisions;
mod failure;
mod findings;
mod fold;
mod history;
mod json;
mod listed;
mod plan;
mod report;
mod runs;
mod status;
mod table;
mod text;
mod undo;
mod why;
mod why_json;
mod within;

pub use audit::{AuditView, audit_json, render_audit};
pub use commands::with_config;
pub use decisions::{
    decided_json, released_json, render_decided, render_disapproved, render_imported, render_released,
};
pub use failure::{failure_json, render_failure};
pub use findings::{findings_json, render_findings, verdict_of};
pub use history::{HistoryView, history_json, render_history};
pub use json::{plan_json, report_json};
pub use plan::{PlanView, render_plan};
pub use report::render_report;
pub use runs::{render_runs, runs_json};
pub use status::{StatusView, render_status, status_json};
pub use undo::{render_undo, undo_json};
pub use why::render_why;
pub use why_json::why_json;
pub use within::within;

#[cfg(test)]
mod failure_tests;
#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod why_tests;
