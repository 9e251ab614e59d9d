//! What an earlier process left to do: what was cut off, what it was told of and did not read, and what came to no good end.

use crate::domain::{ErrorReport, OperationCounts, Report, RunKind, RunStatus};
use crate::store::{RunRow, Store, StoreCounts};

use super::again::{Ended, trouble};
use super::{Asker, Audit, Errand, Trigger};

/// Runs looked through for the newest that says how things stand.
const ROWS: u32 = 100;

/// What is gone on with at a start.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// At once.
    pub first: Option<Trigger>,
    /// What is known to be wrong, and tried again.
    pub failed: Option<Failed>,
    /// What is held, quarantined and owed.
    pub open: OperationCounts,
}

/// Runs that came to no good end, the newest of them and those right before it.
#[derive(Debug)]
pub(super) struct Failed {
    /// What is tried again; nothing where that was done often enough.
    pub errand: Option<Errand>,
    /// What was wrong the last time, as far as somebody should be told.
    pub error: Option<ErrorReport>,
    /// How many there were in a row.
    pub in_a_row: u32,
}

impl Left {
    /// As the store tells it. What cannot be read there says nothing: the first run will say it.
    pub(super) async fn of(store: &Store) -> Self {
        let rows = store.runs(ROWS).await.unwrap_or_default();
        let first = match rows.first().and_then(cut_off) {
            Some(errand) => Some(Trigger::new(Asker::Schedule, errand)),
            None if has_unread(store).await => Some(Trigger::new(Asker::Webhook, Errand::Sync)),
            None => None,
        };
        let open = match store.counts().await {
            Ok(StoreCounts { held, quarantined, owed, waiting, .. }) => {
                OperationCounts { held, quarantined, owed, waiting, ..OperationCounts::default() }
            }
            Err(_) => OperationCounts::default(),
        };
        Self { first, failed: failed(&rows), open }
    }
}

/// Whether something that was said to have changed waits to be read.
pub(super) async fn has_unread(store: &Store) -> bool {
    store.nudges().await.is_ok_and(|nudges| nudges.iter().any(|nudge| !nudge.known))
}

/// What goes on where the last process died or was stopped.
fn cut_off(last: &RunRow) -> Option<Errand> {
    let cut_off = matches!(last.status, RunStatus::Running | RunStatus::Interrupted);
    if !cut_off || last.kind == RunKind::Plan {
        return None;
    }
    tracing::info!(run = last.id.0, "the last run was cut off; this one goes on from there");
    Some(if last.kind == RunKind::Backfill { Errand::Backfill } else { Errand::Sync })
}

/// What came to no good end, if that was the end of the newest run that a daemon would have made by itself.
fn failed(rows: &[RunRow]) -> Option<Failed> {
    let mut ends = rows.iter().filter_map(|row| {
        let errand = routine(row)?;
        let outcome = outcome(row);
        let ended = Ended::of(&outcome);
        (ended != Ended::Stopped).then_some((errand, outcome, ended))
    });
    let is_bad = |ended: Ended| ended != Ended::Well;
    let (errand, outcome, ended) = ends.next().filter(|(_, _, ended)| is_bad(*ended))?;
    let before = ends.take_while(|(_, _, ended)| is_bad(*ended)).count();
    let in_a_row = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
    let errand = ended.pause(in_a_row).map(|_| errand);
    Some(Failed { errand, error: trouble(&outcome), in_a_row })
}

/// What a daemon would have made by itself. Of an audit the store does not say what it was to look at.
fn routine(row: &RunRow) -> Option<Errand> {
    match row.kind {
        RunKind::Sync => Some(Errand::Sync),
        RunKind::Backfill => Some(Errand::Backfill),
        RunKind::Audit if row.asked_by == Asker::Schedule.as_str() => Some(Errand::Audit(Audit::default())),
        RunKind::Audit | RunKind::Plan | RunKind::Undo => None,
    }
}

