use std::sync::Arc;

use chrono::Utc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::daemon::listener::serve;
use crate::daemon::{Asker, Inside, Slot, Stage, UnderWay};
use crate::domain::{ErrorReport, Kind, Report, RunKind, RunStatus, Stream};
use crate::store::{OperationId, OperationRow, RunLock, RunRow, StoreCounts};

struct Desk {
    url: String,
    inside: Inside,
    store: Store,
    lock: RunLock,
    _folder: tempfile::TempDir,
    _stop: tokio_util::sync::DropGuard,
}

impl Desk {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let (lock, store) = (RunLock::acquire(&path).unwrap(), Store::open(&path).await.unwrap());
        let (door, inside) = Door::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let webhooks = vec!["https://sync.acme.com/stripe".to_owned()];
        let admin = Admin::new(door, store.clone(), Metrics::install(), address.ip(), webhooks);
        tokio::spawn(serve(listener, router(Arc::new(admin)), stop.clone()));
        let url = format!("http://{address}");
        Self { url, inside, store, lock, _folder: folder, _stop: stop.drop_guard() }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.ask(path, None).await
    }

    async fn ask(&self, path: &str, host: Option<&str>) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.get(format!("{}{path}", self.url));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn run(&self, status: RunStatus, seconds: i64) {
        let began = Utc::now() - chrono::TimeDelta::seconds(seconds);
        let run = self.store.begin_run(&self.lock, RunKind::Sync, "schedule", began).await.unwrap();
        self.store.finish_run(&report(run, status, began)).await.unwrap();
    }
}

fn report(run: crate::domain::RunId, status: RunStatus, started_at: crate::domain::Timestamp) -> Report {
    Report {
        run,
        kind: RunKind::Sync,
        status,
        streams: Default::default(),
        operations: Default::default(),
        requests: Default::default(),
        started_at,
        finished_at: Some(started_at + chrono::TimeDelta::seconds(30)),
        notes: vec![],
        error: None,
        plan: vec![],
        audit: None,
        progress: None,
        later: vec![],
    }
}

#[tokio::test]
async fn it_is_alive_from_the_first_moment_and_ready_when_start_and_last_run_were_good() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/healthz").await, (200, "ok\n".to_owned()));
    let (status, said) = desk.get("/readyz").await;
    assert!(status == 503 && said.contains("wrong  start: "), "{said}");
    desk.inside.state.send_modify(|state| state.ready = true);
    assert_eq!(desk.get("/readyz").await.0, 200);
    let (kind, message, hint) = ("api".to_owned(), "Pivotal is down\nnow".to_owned(), "wait".to_owned());
    desk.inside.state.send_modify(|state| state.last_error = Some(ErrorReport { kind, message, hint }));
    let (status, said) = desk.get("/readyz").await;
    assert!(status == 503 && said.contains("wrong  last run: Pivotal is down now (hint: wait)"), "{said}");
    desk.inside.state.send_modify(|state| (state.last_error, state.stopping) = (None, true));
    assert_eq!(desk.get("/readyz").await.0, 503);
    assert_eq!(desk.get("/healthz").await.0, 200);
    assert_eq!(desk.get("/other").await.0, 404);
}

#[tokio::test]
async fn metrics_have_what_an_alert_needs_and_are_well_formed() {
    let desk = Desk::open().await;
    desk.run(RunStatus::Complete, 100).await;
    desk.run(RunStatus::Failed, 50).await;
    desk.inside.state.send_modify(|state| {
        state.failures_in_a_row = 1;
        state.next = vec![Slot { errand: "sync".to_owned(), at: Utc::now() }];
    });
    let (status, text) = desk.get("/metrics").await;
    assert_eq!(status, 200);
    for part in [
        "pivotal_sync_last_run_status{status=\"failed\"} 1\n",
        "pivotal_sync_last_run_status{status=\"complete\"} 0\n",
        "pivotal_sync_last_run_duration_seconds 30\n",
        "pivotal_sync_failures_in_a_row 1\n",
        "pivotal_sync_store_up 1\n",
        "pivotal_sync_operations{state=\"held\"} 0\n",
        "pivotal_sync_objects{object=\"customer\"} 0\n",
        "# HELP pivotal_sync_last_success_timestamp_seconds ",
        "# TYPE pivotal_sync_last_success_timestamp_seconds gauge\n",
        "pivotal_sync_next_run_timestamp_seconds{errand=\"sync\"} ",
        "pivotal_sync_build_info{version=",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("pivotal_sync_") && value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_told_and_nothing_hangs() {
    let desk = Desk::open().await;
    desk.inside.state.send_modify(|state| state.ready = true);
    desk.store.close().await;
    let (status, said) = desk.get("/readyz").await;
    assert!(status == 503 && said.contains("wrong  store: "), "{said}");
    let (status, page) = desk.get("/").await;
    assert!(status == 200 && page.contains("store: "), "{page}");
    assert_eq!(desk.get("/metrics").await.0, 200);
}

#[tokio::test]
async fn a_page_elsewhere_cannot_make_a_browser_here_ask() {
    let desk = Desk::open().await;
    for (host, status) in [
        ("localhost", 200),
        ("localhost:8320", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8320", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
    ] {
        assert_eq!(desk.ask("/healthz", Some(host)).await.0, status, "{host}");
    }
}

fn operation(name: &str) -> OperationRow {
    OperationRow {
        id: OperationId(1),
        run: crate::domain::RunId(1),
        entity: crate::domain::EntityId(1),
        object: Kind::Contact,
        verb: crate::domain::Verb::Create,
        subject: "hubspot:contact:5".to_owned(),
        name: name.to_owned(),
        pivotal_id: None,
        changes: Default::default(),
        reason: "ann@acme.com is new".to_owned(),
        state: "held".to_owned(),
        why: Some("email_taken: ann@acme.com".to_owned()),
        waits: false,
        hold: None,
    }
}

#[test]
fn the_page_escapes_names_and_shows_no_address() {
    let now = Utc::now();
    let run = RunRow {
        id: crate::domain::RunId(7),
        kind: RunKind::Sync,
        asked_by: "webhook".to_owned(),
        status: RunStatus::Partial,
        started_at: now - chrono::TimeDelta::seconds(3_725),
        finished_at: Some(now),
        report: Some(report(crate::domain::RunId(7), RunStatus::Partial, now)),
    };
    let counts = StoreCounts {
        mapped: Kind::ALL.map(|kind| (kind, 3)),
        owed: 0,
        held: 9,
        approved: 0,
        quarantined: 0,
        waiting: 0,
        waiting_deletions: 0,
        waiting_archivals: 0,
        streams: vec![],
    };
    let snapshot = snapshot::Snapshot {
        workspace: Some("acme".to_owned()),
        counts,
        runs: vec![run],
        held: vec![operation("<script>alert(1)</script> & \"Söhne\"")],
        quarantined: vec![],
        drifted: 0,
    };
    let stage = Stage::Reading { stream: Stream::HubspotDeals, read: 5 };
    let under_way = UnderWay { by: Asker::Webhook, errand: "sync".to_owned(), since: now, stage, waits_until: None };
    let state = crate::daemon::DaemonState { ready: true, run: Some(under_way), ..Default::default() };
    let html = page::html(&state, Ok(Arc::new(snapshot)), &[], now).unwrap();
    for part in [
        "&lt;script&gt;",
        "Söhne",
        "hubspot:contact:5",
        "and 8 more",
        "1h 2m ago",
        "reading hubspot.deals",
        "All is well",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    for part in ["<script", "@acme.com"] {
        assert!(!html.contains(part), "{part}: {html}");
    }
}
