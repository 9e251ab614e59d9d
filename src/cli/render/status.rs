//! Health at a glance.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use crate::cli::Exit;
use crate::daemon::{Daemon, Facts};
use crate::domain::{Doing, Progress, Removal, RunStatus, Span, Timestamp};
use crate::store::{OperationRow, RunRow, StoreCounts};

use super::audit::{finding_json, findings, put_back};
use super::listed::{leaving, list, noted};
use super::runs::took;
use super::table::table;
use super::text::{BOLD, DIM, GREEN, MAGENTA, RED, age, ago, count, counted, paint, time_for, visible, wrap};

/// The kind of error of a saved plan that was not applied.
const REFUSED_PLAN: &str = "plan";

/// What `status` tells.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// What the store says.
    pub facts: Facts,
    /// What the running daemon adds, if there is one.
    pub daemon: Option<Daemon>,
    /// Now.
    pub now: Timestamp,
}

impl StatusView {
    /// 3 when something is held, quarantined or owed, or when the last run did not come to a good end: then nobody knows.
    pub fn exit(&self) -> Exit {
        let StoreCounts { owed, held, approved, quarantined, .. } = self.facts.counts;
        if owed + held + approved + quarantined == 0 && self.trouble().is_empty() { Exit::Done } else { Exit::Owed }
    }

    /// Why the newest audit took another tool to be writing too.
    fn two_writers(&self) -> Option<&str> {
        self.facts.last_audit.as_ref()?.report.as_ref()?.audit.as_ref()?.two_writers.as_deref()
    }

    /// Of the owed, what the next run can send.
    const fn sendable(&self) -> u64 {
        self.facts.counts.owed.saturating_sub(self.facts.counts.waiting)
    }

    /// What kept the last run from its end, in words.
    fn trouble(&self) -> Vec<String> {
        let Some(run) = &self.facts.last_run else { return Vec::new() };
        let report = run.report.as_ref();
        // A saved plan that was refused changed nothing, and nothing is unknown for it.
        if report.and_then(|report| report.error.as_ref()).is_some_and(|error| error.kind == REFUSED_PLAN) {
            return Vec::new();
        }
        let mut said: Vec<String> =
            report.and_then(|r| r.error.as_ref()).map(|e| e.message.clone()).into_iter().collect();
        // What ended the run may say already why a stream did not come to its end.
        let ended = said.first().cloned().unwrap_or_default();
        said.extend(report.into_iter().flat_map(|r| &r.streams).filter_map(|(stream, counts)| {
            let error = counts.error.as_ref().filter(|error| !ended.contains(error.as_str()))?;
            Some(format!("{stream} stopped early: {error}"))
        }));
        let cut_off = run.status == RunStatus::Running && !self.facts.in_use;
        if cut_off || (said.is_empty() && matches!(run.status, RunStatus::Failed | RunStatus::Interrupted)) {
            said.push("the last run was cut off; the next one goes on from there".to_owned());
        }
        said
    }
}