/// How it ended, as it was told then.
fn outcome(row: &RunRow) -> Result<Report, ErrorReport> {
    let silent = || ErrorReport {
        kind: row.status.as_str().to_owned(),
        message: format!("run {} ended without a word", row.id),
        hint: "`journalctl -u pivotal-sync` tells what happened".to_owned(),
    };
    match (row.status, &row.report) {
        (RunStatus::Running | RunStatus::Interrupted, _) => {
            Err(ErrorReport { kind: "interrupted".to_owned(), ..silent() })
        }
        (RunStatus::Failed, Some(Report { error: Some(error), .. })) => Err(error.clone()),
        (_, Some(report)) => Ok(Report { status: row.status, ..report.clone() }),
        (RunStatus::Failed | RunStatus::Complete | RunStatus::Partial, None) => Err(silent()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RequestCounts, RunId, Timestamp};

    fn row(kind: RunKind, asked_by: &str, status: RunStatus, error: Option<&str>, owed: u64) -> RunRow {
        let error =
            error.map(|kind| ErrorReport { kind: kind.to_owned(), message: "503".to_owned(), hint: String::new() });
        let report = Report {
            run: RunId(1),
            kind,
            status,
            streams: Default::default(),
            operations: OperationCounts { owed, ..OperationCounts::default() },
            requests: RequestCounts::default(),
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            progress: None,
            later: Vec::new(),
            notes: Vec::new(),
            error,
            plan: Vec::new(),
            audit: None,
        };
        let (asked_by, started_at) = (asked_by.to_owned(), Timestamp::UNIX_EPOCH);
        RunRow { id: RunId(1), kind, asked_by, status, started_at, finished_at: None, report: Some(report) }
    }

    fn told(rows: &[RunRow]) -> Option<(Option<&'static str>, Option<String>, u32)> {
        failed(rows).map(|failed| {
            (failed.errand.map(|errand| errand.as_str()), failed.error.map(|error| error.message), failed.in_a_row)
        })
    }

    #[test]
    fn what_failed_is_tried_again_whoever_asked_and_its_cause_is_known() {
        let good = || row(RunKind::Sync, "schedule", RunStatus::Complete, None, 0);
        let bad = |kind, by| row(kind, by, RunStatus::Failed, Some("unreachable"), 0);
        let plan = || row(RunKind::Plan, "command", RunStatus::Complete, None, 0);
        let cut = || row(RunKind::Sync, "schedule", RunStatus::Interrupted, None, 0);
        let cause = || Some("503".to_owned());
        assert_eq!(told(&[bad(RunKind::Backfill, "command"), good()]), Some((Some("backfill"), cause(), 1)));
        // A look at things in between changes nothing, nor does a run that was stopped.
        let rows = [plan(), bad(RunKind::Sync, "signal"), cut(), bad(RunKind::Sync, "webhook"), good()];
        assert_eq!(told(&rows), Some((Some("sync"), cause(), 2)));
        assert_eq!(told(&[bad(RunKind::Audit, "schedule")]), Some((Some("audit"), cause(), 1)));
        assert_eq!(told(&[good(), bad(RunKind::Sync, "command")]), None);
        assert_eq!(told(&[]), None);
        // What a person asked for in their own way is theirs to ask for again.
        for theirs in [bad(RunKind::Audit, "command"), bad(RunKind::Undo, "command")] {
            assert_eq!(told(&[theirs, good()]), None);
        }
        assert_eq!(told(&[row(RunKind::Sync, "command", RunStatus::Failed, Some("plan"), 0), good()]), None);
    }

    #[test]
    fn what_is_owed_is_tried_again_and_is_no_trouble_and_a_run_without_a_word_is() {
        let owing = || row(RunKind::Sync, "command", RunStatus::Partial, None, 2);
        assert_eq!(told(&[owing()]), Some((Some("sync"), None, 1)));
        // As often as without a restart.
        assert_eq!(told(&[0; 6].map(|_| owing())), Some((None, None, 6)));
        let silent = RunRow { report: None, ..row(RunKind::Sync, "command", RunStatus::Failed, None, 0) };
        assert_eq!(told(&[silent]), Some((Some("sync"), Some("run 1 ended without a word".to_owned()), 1)));
    }
}
