//! Metrics for Prometheus. Requests and deliveries are counted where they happen; how things stand is set at each look.
//! Gauges and counters only: they need no upkeep, so an idle daemon sleeps.

use std::sync::OnceLock;

use metrics::{describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::daemon::DaemonState;
use crate::domain::{RunStatus, Timestamp};
use crate::store::RunRow;

use super::readiness;
use super::snapshot::Snapshot;

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();

impl Metrics {
    /// Starts counting: before the first request, or what came before is not counted. The same metrics each time.
    pub fn install() -> Self {
        Self(
            INSTALLED
                .get_or_init(|| {
                    let recorder = PrometheusBuilder::new().build_recorder();
                    let handle = recorder.handle();
                    // Only another recorder of this process could have come first, and there is no other.
                    let _ = metrics::set_global_recorder(recorder);
                    describe();
                    gauge!("pivotal_sync_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
                    gauge!("pivotal_sync_start_timestamp_seconds").set(seconds(chrono::Utc::now()));
                    handle
                })
                .clone(),
        )
    }

    /// The text Prometheus reads. Without a snapshot the store's part is as it was, and `pivotal_sync_store_up` says so.
    pub(super) fn render(&self, state: &DaemonState, snapshot: Option<&Snapshot>) -> String {
        gauge!("pivotal_sync_store_up").set(f64::from(u8::from(snapshot.is_some())));
        if let Some(snapshot) = snapshot {
            of_store(snapshot);
        }
        of_daemon(state);
        let trouble = snapshot.is_none().then_some("it cannot be read");
        let ready = readiness(state, trouble).iter().all(|check| check.wrong.is_none());
        gauge!("pivotal_sync_ready").set(f64::from(u8::from(ready)));
        self.0.render()
    }
}

fn of_daemon(state: &DaemonState) {
    let yes = |name: &'static str, is: bool| gauge!(name).set(f64::from(u8::from(is)));
    yes("pivotal_sync_run_in_progress", state.run.is_some());
    yes("pivotal_sync_configuration_refused", state.refused_configuration.is_some());
    gauge!("pivotal_sync_failures_in_a_row").set(f64::from(state.failures_in_a_row));
    for slot in &state.next {
        gauge!("pivotal_sync_next_run_timestamp_seconds", "errand" => slot.errand.clone()).set(seconds(slot.at));
    }
}

fn of_store(snapshot: &Snapshot) {
    let counts = &snapshot.counts;
    for (state, number) in [("owed", counts.owed), ("held", counts.held), ("quarantined", counts.quarantined)] {
        gauge!("pivotal_sync_operations", "state" => state).set(number as f64);
    }
    gauge!("pivotal_sync_deletions_waiting").set(counts.waiting_deletions as f64);
    gauge!("pivotal_sync_drifted_objects").set(snapshot.drifted as f64);
    for (kind, number) in counts.mapped {
        gauge!("pivotal_sync_objects", "object" => kind.as_str()).set(number as f64);
    }
    for (stream, state, live) in &counts.streams {
        let stream = stream.as_str();
        gauge!("pivotal_sync_stream_records", "stream" => stream).set(*live as f64);
        gauge!("pivotal_sync_stream_pulled_timestamp_seconds", "stream" => stream).set(seconds(state.pulled_at));
        if let Some(complete) = state.complete_at {
            gauge!("pivotal_sync_stream_listed_timestamp_seconds", "stream" => stream).set(seconds(complete));
        }
    }
    if let Some(at) = snapshot.last_success() {
        gauge!("pivotal_sync_last_success_timestamp_seconds").set(seconds(at));
    }
    if let Some(run) = snapshot.last_run() {
        of_run(run);
    }
}

fn of_run(run: &RunRow) {
    gauge!("pivotal_sync_last_run").set(run.id.0 as f64);
    for status in [RunStatus::Complete, RunStatus::Partial, RunStatus::Failed, RunStatus::Interrupted] {
        let is = f64::from(u8::from(run.status == status));
        gauge!("pivotal_sync_last_run_status", "status" => status.as_str()).set(is);
    }
    if let Some(end) = run.finished_at {
        gauge!("pivotal_sync_last_run_timestamp_seconds").set(seconds(end));
        gauge!("pivotal_sync_last_run_duration_seconds").set(seconds(end) - seconds(run.started_at));
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

fn describe() {
    describe_counter!("pivotal_sync_requests_total", "Requests that left, by API and by what came of them.");
    describe_counter!("pivotal_sync_runs_total", "Runs that ended, by how.");
    describe_counter!(
        "pivotal_sync_webhook_deliveries_total",
        "Webhooks that came in, by sender and by what came of them."
    );
    for (name, what) in [
        ("pivotal_sync_rate_limit_requests", "Requests the API allows in its window, as its last answer said."),
        ("pivotal_sync_rate_limit_remaining_requests", "Requests left in that window."),
        ("pivotal_sync_ready", "1 when /readyz answers 200: start, store, configuration and last run are good."),
        ("pivotal_sync_store_up", "1 when the store could be read for this answer."),
        ("pivotal_sync_run_in_progress", "1 while a run is under way."),
        ("pivotal_sync_configuration_refused", "1 when the configuration on disk is not the one in use."),
        ("pivotal_sync_failures_in_a_row", "Runs that failed since the last that did not."),
        ("pivotal_sync_next_run_timestamp_seconds", "When the timetable's next run is due."),
        (
            "pivotal_sync_operations",
            "Operations not done: owed, held for a person, or refused by Pivotal (quarantined).",
        ),
        ("pivotal_sync_deletions_waiting", "Deletions that wait out their grace."),
        ("pivotal_sync_drifted_objects", "Objects that Pivotal said somebody else changed, not yet looked at."),
        ("pivotal_sync_objects", "Live Pivotal objects that are kept, by kind."),
        ("pivotal_sync_stream_records", "Live records of a stream."),
        ("pivotal_sync_stream_pulled_timestamp_seconds", "When a stream's last page was stored: its freshness."),
        ("pivotal_sync_stream_listed_timestamp_seconds", "When a stream was last read from end to end."),
        ("pivotal_sync_last_success_timestamp_seconds", "When a run last ended with everything in step."),
        ("pivotal_sync_last_run", "The number of the last run that ended."),
        ("pivotal_sync_last_run_status", "1 for how the last run ended."),
        ("pivotal_sync_last_run_timestamp_seconds", "When the last run ended."),
        ("pivotal_sync_last_run_duration_seconds", "How long the last run took."),
        ("pivotal_sync_build_info", "The version, as a label."),
        ("pivotal_sync_start_timestamp_seconds", "When this process started."),
    ] {
        describe_gauge!(name, what);
    }
}