/// The status, for people, in so many columns.
pub fn render_status(view: &StatusView, width: Option<usize>) -> String {
    let mut out = String::new();
    let workspace = view.facts.workspace.as_deref().unwrap_or("(none yet)");
    let _ = writeln!(out, "workspace {}, store {}", paint(BOLD, visible(workspace)), view.facts.store);
    last_run(&mut out, view);
    view.daemon.iter().for_each(|daemon| at_work(&mut out, daemon, view.now));
    for trouble in view.trouble() {
        let _ = writeln!(out, "{} {}", paint(RED, "warning:"), visible(&trouble));
    }
    let mapped: Vec<String> = view.facts.counts.mapped.iter().map(|(kind, n)| counted(*n, kind.as_str())).collect();
    let _ = writeln!(out, "kept in Pivotal: {}", mapped.join(", "));
    if !view.facts.counts.streams.is_empty() {
        let _ = writeln!(out, "{}", streams(view));
    }
    let _ = writeln!(out, "{}", open(view));
    list(&mut out, "held until you decide", "v_held", &view.facts.held, view.facts.counts.held, width);
    let approved = (&view.facts.approved, view.facts.counts.approved);
    list(&mut out, "approved: goes ahead with the next run", "v_held", approved.0, approved.1, width);
    list(
        &mut out,
        "quarantined: refused by Pivotal",
        "v_quarantined",
        &view.facts.quarantined,
        view.facts.counts.quarantined,
        width,
    );
    let facts = &view.facts;
    let (waiting, owed): (Vec<OperationRow>, Vec<OperationRow>) = facts.owed.iter().cloned().partition(|row| row.waits);
    list(&mut out, "waiting for something else", "v_pending", &waiting, facts.counts.waiting, width);
    list(&mut out, "owed", "v_pending", &owed, view.sendable(), width);
    leaving(&mut out, facts, width);
    audited(&mut out, view, width);
    noted(&mut out, facts, width);
    let next = match &facts.last_run {
        None => Some("pivotal-sync plan  (shows what a first load would do)".to_owned()),
        Some(_) if view.facts.counts.held + view.facts.counts.quarantined > 0 => {
            why_of(facts.held.iter().chain(&facts.quarantined))
        }
        // Another command would find the store in use; a daemon would take it in.
        Some(run) if run.finished_at.is_none() && facts.in_use && view.daemon.is_none() => None,
        Some(_) if view.facts.counts.approved > 0 => Some("pivotal-sync sync  (does what was approved)".to_owned()),
        Some(_) if view.sendable() > 0 => Some("pivotal-sync sync  (goes on with what is owed)".to_owned()),
        Some(_) if facts.counts.waiting > 0 => why_of(waiting.iter()),
        Some(_) => None,
    };
    if let Some(next) = next {
        let listed =
            [&facts.held, &facts.approved, &facts.quarantined, &facts.owed].iter().any(|rows| !rows.is_empty());
        let more = !facts.later.is_empty() || !facts.findings.is_empty() || !facts.notes.is_empty();
        let space = if listed || more { "\n" } else { "" };
        let _ = writeln!(out, "{space}{} {next}", paint(BOLD, "next:"));
    }
    out
}

/// The command that tells the story of the first of these.
fn why_of<'a>(mut rows: impl Iterator<Item = &'a OperationRow>) -> Option<String> {
    let first = rows.next()?;
    Some(format!("pivotal-sync why {}  (tells the whole story of it)", visible(&first.subject)))
}

/// What audits found and what still stands of it.
fn audited(out: &mut String, view: &StatusView, width: Option<usize>) {
    let facts = &view.facts;
    let Some(run) = &facts.last_audit else { return };
    if let Some(why) = view.two_writers() {
        let text = wrap(&format!("warning: {}", visible(why)), width, 2);
        let _ = writeln!(out, "{}", paint(RED, text));
    }
    put_back(out, run.report.as_ref().and_then(|r| r.audit.as_ref()).map_or(&[], |audit| &audit.written_back));
    findings(out, &facts.findings, run.started_at, width);
    let rest = facts.all_findings.saturating_sub(facts.findings.len() as u64);
    if rest > 0 {
        let more = format!("  … and {} more (table finding of the store lists all)", count(rest));
        let _ = writeln!(out, "{}", paint(DIM, more));
    }
}

fn at_work(out: &mut String, daemon: &Daemon, now: Timestamp) {
    let doing = match &daemon.run {
        Some(run) => {
            let begun = ago(now, run.since);
            format!("running {} for {}, begun {begun}: {}", run.errand, run.by.as_str(), run.how_far(chrono_tz::UTC))
        }
        None if daemon.ready => "idle".to_owned(),
        None => "starting".to_owned(),
    };
    let _ = writeln!(out, "daemon: process {}, {doing}", daemon.pid);
    let next: Vec<String> =
        daemon.next.iter().map(|slot| format!("{} {}", slot.errand, slot.at.format("%Y-%m-%d %H:%M UTC"))).collect();
    if !next.is_empty() {
        let _ = writeln!(out, "next: {}", next.join(", "));
    }
    if let Some(why) = &daemon.refused_configuration {
        let why = visible(why);
        let warning = paint(RED, "warning:");
        let _ = writeln!(out, "{warning} the configuration on disk was refused, the old one is in use: {why}");
    }
}

