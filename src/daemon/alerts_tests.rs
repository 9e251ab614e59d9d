use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use chrono::Utc;

use super::*;
use crate::daemon::{Asker, Audit, Brought};
use crate::domain::{OperationCounts, Report, RunId, Stream, StreamCounts};

/// Somebody who is told.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<Json>>,
    beats: Mutex<u32>,
    deaf: Mutex<bool>,
}

impl Ear {
    fn status(&self) -> StatusCode {
        if *self.deaf.lock().unwrap() { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
    }

    fn heard(&self) -> Vec<Json> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    fn beats(&self) -> u32 {
        std::mem::take(&mut *self.beats.lock().unwrap())
    }
}

async fn listen(State(ear): State<Arc<Ear>>, axum::Json(body): axum::Json<Json>) -> StatusCode {
    let status = ear.status();
    if status == StatusCode::OK {
        ear.heard.lock().unwrap().push(body);
    }
    status
}

async fn beat(State(ear): State<Arc<Ear>>) -> StatusCode {
    *ear.beats.lock().unwrap() += 1;
    ear.status()
}

struct Scene {
    ear: Arc<Ear>,
    alerts: Alerts,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Self {
        let ear = Arc::new(Ear::default());
        let router = Router::new().route("/hidden", post(listen)).route("/beat", get(beat)).with_state(ear.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state.db")).await.unwrap();
        let settings =
            config::Alerts { heartbeat_url: Some(format!("{url}/beat").parse().unwrap()), ..Default::default() };
        let alerts = Alerts::new("acme", &settings, Some(&SecretString::from(format!("{url}/hidden")))).unwrap();
        Self { ear, alerts, store, _folder: folder }
    }

    async fn after(&self, run: Finished) -> Vec<Json> {
        self.alerts.finished(&self.store, &run).await;
        self.ear.heard()
    }
}

fn finished(outcome: Result<Report, ErrorReport>) -> Finished {
    Finished {
        so_far: None,
        by: Asker::Schedule,
        errand: Errand::Sync,
        at: Utc::now(),
        outcome,
        bare: None,
        details: vec![],
        rate_per_minute: None,
        brought: Brought::Nothing,
    }
}

fn ended(status: RunStatus, operations: OperationCounts, stopped: Option<&str>) -> Finished {
    let counts = StreamCounts { error: stopped.map(str::to_owned), ..Default::default() };
    finished(Ok(Report {
        run: RunId(1),
        kind: RunKind::Sync,
        status,
        streams: [(Stream::StripeCustomers, counts)].into(),
        operations,
        requests: Default::default(),
        started_at: Utc::now(),
        finished_at: Some(Utc::now()),
        notes: vec![],
        error: None,
        plan: vec![],
        audit: None,
        progress: None,
        later: vec![],
    }))
}

fn good() -> Finished {
    ended(RunStatus::Complete, OperationCounts::default(), None)
}

fn held(number: u64) -> Finished {
    ended(RunStatus::Partial, OperationCounts { held: number, ..Default::default() }, None)
}

fn failed(message: &str) -> Finished {
    let (kind, message, hint) = ("api".to_owned(), message.to_owned(), "wait".to_owned());
    finished(Err(ErrorReport { kind, message, hint }))
}

#[tokio::test]
async fn a_change_is_told_once_and_so_is_its_end() {
    let scene = Scene::set().await;
    assert_eq!(scene.after(good()).await, Vec::<Json>::new(), "a good start is no news");
    let said = scene.after(failed("Pivotal is <down>")).await;
    assert_eq!((said.len(), &said[0]["state"]), (1, &json!("trouble")));
    assert_eq!(said[0]["troubles"]["run"], "Pivotal is <down> (hint: wait)");
    for again in ["Pivotal is <down>", "in another way"] {
        assert_eq!(scene.after(failed(again)).await, Vec::<Json>::new());
    }
    let said = scene.after(good()).await;
    assert_eq!(
        (&said[0]["state"], &said[0]["recovered"], &said[0]["since"]),
        (&json!("ok"), &json!(["run"]), &Json::Null)
    );
    assert_eq!(scene.after(good()).await, Vec::<Json>::new());
}

#[test]
fn the_log_is_told_how_many_and_why_and_nobodys_name() {
    let logged = |run: Finished| -> Vec<String> {
        let troubles = troubles(&run).unwrap();
        troubles.iter().map(|(what, trouble)| format!("{what}: {}", trouble.bare())).collect()
    };
    let counts = OperationCounts { held: 3, owed: 1, ..Default::default() };
    assert_eq!(
        logged(ended(RunStatus::Partial, counts, None)),
        [
            "held: 3 operations; somebody has to decide: pivotal-sync status shows them",
            "owed: 1 operation; not done yet, the next run goes on with it"
        ]
    );
    let quoting = || failed("Pivotal POST /contacts answered 400: jane@acme.com");
    let bare = Some("Pivotal POST /contacts answered 400".to_owned());
    assert_eq!(logged(Finished { bare, ..quoting() }), ["run: Pivotal POST /contacts answered 400"]);
    assert_eq!(logged(quoting()), ["run: api"]);
    let stopped = ended(RunStatus::Partial, OperationCounts::default(), Some("jane@acme.com"));
    assert_eq!(logged(stopped), ["stripe.customers: pivotal-sync status tells why"]);
}

#[tokio::test]
async fn another_kind_of_the_same_trouble_is_news() {
    let scene = Scene::set().await;
    let of_kind = |kind: &str| {
        let error = ErrorReport { kind: kind.to_owned(), message: "no".to_owned(), hint: "wait".to_owned() };
        finished(Err(error))
    };
    for (kind, tellings) in [("unreachable", 1), ("unreachable", 0), ("credentials", 1), ("credentials", 0)] {
        assert_eq!(scene.after(of_kind(kind)).await.len(), tellings, "{kind}");
    }
}

#[tokio::test]
async fn a_key_refused_after_an_outage_of_the_same_source_is_news() {
    let scene = Scene::set().await;
    let of_kind = |trouble: &'static str| {
        let mut run = ended(RunStatus::Partial, OperationCounts::default(), Some("no"));
        let Ok(report) = &mut run.outcome else { unreachable!("it came to its end") };
        report.streams.values_mut().for_each(|counts| counts.trouble = Some(trouble));
        run
    };
    for (kind, tellings) in [("unreachable", 1), ("unreachable", 0), ("credentials", 1), ("credentials", 0)] {
        assert_eq!(scene.after(of_kind(kind)).await.len(), tellings, "{kind}");
    }
    assert_eq!(scene.after(good()).await[0]["recovered"], json!(["stripe.customers"]));
}

#[tokio::test]
async fn each_new_trouble_is_told_and_more_of_the_same_is_not() {
    let scene = Scene::set().await;
    assert_eq!(scene.after(held(1)).await[0]["troubles"].as_object().unwrap().len(), 1);
    assert_eq!(scene.after(held(30)).await, Vec::<Json>::new());
    let stopped = ended(RunStatus::Partial, OperationCounts { held: 30, ..Default::default() }, Some("401"));
    let said = scene.after(stopped).await;
    assert_eq!(said[0]["troubles"].as_object().unwrap().keys().collect::<Vec<_>>(), ["held", "stripe.customers"]);
    let said = scene.after(held(30)).await;
    assert_eq!((&said[0]["state"], &said[0]["recovered"]), (&json!("trouble"), &json!(["stripe.customers"])));
}

#[tokio::test]
async fn a_restart_repeats_nothing() {
    let scene = Scene::set().await;
    assert_eq!(scene.after(failed("x")).await.len(), 1);
    let again = Alerts {
        workspace: "acme".to_owned(),
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        heartbeat: scene.alerts.heartbeat.clone(),
        webhook: scene.alerts.webhook.clone(),
        told: Default::default(),
    };
    again.finished(&scene.store, &failed("x")).await;
    assert_eq!(scene.ear.heard(), Vec::<Json>::new());
    again.finished(&scene.store, &good()).await;
    assert_eq!(scene.ear.heard().len(), 1);
}

#[tokio::test]
async fn a_lost_store_is_told_once_although_it_can_keep_nothing() {
    let scene = Scene::set().await;
    assert_eq!(scene.after(good()).await, Vec::<Json>::new());
    std::fs::remove_file(scene.store.path()).unwrap();
    assert_eq!(scene.after(failed("the store is gone")).await.len(), 1);
    assert_eq!(scene.after(failed("the store is gone")).await, Vec::<Json>::new());
    assert_eq!(scene.after(good()).await[0]["state"], "ok");
}

#[tokio::test]
async fn a_refused_configuration_is_told_once_and_so_is_a_good_one() {
    let scene = Scene::set().await;
    let configured = async |refused: Option<&str>| {
        scene.alerts.configured(&scene.store, refused).await;
        scene.ear.heard()
    };
    assert_eq!(configured(None).await, Vec::<Json>::new());
    let said = configured(Some("c.toml:3: is not TOML")).await;
    let words = "it was refused, and the old one is in use: c.toml:3: is not TOML";
    assert_eq!(said[0]["troubles"], json!({ "configuration": words }));
    assert_eq!(configured(Some("c.toml:4: is not TOML")).await, Vec::<Json>::new());
    // Runs neither end it nor are kept from being told.
    assert_eq!(scene.after(good()).await, Vec::<Json>::new());
    assert_eq!(scene.after(failed("x")).await[0]["troubles"].as_object().unwrap().len(), 2);
    assert_eq!(scene.after(good()).await[0]["recovered"], json!(["run"]));
    assert_eq!(configured(None).await[0]["state"], "ok");
}

#[tokio::test]
async fn what_did_not_get_across_is_told_after_the_next_run() {
    let scene = Scene::set().await;
    *scene.ear.deaf.lock().unwrap() = true;
    assert_eq!(scene.after(failed("x")).await, Vec::<Json>::new());
    *scene.ear.deaf.lock().unwrap() = false;
    assert_eq!(scene.after(failed("x")).await.len(), 1);
    assert_eq!(scene.after(failed("x")).await, Vec::<Json>::new());
    // It came and went while nobody could be told: there is nothing to tell.
    *scene.ear.deaf.lock().unwrap() = true;
    assert_eq!(scene.after(good()).await, Vec::<Json>::new());
    *scene.ear.deaf.lock().unwrap() = false;
    assert_eq!(scene.after(failed("x")).await, Vec::<Json>::new());
}

#[tokio::test]
async fn the_heart_beats_after_good_runs_only() {
    let scene = Scene::set().await;
    let owed = OperationCounts { owed: 1, ..Default::default() };
    let waiting = OperationCounts { owed: 2, held: 1, ..Default::default() };
    for (run, beats) in [
        (good(), 1),
        (held(2), 0),
        (ended(RunStatus::Partial, waiting, None), 0),
        (ended(RunStatus::Partial, owed, None), 0),
        (ended(RunStatus::Partial, OperationCounts::default(), Some("401")), 0),
        (ended(RunStatus::Interrupted, OperationCounts::default(), None), 0),
        (failed("x"), 0),
    ] {
        scene.after(run.clone()).await;
        assert_eq!(scene.ear.beats(), beats, "{run:?}");
    }
}

#[tokio::test]
async fn a_run_that_was_stopped_or_planned_or_looked_at_a_part_changes_nothing() {
    let scene = Scene::set().await;
    assert_eq!(scene.after(failed("x")).await.len(), 1);
    let mut plan = good();
    if let Ok(report) = &mut plan.outcome {
        report.kind = RunKind::Plan;
    }
    let stopped = ended(RunStatus::Interrupted, OperationCounts::default(), None);
    let interrupted = finished(Err(ErrorReport { kind: "interrupted".to_owned(), ..error() }));
    let refused = Finished { errand: Errand::Plan { only: None, offline: false, keep: false }, ..failed("y") };
    let audit = || Errand::Audit(Audit { deep: true, ..Audit::default() });
    let part = Finished { errand: audit(), ..good() };
    let nameless = Finished { errand: audit(), ..failed("z") };
    for run in [plan, stopped, interrupted, refused, part, nameless] {
        assert_eq!(scene.after(run).await, Vec::<Json>::new());
    }
    assert_eq!(scene.ear.beats(), 0);
    assert_eq!(scene.after(good()).await.len(), 1, "it was never well in between");
}

fn error() -> ErrorReport {
    ErrorReport { kind: "api".to_owned(), message: "x".to_owned(), hint: "y".to_owned() }
}

#[tokio::test]
async fn nobody_to_tell_is_no_trouble_and_a_lost_store_neither() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state.db")).await.unwrap();
    let alerts = Alerts::new("acme", &config::Alerts::default(), None).unwrap();
    alerts.finished(&store, &failed("x")).await;
    let told: Told = serde_json::from_str(&store.fact(FACT).await.unwrap().unwrap()).unwrap();
    assert_eq!(told.across, told.troubles);
    store.set_fact(FACT, "of another version").await.unwrap();
    alerts.finished(&store, &failed("x")).await;
    store.close().await;
    alerts.finished(&store, &good()).await;
}

