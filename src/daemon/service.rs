//! What systemd is told: ready, reloading, stopping, a line to read, and that the main loop is alive. Without systemd all of it is
//! silence.

use std::time::Duration;

use chrono_tz::Tz;
use sd_notify::NotifyState;
use tokio::time::Instant;

use crate::domain::{Report, RunKind, RunStatus, Timestamp};

use super::{DaemonState, Finished, UnderWay};

/// The service manager's ear.
#[derive(Debug)]
pub(super) struct Service {
    /// Half of the time after which systemd takes this process for dead, where it asked to be told.
    beat: Option<Duration>,
    fed: Option<Instant>,
    said: String,
}

impl Service {
    /// As the environment says (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    pub(super) fn of_environment() -> Self {
        Self { beat: sd_notify::watchdog_enabled().map(|limit| limit / 2), fed: None, said: String::new() }
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
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// Everything that must be good is.
    pub(super) fn ready(&mut self, line: &str) {
        line.clone_into(&mut self.said);
        notify(&[NotifyState::Ready, NotifyState::Status(line)]);
    }

    /// The configuration is being read anew.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(_) => notify(&[NotifyState::Reloading]),
        }
    }

    /// On the way out.
    pub(super) fn stopping(&mut self, line: &str) {
        line.clone_into(&mut self.said);
        notify(&[NotifyState::Stopping, NotifyState::Status(line)]);
    }

    /// A line for `systemctl status`, if it is a new one.
    pub(super) fn say(&mut self, line: &str) {
        if self.said != line {
            line.clone_into(&mut self.said);
            notify(&[NotifyState::Status(line)]);
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
        (Some(run), _) => parts.push(under_way(run)),
        (None, Some(last)) => parts.push(ended(last, zone)),
        (None, None) => parts.push("Idle".to_owned()),
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

fn under_way(run: &UnderWay) -> String {
    format!("Running {} for {}: {}", run.errand, run.by.as_str(), run.stage)
}

fn ended(last: &Finished, zone: Tz) -> String {
    let (errand, at) = (last.errand.as_str(), when(last.at, zone));
    match &last.outcome {
        // Whoever typed a name was told; here everybody reads it.
        Err(error) if error.kind == "not_found" => format!("Last {errand} failed {at}"),
        Err(error) => format!("Last {errand} failed {at}: {}", error.message),
        Ok(report) => format!("Last {errand} {} {at}{}", report.status.as_str(), counts(report)),
    }
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
