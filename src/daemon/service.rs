//! What systemd is told: ready, reloading, stopping, a line to read, and that the main loop is alive. Without systemd all of it is
//! silence.

use std::time::Duration;

use chrono_tz::Tz;
use sd_notify::NotifyState;
use tokio::time::Instant;

use crate::domain::{ErrorReport, Report, RunKind, RunStatus, Timestamp};

use super::again::{self, stopped};
use super::{DaemonState, Finished, UnderWay};

/// How the service manager is told.
type Ear = Box<dyn Fn(&[NotifyState<'_>]) + Send + Sync>;

/// The service manager's ear.
pub(super) struct Service {
    ear: Ear,
    /// Half of the time after which systemd takes this process for dead, where it asked to be told.
    beat: Option<Duration>,
    fed: Option<Instant>,
    said: String,
}

impl Service {
    /// As the environment says (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    pub(super) fn of_environment() -> Self {
        Self::heard_by(Box::new(notify), sd_notify::watchdog_enabled())
    }

    /// `limit` is the time after which a process that says nothing is taken for dead.
    pub(super) fn heard_by(ear: Ear, limit: Option<Duration>) -> Self {
        Self { ear, beat: limit.map(|limit| limit / 2), fed: None, said: String::new() }
    }

    /// How often the main loop must come by; `None` when nobody watches.
    pub(super) const fn beat(&self) -> Option<Duration> {
        self.beat
    }

    /// The main loop came by.
    pub(super) fn feed(&mut self) {
        let Some(beat) = self.beat else { return };
        let now = Instant::now();
        // Rather a little too often than a timer's inaccuracy too late.
        if self.fed.is_none_or(|fed| now.duration_since(fed) * 2 >= beat) {
            self.fed = Some(now);
            (self.ear)(&[NotifyState::Watchdog]);
        }
    }

    /// Everything that must be good is.
    pub(super) fn ready(&mut self, line: &str) {
        line.clone_into(&mut self.said);
        (self.ear)(&[NotifyState::Ready, NotifyState::Status(line)]);
    }

    /// The configuration is being read anew.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => (self.ear)(&[NotifyState::Reloading, now]),
            Err(_) => (self.ear)(&[NotifyState::Reloading]),
        }
    }

    /// On the way out.
    pub(super) fn stopping(&mut self, line: &str) {
        line.clone_into(&mut self.said);
        (self.ear)(&[NotifyState::Stopping, NotifyState::Status(line)]);
    }

    /// A line for `systemctl status`, if it is a new one.
    pub(super) fn say(&mut self, line: &str) {
        if self.said != line {
            line.clone_into(&mut self.said);
            (self.ear)(&[NotifyState::Status(line)]);
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}

/// How things are, in one line.
pub(super) fn line(state: &DaemonState, zone: Tz) -> String {
    let mut parts = Vec::new();
    if state.stopping {
        parts.push("Stopping".to_owned());
    }
    match (&state.run, &state.last) {
        (Some(run), _) => parts.push(under_way(run, zone)),
        (None, Some(last)) => parts.push(ended(last, zone)),
        (None, None) => parts.push("Idle".to_owned()),
    }
    let open = state.open.in_words();
    if state.run.is_none() && !open.is_empty() && !state.last.as_ref().is_some_and(|last| tells_open(last)) {
        parts.push(open);
    }
    if let Some(error) = state.last_error.as_ref().filter(|_| state.run.is_none())
        && state.last.as_ref().and_then(|last| again::trouble(&last.outcome)).as_ref() != Some(error)
    {
        // Its own words may quote names and addresses.
        parts.push(format!("an earlier run went wrong ({}), `pivotal-sync status` tells why", error.kind));
    }
    if let Some(why) = &state.refused_configuration {
        parts.push(format!("the configuration was refused, the old one is in use: {why}"));
    }
    if let Some(next) = state.next.first().filter(|_| !state.stopping && state.run.is_none()) {
        parts.push(format!("next {} {}", next.errand, when(next.at, zone)));
    }
    // One line is one line, whatever an API said.
    parts.join("; ").replace(char::is_control, " ")
}

fn when(at: Timestamp, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %F %H:%M %Z").to_string()
}

fn under_way(run: &UnderWay, zone: Tz) -> String {
    format!("Running {} for {}: {}", run.errand, run.by.as_str(), run.how_far(zone))
}

fn ended(last: &Finished, zone: Tz) -> String {
    let (errand, at) = (last.errand.as_str(), when(last.at, zone));
    match &last.outcome {
        // Whoever typed a name was told; here everybody reads it.
        Err(error) if error.kind == "not_found" => format!("Last {errand} failed {at}"),
        Err(error) => format!("Last {errand} failed {at}: {}", why(error, last)),
        Ok(report) => {
            let status = report.status.as_str();
            let error = report.error.as_ref().map(|error| error.kind.clone());
            let why = stopped(report).or(error).map(|why| format!("; {why}")).unwrap_or_default();
            format!("Last {errand} {status} {at}{}{why}", counts(report))
        }
    }
}

/// An API's own words may quote names and addresses; ours, of which nothing else is known than their kind, do not.
fn why<'a>(error: &'a ErrorReport, last: &'a Finished) -> &'a str {
    last.bare.as_deref().filter(|bare| *bare != error.kind).unwrap_or(&error.message)
}

/// Whether what is told of a run has what is held, quarantined and owed in it.
fn tells_open(last: &Finished) -> bool {
    let Ok(report) = &last.outcome else { return false };
    report.kind != RunKind::Plan && (last.errand.is_routine() || !report.operations.open().in_words().is_empty())
}

fn counts(report: &Report) -> String {
    if report.kind == RunKind::Plan {
        return format!(": {} operations planned", report.operations.all());
    }
    match (report.operations.in_words(), report.status) {
        (named, RunStatus::Complete) if named.is_empty() => ": nothing to do".to_owned(),
        (named, _) if named.is_empty() => String::new(),
        (named, _) => format!(": {named}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{Asker, Brought, Errand, Stage};
    use crate::domain::{OperationCounts, RunId, Stream, StreamCounts};

    fn told(run: Option<UnderWay>) -> String {
        let open = OperationCounts { held: 3, quarantined: 1, owed: 2, ..OperationCounts::default() };
        line(&DaemonState { run, open, ..DaemonState::default() }, chrono_tz::Europe::Berlin)
    }

    #[test]
    fn what_an_earlier_process_left_open_is_told_until_a_run_says_anew() {
        assert_eq!(told(None), "Idle; 3 held, 1 quarantined, 2 owed");
    }

    fn finished(outcome: Result<Report, ErrorReport>, bare: Option<&str>) -> Finished {
        Finished {
            by: Asker::Schedule,
            errand: Errand::Sync,
            at: Timestamp::UNIX_EPOCH,
            outcome,
            bare: bare.map(str::to_owned),
            so_far: None,
            details: Vec::new(),
            rate_per_minute: None,
            brought: Brought::Nothing,
        }
    }

    fn after(last: Option<Finished>, last_error: Option<ErrorReport>) -> String {
        let state = DaemonState { last: last.map(Into::into), last_error, ..DaemonState::default() };
        line(&state, chrono_tz::UTC)
    }

    #[test]
    fn why_the_last_run_came_to_no_good_end_is_told_without_anybodys_name() {
        let quoting = |kind: &str| ErrorReport {
            kind: kind.to_owned(),
            message: "jane@acme.com".to_owned(),
            hint: "jane@acme.com".to_owned(),
        };
        let counts = |bare: &str| StreamCounts {
            error: Some("jane@acme.com".to_owned()),
            bare: Some(bare.to_owned()),
            ..StreamCounts::default()
        };
        let mut report = Report::begun(RunId(1), RunKind::Sync, Timestamp::UNIX_EPOCH);
        report.status = RunStatus::Partial;
        report.operations.create = 1;
        report.streams = [
            (Stream::HubspotCompanies, counts("HubSpot GET /x answered 503: unavailable")),
            (Stream::StripeCustomers, counts("Stripe GET /y answered 401: unauthorised")),
        ]
        .into();
        let last = finished(Ok(report), None);
        let error = again::trouble(&last.outcome);
        assert_eq!(
            after(Some(last), error),
            "Last sync partial Thu 1970-01-01 00:00 UTC: 1 created; \
             hubspot.companies stopped early: HubSpot GET /x answered 503: unavailable; \
             stripe.customers stopped early: Stripe GET /y answered 401: unauthorised"
        );
        let last = finished(Err(quoting("api")), Some("Pivotal POST /contacts answered 400: invalid"));
        assert_eq!(
            after(Some(last), Some(quoting("api"))),
            "Last sync failed Thu 1970-01-01 00:00 UTC: Pivotal POST /contacts answered 400: invalid"
        );
        assert_eq!(
            after(None, Some(quoting("source"))),
            "Idle; an earlier run went wrong (source), `pivotal-sync status` tells why"
        );
    }

    #[test]
    fn a_run_that_waits_for_the_limit_says_so_and_until_when() {
        let run = |stage| UnderWay {
            by: Asker::Schedule,
            errand: "sync".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            stage,
            waits_until: Some("2026-11-25T02:00:40Z".parse().unwrap()),
        };
        let said = told(Some(run(Stage::Beginning)));
        assert_eq!(said, "Running sync for schedule: waiting for Pivotal's limit until 03:00:40 CET");
        let said = told(Some(run(Stage::Comparing { entities: 7 })));
        assert_eq!(said, "Running sync for schedule: comparing: 7, waiting for Pivotal's limit until 03:00:40 CET");
    }
}
