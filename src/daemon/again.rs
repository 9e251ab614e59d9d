//! When a run that did not come to a good end is tried again: soon, then with growing pauses. Pure.

use chrono::TimeDelta;

use crate::domain::{ErrorReport, Report, RunStatus};

use super::Finished;

/// The pause after the first failure; it doubles with each.
pub(super) const FIRST: TimeDelta = TimeDelta::minutes(1);

/// The longest pause: a bad key is shown to an API once an hour, and mended within one.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// How often what is merely owed is tried again before it waits for the timetable. What waits for something else, a refused
/// customer's contacts, say, is not tried at all.
const OWED_MOST: u32 = 5;

/// How a run ended, as far as trying again is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is to be tried again: done, or waiting for a person.
    Well,
    /// Something is owed that nobody needs to decide.
    Owing,
    /// What was said to have changed could not be read yet.
    Unread,
    /// A source or Pivotal could not be read or written.
    Badly,
    /// It was told to stop.
    Stopped,
}

impl Ended {
    /// How a run ended.
    pub fn of(outcome: &Result<Report, ErrorReport>) -> Self {
        match outcome {
            Err(error) if error.kind == "interrupted" => Self::Stopped,
            // A saved plan that does not fit will fit no better later, and what there is to audit is there after the first load.
            Err(error) if ["plan", "offline", "audit"].contains(&error.kind.as_str()) => Self::Well,
            Err(_) => Self::Badly,
            Ok(report) => match report.status {
                RunStatus::Interrupted => Self::Stopped,
                RunStatus::Failed | RunStatus::Running => Self::Badly,
                _ if report.streams.values().any(|counts| counts.error.is_some()) => Self::Badly,
                RunStatus::Partial if report.operations.sendable() > 0 => Self::Owing,
                RunStatus::Complete | RunStatus::Partial => Self::Well,
            },
        }
    }

    /// How long to wait before it is tried again, after so many such ends in a row, this one included; `None` when the
    /// timetable will do.
    pub fn pause(self, in_a_row: u32) -> Option<TimeDelta> {
        let growing = || (FIRST * 2_i32.pow(in_a_row.saturating_sub(1).min(10))).min(LONGEST);
        match self {
            Self::Well | Self::Stopped => None,
            Self::Owing => (in_a_row <= OWED_MOST).then(growing),
            Self::Unread | Self::Badly => Some(growing()),
        }
    }
}

/// What kept a run from its good end, as far as somebody should be told.
pub(super) fn trouble(outcome: &Result<Report, ErrorReport>) -> Option<ErrorReport> {
    let report = match outcome {
        Err(error) => return Some(error.clone()),
        Ok(report) => report,
    };
    let source = report.streams.iter().find_map(|(stream, counts)| {
        let error = counts.error.as_ref()?;
        let hint = "the other sources went on; `pivotal-sync check` says what is wrong with this one".to_owned();
        Some(ErrorReport { kind: "source".to_owned(), message: format!("{stream} stopped early: {error}"), hint })
    });
    report.error.clone().or(source)
}

/// Which sources stopped early, and why, in words that can hold nobody's name.
pub(super) fn stopped(report: &Report) -> Option<String> {
    let stopped = report.streams.iter().filter(|(_, counts)| counts.error.is_some());
    let told = stopped.map(|(stream, counts)| {
        let why = counts.bare.as_deref().or(counts.trouble).map(|why| format!(": {why}")).unwrap_or_default();
        format!("{stream} stopped early{why}")
    });
    Some(told.collect::<Vec<_>>().join("; ")).filter(|told| !told.is_empty())
}

/// Why it did not come to a good end, as a log may hold it: without the words of others, which quote names and addresses.
pub(super) fn cause(ended: Ended, finished: &Finished) -> String {
    let report = match &finished.outcome {
        Err(error) => return finished.bare.clone().unwrap_or_else(|| error.kind.clone()),
        Ok(report) => report,
    };
    match (stopped(report), &report.error) {
        (Some(stopped), _) => stopped,
        (None, Some(error)) => error.kind.clone(),
        (None, None) if ended == Ended::Unread => "not all that was said to have changed could be read yet".to_owned(),
        (None, None) => match report.operations.sendable() {
            0 => report.status.as_str().to_owned(),
            1 => "1 operation is still owed".to_owned(),
            owed => format!("{owed} operations are still owed"),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::daemon::{Asker, Brought, Errand};
    use crate::domain::{OperationCounts, RunId, RunKind, Stream, StreamCounts, Timestamp};

    #[test]
    fn pauses_grow_to_an_hour_and_what_is_owed_does_not_nag_for_ever() {
        let minutes = |ended: Ended| -> Vec<Option<i64>> {
            (1..=9).map(|n| ended.pause(n).map(|pause| pause.num_minutes())).collect()
        };
        let growing = [1, 2, 4, 8, 16, 32, 60, 60, 60].map(Some);
        assert_eq!((minutes(Ended::Badly), minutes(Ended::Unread)), (growing.to_vec(), growing.to_vec()));
        assert_eq!(minutes(Ended::Owing)[..5], growing[..5]);
        assert_eq!(minutes(Ended::Owing)[5..], [None; 4]);
        assert_eq!(Ended::Badly.pause(u32::MAX), Some(LONGEST));
        assert_eq!((Ended::Well.pause(1), Ended::Stopped.pause(1)), (None, None));
    }

    #[test]
    fn the_log_is_told_why_and_nobodys_name() {
        let error = |message: &str| ErrorReport {
            kind: "unreachable".to_owned(),
            message: message.to_owned(),
            hint: String::new(),
        };
        let finished = |outcome, bare: Option<&str>| Finished {
            by: Asker::Schedule,
            errand: Errand::Sync,
            at: Timestamp::UNIX_EPOCH,
            outcome,
            bare: bare.map(str::to_owned),
            so_far: None,
            details: Vec::new(),
            rate_per_minute: None,
            brought: Brought::Nothing,
        };
        let report = |streams: BTreeMap<Stream, StreamCounts>, owed| Report {
            run: RunId(1),
            kind: RunKind::Sync,
            status: RunStatus::Partial,
            streams,
            operations: OperationCounts { owed, ..OperationCounts::default() },
            requests: Default::default(),
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            progress: None,
            later: Vec::new(),
            notes: Vec::new(),
            error: None,
            plan: Vec::new(),
            audit: None,
        };
        let quoting = "Pivotal GET /customers answered 503: jane@acme.com";
        let bare = "Pivotal GET /customers answered 503: unavailable";
        assert_eq!(cause(Ended::Badly, &finished(Err(error(quoting)), Some(bare))), bare);
        assert_eq!(cause(Ended::Badly, &finished(Err(error(quoting)), None)), "unreachable");
        let counts = StreamCounts {
            error: Some("answered 401: jane@acme.com".to_owned()),
            bare: Some("answered 401: unauthorised".to_owned()),
            ..StreamCounts::default()
        };
        let stopped = finished(Ok(report([(Stream::StripeCustomers, counts)].into(), 0)), None);
        assert_eq!(cause(Ended::Badly, &stopped), "stripe.customers stopped early: answered 401: unauthorised");
        let owing = finished(Ok(report(BTreeMap::new(), 3)), None);
        assert_eq!(cause(Ended::Owing, &owing), "3 operations are still owed");
        assert_eq!(cause(Ended::Unread, &owing), "not all that was said to have changed could be read yet");
    }
}
