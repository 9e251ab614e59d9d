//! What `status` lists: operations that say the same together, what waits out its grace, what is worth knowing.

use std::fmt::Write;

use crate::daemon::Facts;
use crate::domain::{Leaving, Removal};
use crate::store::OperationRow;

use super::fold::{Folded, fold, fold_notes, ways_out};
use super::plan::leaving_one;
use super::text::{BOLD, DIM, YELLOW, count, paint, visible, wrap};

/// Operations listed under one heading.
const LISTED: usize = 20;
/// Operations listed of each reason, where there are more than fit.
const OF_EACH: usize = 5;

/// Operations under a heading; what is left over is counted and said where to find.
pub(super) fn list(out: &mut String, title: &str, view: &str, rows: &[OperationRow], all: u64, width: Option<usize>) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint(BOLD, title));
    let of_each = if rows.len() > LISTED { OF_EACH } else { LISTED };
    let mut shown = 0;
    for Folded { words, members, apart } in fold(rows, why) {
        if shown >= LISTED {
            break;
        }
        for line in wrap(&visible(&words), width.map(|width| width.saturating_sub(2)), 0).lines() {
            let _ = writeln!(out, "  {}", paint(YELLOW, line));
        }
        for row in members.iter().take(of_each.min(LISTED - shown)) {
            let OperationRow { verb, object, name, subject, .. } = row;
            let _ = writeln!(out, "  {verb} {object}  {}  {}", visible(name), paint(DIM, visible(subject)));
            if apart {
                own_ways(out, why(row), width);
            }
            shown += 1;
        }
    }
    let rest = all.saturating_sub(shown as u64);
    if rest > 0 {
        let _ = writeln!(
            out,
            "{}",
            paint(DIM, format!("  … and {} more (view {view} of the store lists all)", count(rest)))
        );
    }
}

/// What is no longer wanted and waits out its grace.
pub(super) fn leaving(out: &mut String, facts: &Facts, width: Option<usize>) {
    for (removal, all) in
        [(Removal::Delete, facts.counts.waiting_deletions), (Removal::Archive, facts.counts.waiting_archivals)]
    {
        let rows: Vec<&Leaving> = facts.later.iter().filter(|one| one.later.removal == removal).take(LISTED).collect();
        if rows.is_empty() {
            continue;
        }
        let title = format!("to be {} when the grace is over, unless seen again", removal.done());
        let _ = writeln!(out, "\n{}", paint(BOLD, title));
        for Leaving { later, subject, name, .. } in &rows {
            leaving_one(out, later.at, name, subject, width);
        }
        let rest = all.saturating_sub(rows.len() as u64);
        if rest > 0 {
            let line = format!("  … and {} more (pivotal-sync plan --json lists all)", count(rest));
            let _ = writeln!(out, "{}", paint(DIM, line));
        }
    }
}

/// The ways out that are one member's own, below it.
pub(super) fn own_ways(out: &mut String, text: &str, width: Option<usize>) {
    for line in wrap(&visible(ways_out(text)), width.map(|width| width.saturating_sub(6)), 0).lines() {
        let _ = writeln!(out, "      {}", paint(DIM, line));
    }
}

fn why(row: &OperationRow) -> &str {
    row.why.as_deref().unwrap_or(&row.reason)
}

/// What the rules and the evidence stumbled over, though nothing waits for it.
pub(super) fn noted(out: &mut String, facts: &Facts, width: Option<usize>) {
    if facts.notes.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint(BOLD, "worth knowing, though nothing waits for it"));
    for note in fold_notes(facts.notes.iter()).iter().take(LISTED) {
        let _ = writeln!(out, "  {}", wrap(&visible(note), width.map(|width| width.saturating_sub(2)), 4));
    }
    let rest = facts.all_notes.saturating_sub(facts.notes.len() as u64);
    if rest > 0 {
        let more = format!("  … and {} more (column notes of the store's table entity lists all)", count(rest));
        let _ = writeln!(out, "{}", paint(DIM, more));
    }
}