fn last_run(out: &mut String, view: &StatusView) {
    let Some(run) = &view.facts.last_run else {
        let _ = writeln!(out, "last run: none yet");
        return;
    };
    let what = format!("{} {}", run.kind.as_str(), run.id);
    let _ = match run.finished_at {
        Some(end) => writeln!(
            out,
            "last run: {what}, {}, {}{}",
            run.status.as_str(),
            ago(view.now, end),
            took(run).map_or_else(String::new, |took| format!(", took {took}"))
        ),
        None if view.facts.in_use => {
            // A daemon tells how far its run is itself, to the moment.
            let told = view.daemon.as_ref().is_some_and(|daemon| daemon.run.is_some());
            let far = if told { String::new() } else { how_far(run) };
            writeln!(out, "running: {what}, begun {}{far}", ago(view.now, run.started_at))
        }
        None => writeln!(out, "last run: {what}, cut off, begun {}", ago(view.now, run.started_at)),
    };
}

/// How far a run under way is, as it last said itself.
fn how_far(run: &RunRow) -> String {
    let Some(progress) = run.report.as_ref().and_then(|report| report.progress) else { return String::new() };
    let Progress { doing, tried, operations, per_minute, .. } = progress;
    match doing {
        Doing::Reading => ": reading the sources".to_owned(),
        Doing::Comparing => ": working out what is owed".to_owned(),
        Doing::Writing => {
            let left = operations.saturating_sub(tried);
            let time = per_minute.filter(|_| left > 0).map_or_else(String::new, |rate| {
                // Of the minute under way, what was written is spent.
                let minutes = time_for(operations, rate).0.saturating_sub(time_for(tried, rate).0);
                let time = if minutes.is_zero() { "under 1m".to_owned() } else { format!("about {}", Span(minutes)) };
                format!(", {time} to go at {} a minute", count(u64::from(rate)))
            });
            format!(": written {} of {}{time}", count(tried), count(operations))
        }
    }
}

fn streams(view: &StatusView) -> String {
    let last = view.facts.last_run.as_ref().and_then(|run| run.report.as_ref());
    let rows = view.facts.counts.streams.iter().map(|(stream, state, live)| {
        let full = state.complete_at.map_or_else(|| "not yet".to_owned(), |at| age(view.now, at).to_string());
        let mut row = vec![stream.to_string(), age(view.now, state.pulled_at).to_string(), full, count(*live)];
        row.extend(match last.and_then(|report| report.streams.get(stream)) {
            Some(c) => [c.read, c.changed, c.deleted, c.requests].map(count),
            None => [(); 4].map(|()| "-".to_owned()),
        });
        row
    });
    let header = ["stream", "read ago", "in full", "records", "read", "changed", "gone", "requests"];
    let mut out = table(&header, rows.collect(), 3);
    if last.is_some() {
        let _ = write!(out, "\n{}", paint(DIM, "(read, changed, gone, requests: by the last run)"));
    }
    out
}