#[test]
fn slack_is_told_in_its_own_form() {
    let told = Told { troubles: [("run".to_owned(), Trouble::new("a < b & c", None))].into(), ..Told::default() };
    let before = Troubles::new();
    let message = Message::of("acme", &told, &before, Utc::now());
    assert_eq!(message.slack(), json!({ "text": "pivotal-sync (acme) needs a look:\nrun: a &lt; b &amp; c" }));
    assert!(is_slack("hooks.slack.com") && !is_slack("hooks.slack.com.evil.example"));
}

#[tokio::test]
async fn runs_behind_the_door_are_taken_in_one_by_one() {
    let scene = Scene::set().await;
    let (door, inside) = Door::new();
    let stop = CancellationToken::new();
    let watching = tokio::spawn(scene.alerts.watch(door, scene.store.clone(), TakenIn::default(), stop.clone()));
    for (run, heard) in [(failed("x"), 1), (good(), 2)] {
        inside.state.send_modify(|state| state.last = Some(Arc::new(run)));
        while scene.ear.heard.lock().unwrap().len() < heard {
            tokio::task::yield_now().await;
        }
        // Another change of state is not another run.
        inside.state.send_modify(|state| state.failures_in_a_row += 1);
    }
    stop.cancel();
    watching.await.unwrap();
    assert_eq!(scene.ear.heard().len(), 2);
}

#[tokio::test]
async fn a_telling_that_a_reload_cut_off_is_told_by_whoever_watches_then() {
    let scene = Scene::set().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = SecretString::from(format!("http://{}/", silent.local_addr().unwrap()));
    let waits = Alerts::new("acme", &config::Alerts::default(), Some(&nowhere)).unwrap();
    let ((door, inside), taken_in) = (Door::new(), TakenIn::default());
    inside.state.send_modify(|state| state.last = Some(Arc::new(failed("x"))));
    let stop = CancellationToken::new();
    let watching = tokio::spawn(waits.watch(door.clone(), scene.store.clone(), taken_in.clone(), stop.clone()));
    let _taken = silent.accept().await.unwrap();
    stop.cancel();
    watching.await.unwrap();
    let stop = CancellationToken::new();
    let watching = tokio::spawn(scene.alerts.watch(door, scene.store.clone(), taken_in.clone(), stop.clone()));
    while taken_in.last().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.ear.heard().len(), 1);
    let good = Arc::new(good());
    inside.state.send_modify(|state| state.last = Some(good.clone()));
    while !taken_in.is(&good) {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    watching.await.unwrap();
    assert_eq!((scene.ear.heard().len(), scene.ear.beats()), (1, 1));
}
