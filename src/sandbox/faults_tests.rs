//! Faults over real sockets.

use std::error::Error as _;
use std::time::Duration;

use axum::Router;
use reqwest::Client;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::sandbox::line::CuttableListener;
use crate::sandbox::log::{RequestLog, logged};
use crate::sandbox::pivotal::{self, Clock, SharedState, TEST_KEY, World, lock};

struct Rig {
    url: String,
    state: SharedState,
    log: RequestLog,
    faults: Faults,
    client: Client,
    _stop: DropGuard,
}

async fn rig() -> Rig {
    let state = World::new("acme", Clock::running(chrono::Utc::now()), 1).shared();
    let (log, faults, stop) = (RequestLog::default(), Faults::default(), CancellationToken::new());
    let router: Router = faulty(pivotal::router(state.clone()), "pivotal", faults.clone());
    let router = logged(router, "pivotal", log.clone());
    let listener = CuttableListener::bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let url = format!("http://{}/api/v1", listener.address().expect("an address"));
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Line>();
        axum::serve(listener, service).with_graceful_shutdown(stopped).await
    });
    let client = Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    Rig { url, state, log, faults, client, _stop: stop.drop_guard() }
}

impl Rig {
    async fn create(&self, name: &str) -> reqwest::Result<(u16, Value)> {
        let request = self.client.post(format!("{}/customers", self.url)).bearer_auth(TEST_KEY);
        let answer = request.header("idempotency-key", name).body(json!({ "name": name }).to_string()).send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await?))
    }

    fn customers(&self) -> usize {
        lock(&self.state).customers().len()
    }

    fn statuses(&self) -> Vec<u16> {
        self.log.entries().iter().map(|entry| entry.status).collect()
    }
}

/// Whether a reset lies at the root of an error.
fn is_reset(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionReset;
        }
        source = cause.source();
    }
    false
}

#[tokio::test]
async fn dropped_after_the_commit_is_a_reset_and_the_row_is_there() {
    let rig = rig().await;
    rig.faults.inject(Fault::next("pivotal", Effect::DropAfter).on("POST", "/api/v1/customers"));
    let error = rig.create("Aurora").await.expect_err("no answer");
    assert!(is_reset(&error), "{error:?}");
    assert_eq!((rig.customers(), rig.statuses()), (1, vec![201]));
    // The same key and bytes bring the lost answer, and nothing is made twice.
    let (status, made) = rig.create("Aurora").await.expect("an answer");
    assert_eq!((status, &made["name"], rig.customers()), (201, &json!("Aurora"), 1));
}

#[tokio::test]
async fn dropped_before_it_is_carried_out_is_a_reset_and_nothing_is_there() {
    let rig = rig().await;
    rig.faults.inject(Fault::next("pivotal", Effect::DropBefore));
    let error = rig.create("Aurora").await.expect_err("no answer");
    assert!(is_reset(&error), "{error:?}");
    assert_eq!((rig.customers(), rig.statuses()), (0, vec![0]));
}

#[tokio::test]
async fn half_a_body_is_an_error_while_reading_and_the_row_is_there() {
    let rig = rig().await;
    rig.faults.inject(Fault::next("pivotal", Effect::Truncate));
    let error = rig.create("Aurora").await.expect_err("half a body");
    assert!(error.is_decode() || error.is_body(), "{error:?}");
    assert_eq!(rig.customers(), 1);
}

#[tokio::test]
async fn a_slow_body_arrives_whole_or_outlasts_the_client() {
    let rig = rig().await;
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(1)));
    assert_eq!(rig.create("Aurora").await.expect("an answer").0, 201);
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(60_000)));
    let request = rig.client.get(format!("{}/customers", rig.url)).bearer_auth(TEST_KEY);
    let answer = request.timeout(Duration::from_millis(100)).send().await.expect("a head");
    assert!(answer.bytes().await.expect_err("half a body").is_timeout());
}

#[tokio::test]
async fn statuses_come_enveloped_or_as_html_and_nothing_is_carried_out() {
    let rig = rig().await;
    rig.faults.inject(Fault::next("pivotal", Effect::Status(500)));
    rig.faults.inject(Fault::next("pivotal", Effect::Throttle { retry_after: 7 }));
    rig.faults.inject(Fault::next("pivotal", Effect::Html(502)));
    let (status, body) = rig.create("Aurora").await.expect("an answer");
    assert_eq!((status, &body["error"]["type"]), (500, &json!("internal_error")));
    let me = rig.client.get(format!("{}/me", rig.url)).bearer_auth(TEST_KEY).send().await.expect("an answer");
    assert_eq!((me.status().as_u16(), &me.headers()["retry-after"]), (429, &HeaderValue::from(7)));
    assert!(rig.create("Aurora").await.expect_err("not JSON").is_decode());
    assert_eq!((rig.customers(), rig.statuses()), (0, vec![500, 429, 502]));
    assert!(rig.faults.waiting().is_empty());
}

/// Sheet 8: the second of two requests with one key is refused while the first still runs.
#[tokio::test]
async fn of_two_at_once_under_one_key_one_is_in_flight() {
    let rig = rig().await;
    lock(&rig.state).switches.write_latency = Duration::from_millis(200);
    let (one, two) = tokio::join!(rig.create("Aurora"), rig.create("Aurora"));
    let (one, two) = (one.expect("an answer"), two.expect("an answer"));
    let (first, second) = if one.0 == 201 { (one, two) } else { (two, one) };
    assert_eq!((first.0, second.0), (201, 409));
    assert_eq!(second.1["error"]["code"], json!("idempotency_key_in_use"));
    assert_eq!(rig.customers(), 1);
}

#[test]
fn a_fault_waits_for_its_requests_and_wears_off() {
    let faults = Faults::default();
    faults.inject(Fault::next("stripe", Effect::Html(503)).on("GET", "/v1/events").after(1).times(2));
    let hits: Vec<bool> = (0..5).map(|_| faults.strike("stripe", "GET", "/v1/events").is_some()).collect();
    assert_eq!(hits, [false, true, true, false, false]);
    faults.inject(Fault::next("stripe", Effect::Html(503)).on("GET", "/v1/events"));
    assert_eq!(faults.strike("hubspot", "GET", "/v1/events"), None);
    assert_eq!(faults.strike("stripe", "POST", "/v1/events"), None);
    assert_eq!(faults.strike("stripe", "GET", "/v1/customers"), None);
    assert_eq!(faults.waiting().len(), 1);
}

#[test]
fn faults_are_written_as_json() {
    let text = r#"{"api":"pivotal","method":"POST","times":3,"effect":{"throttle":{"retry_after":2}}}"#;
    let fault: Fault = serde_json::from_str(text).expect("a fault");
    assert_eq!((fault.times, fault.skip, fault.effect), (3, 0, Effect::Throttle { retry_after: 2 }));
    let drop: Fault = serde_json::from_str(r#"{"api":"hubspot","effect":"drop_after"}"#).expect("a fault");
    assert_eq!((drop.times, drop.effect), (1, Effect::DropAfter));
}