fn open(view: &StatusView) -> String {
    let StoreCounts { waiting, held, approved, quarantined, waiting_deletions, waiting_archivals, .. } =
        view.facts.counts;
    let mut parts = Vec::new();
    if view.sendable() > 0 {
        parts.push(format!("{} owed{}", count(view.sendable()), estimate(view)));
    }
    if waiting > 0 {
        parts.push(format!("{} waiting", count(waiting)));
    }
    parts.extend(
        [(held, "held"), (quarantined, "quarantined")]
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| paint(MAGENTA, format!("{} {word}", count(*n)))),
    );
    if approved > 0 {
        let goes = if approved == 1 { "goes" } else { "go" };
        parts.push(format!("{} approved, {goes} ahead with the next run", count(approved)));
    }
    if parts.is_empty() && view.facts.last_run.is_some() {
        let all_read = view.trouble().is_empty();
        parts.push(if all_read {
            paint(GREEN, "nothing is owed")
        } else {
            "nothing is owed, as far as is known".to_owned()
        });
    }
    let leaving = [(waiting_deletions, Removal::Delete), (waiting_archivals, Removal::Archive)];
    for (number, removal) in leaving.into_iter().filter(|(number, _)| *number > 0) {
        parts.push(format!("{} to be {} when the grace is over", count(number), removal.done()));
    }
    if parts.is_empty() { "nothing was ever read".to_owned() } else { parts.join("; ") }
}

/// How long the owed will take, where it is known what Pivotal allows.
fn estimate(view: &StatusView) -> String {
    let Some(rate) = view.facts.rate_per_minute else { return String::new() };
    let per_minute = count(u64::from(rate));
    match time_for(view.sendable(), rate) {
        time if time.0.is_zero() => format!(", within a minute at {per_minute} a minute"),
        time => format!(", about {time} at {per_minute} a minute"),
    }
}

/// One word for programs. An empty store is in step with nothing.
fn standing(view: &StatusView) -> &'static str {
    match (&view.facts.last_run, view.exit()) {
        (None, _) => "empty",
        (Some(_), Exit::Done) => "in_step",
        (Some(_), _) if !view.trouble().is_empty() => "troubled",
        (Some(_), _) => "waiting",
    }
}

/// The object `status --json` prints.
pub fn status_json(view: &StatusView) -> Json {
    let facts = &view.facts;
    let StoreCounts {
        mapped,
        owed,
        waiting,
        held,
        approved,
        quarantined,
        waiting_deletions,
        waiting_archivals,
        streams,
    } = &facts.counts;
    let streams: Map<String, Json> = streams
        .iter()
        .map(|(stream, state, live)| {
            let last =
                view.facts.last_run.as_ref().and_then(|run| run.report.as_ref()).and_then(|r| r.streams.get(stream));
            let one = json!({
                "records": live, "pulled_at": state.pulled_at, "complete_at": state.complete_at,
                "read": last.map(|c| c.read), "changed": last.map(|c| c.changed), "deleted": last.map(|c| c.deleted),
                "malformed": last.map(|c| c.malformed), "requests": last.map(|c| c.requests),
                "error": last.and_then(|c| c.error.as_ref()),
            });
            (stream.to_string(), one)
        })
        .collect();
    let mapped: Map<String, Json> = mapped.iter().map(|(kind, n)| (kind.to_string(), (*n).into())).collect();
    json!({
        "status": standing(view),
        "trouble": view.trouble(),
        "workspace": facts.workspace,
        "store": facts.store,
        "last_run": facts.last_run.as_ref().map(super::runs::run_json),
        "progress": facts.last_run.as_ref().filter(|_| facts.in_use).and_then(|run| run.report.as_ref()?.progress),
        "mapped": mapped,
        "streams": streams,
        "operations": {
            "owed": owed, "waiting": waiting, "held": held, "approved": approved, "quarantined": quarantined,
            "waiting_deletions": waiting_deletions, "waiting_archivals": waiting_archivals,
        },
        "owed_seconds": facts.rate_per_minute.map(|rate| time_for(view.sendable(), rate).0.as_secs()),
        "owed": facts.owed,
        "later": facts.later,
        "held": facts.held,
        "approved": facts.approved,
        "quarantined": facts.quarantined,
        "findings": facts.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "notes": facts.notes,
        "two_writers": view.two_writers(),
        "last_audit": facts.last_audit.as_ref().map(super::runs::run_json),
        "daemon": view.daemon,
    })
}
