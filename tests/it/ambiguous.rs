//! Every outcome that leaves a write in doubt, each with its own way out, for POST, PATCH and DELETE (pivotal-api.md 8, 16.4).

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use pivotal_sync::domain::{Report, RunKind, RunStatus};
use pivotal_sync::engine::{Ask, EngineError, Silent};
use pivotal_sync::http::Patience;
use pivotal_sync::pivotal;
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ObjectType};
use pivotal_sync::sandbox::pivotal::Object;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, portal, text};

/// Times one request is sent in a run before its outcome counts as it is.
const TRIES: u32 = 3;

/// What one row of the tables expects of a run whose every try meets the doubt: `attempt.outcome`, `operation.state`, and the
/// kind of the error that ends the run, if one does.
type Doubt = (&'static str, &'static str, Option<&'static str>);

const UNKNOWN: Doubt = ("unknown", "owed", None);

struct Bench {
    rig: Rig,
    /// The company that changes, where it is there already.
    company: String,
}

impl Bench {
    /// Two customers in step, and one change that needs a write of this verb.
    async fn with(verb: &str) -> Self {
        let rig = Rig::with(portal(2, 0)).await;
        rig.configure("[customers]\ndelete_grace = \"0s\"\n");
        rig.backfill().await;
        let company = {
            let mut hubspot = rig.hubspot();
            let first = hubspot.ids(ObjectType::Company).next().unwrap();
            match verb {
                "POST" => {
                    hubspot.add_company(CompanySeed {
                        name: "Third".to_owned(),
                        domain: Some("third.com".to_owned()),
                        properties: text([("lifecyclestage", "customer")]),
                        created: Utc::now(),
                    });
                }
                "PATCH" => hubspot.set_property(ObjectType::Company, &first, "name", "Renamed").unwrap(),
                _ => hubspot.archive(ObjectType::Company, &first).unwrap(),
            }
            first
        };
        rig.log.clear();
        Self { rig, company }
    }

    /// A run that is less patient than a real one.
    async fn run(&self) -> Result<Report, EngineError> {
        let app = self.rig.app();
        let (mut engine, _) = app.for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let patience = Patience {
            first: Duration::from_millis(1),
            attempts: TRIES,
            exchange: Duration::from_millis(200),
            ..Patience::default()
        };
        let (reader, writer) =
            pivotal::connect_with(&app.settings.pivotal, app.secrets.pivotal.clone(), patience).unwrap();
        engine.target = Arc::new(reader);
        let ask = Ask { kind: RunKind::Sync, asked_by: "test".to_owned(), full: false, only: None };
        let report = engine.sync(&writer, &ask, None).await;
        engine.store.close().await;
        report
    }

    async fn store(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.rig.folder.path().join("state.db"));
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// The newest attempt's outcome and its operation's state.
    async fn last(&self) -> (String, String) {
        let mut store = self.store().await;
        let sql =
            "SELECT a.outcome, o.state FROM attempt a JOIN operation o ON o.id = a.operation_id ORDER BY a.id DESC";
        sqlx::query_as(sql).fetch_one(&mut store).await.unwrap()
    }

    /// A day later for the store and for Pivotal, whose keys are fresh again by then.
    async fn a_day_later(&self) {
        self.rig.pivotal().advance(Duration::from_secs(25 * 3600));
        let then = (Utc::now() - TimeDelta::hours(25)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let mut store = self.store().await;
        sqlx::query("UPDATE attempt SET planned_at = ?").bind(then).execute(&mut store).await.unwrap();
    }

    /// In step, each object made once, and quiet.
    async fn is_in_step(&self, verb: &str, row: &str) {
        assert_eq!(self.rig.pivotal().duplicates(), Vec::<String>::new(), "{verb} {row}");
        let (there, made) = match verb {
            "POST" => (3, 3),
            "PATCH" => (2, 2),
            _ => (1, 2),
        };
        assert_eq!(self.rig.pivotal().visible(Object::Customer).count(), there, "{verb} {row}");
        assert_eq!(self.rig.pivotal().create_counts()[0], made, "{verb} {row}");
        if verb == "PATCH" {
            assert!(self.rig.pivotal().customer_with("name", "Renamed").is_some(), "{row}");
        }
        self.rig.log.clear();
        assert_eq!(self.run().await.unwrap().status, RunStatus::Complete, "{verb} {row}");
        assert!(self.rig.writes().is_empty(), "{verb} {row}");
    }
}

fn done(report: &Report) -> u64 {
    let counts = &report.operations;
    counts.create + counts.update + counts.delete
}

/// Name, effect, and what follows when every try meets it, for POST, PATCH and DELETE.
fn doubts() -> Vec<(&'static str, Effect, [Doubt; 3])> {
    let api = Some("api");
    vec![
        ("timeout before the commit", Effect::HangBefore, [UNKNOWN; 3]),
        ("timeout after the commit", Effect::HangAfter, [UNKNOWN; 3]),
        ("reset before the commit", Effect::DropBefore, [UNKNOWN; 3]),
        ("reset after the commit", Effect::DropAfter, [UNKNOWN; 3]),
        ("5xx before the commit", Effect::Status(500), [UNKNOWN; 3]),
        ("5xx after the commit", Effect::StatusAfter(500), [UNKNOWN; 3]),
        ("a proxy's page before the commit", Effect::Html(502), [UNKNOWN; 3]),
        ("truncated answer", Effect::Truncate, [UNKNOWN; 3]),
        // Without a key a 409 says that the change itself was refused.
        (
            "409 for the key",
            Effect::Status(409),
            [UNKNOWN, ("refused", "quarantined", None), ("refused", "quarantined", None)],
        ),
        (
            "answer of another shape",
            Effect::OtherShape,
            [("unknown", "owed", api), ("unknown", "owed", api), ("done", "done", None)],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_passes_is_settled_within_the_run() {
    for (row, effect, expected) in doubts() {
        for (verb, (_, state, ends)) in ["POST", "PATCH", "DELETE"].into_iter().zip(expected) {
            // Those that end a run or are refused do not pass by themselves.
            if ends.is_some() || state == "quarantined" {
                continue;
            }
            let replays: &[u16] = if verb == "POST" { &[201, 200] } else { &[201] };
            for replay_status in replays {
                let bench = Bench::with(verb).await;
                bench.rig.pivotal().switches.replay_status = *replay_status;
                bench.rig.faults.inject(Fault::next("pivotal", effect).on(verb, "/api/v1/customers").times(TRIES - 1));
                let report = bench.run().await.unwrap();
                assert_eq!(
                    (done(&report), report.status),
                    (1, RunStatus::Complete),
                    "{verb} {row}: {:?}",
                    report.notes
                );
                bench.is_in_step(verb, row).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_stays_is_settled_at_the_next_start() {
    for (row, effect, expected) in doubts() {
        for (verb, (outcome, state, ends)) in ["POST", "PATCH", "DELETE"].into_iter().zip(expected) {
            let bench = Bench::with(verb).await;
            bench.rig.faults.inject(Fault::next("pivotal", effect).on(verb, "/api/v1/customers").times(TRIES));
            let first = bench.run().await;
            assert_eq!(first.as_ref().err().map(EngineError::kind), ends, "{verb} {row}");
            assert_eq!(bench.last().await, (outcome.to_owned(), state.to_owned()), "{verb} {row}");
            bench.rig.faults.clear();
            if state == "quarantined" || state == "done" {
                continue;
            }
            let report = bench.run().await.unwrap();
            assert_eq!((done(&report), report.status), (1, RunStatus::Complete), "{verb} {row}: {:?}", report.notes);
            let sent: Vec<_> =
                bench.rig.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method == verb).collect();
            if verb == "POST" {
                let as_first = |e: &pivotal_sync::sandbox::log::Entry| {
                    (&e.body, &e.idempotency_key) == (&sent[0].body, &sent[0].idempotency_key)
                };
                assert!(
                    sent[0].idempotency_key.is_some() && sent.iter().all(as_first),
                    "{row}: the very same bytes and key"
                );
            }
            bench.is_in_step(verb, row).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_any_more_is_taken_back_though_its_answer_was_lost() {
    // Nothing differs any more by the time of the next run, but for what the lost write did.
    for (row, effect, expected) in doubts() {
        for (verb, (outcome, ..)) in ["PATCH", "DELETE"].into_iter().zip(&expected[1..]) {
            if *outcome != "unknown" {
                continue;
            }
            let bench = Bench::with(verb).await;
            let of_company = || {
                let pivotal = bench.rig.pivotal();
                pivotal
                    .customer_with("hubspot_company_id", &bench.company)
                    .map(|c| (c.id.clone(), c.value("name").clone()))
            };
            let before = of_company().unwrap();
            bench.rig.faults.inject(Fault::next("pivotal", effect).on(verb, "/api/v1/customers").times(TRIES));
            let _ = bench.run().await;
            bench.rig.faults.clear();
            {
                let mut hubspot = bench.rig.hubspot();
                match verb {
                    "PATCH" => hubspot
                        .set_property(ObjectType::Company, &bench.company, "name", before.1.as_str().unwrap())
                        .unwrap(),
                    _ => hubspot.restore(ObjectType::Company, &bench.company).unwrap(),
                }
            }
            let deleted = of_company().is_none();
            let report = bench.run().await.unwrap();
            assert_eq!(report.status, RunStatus::Complete, "{verb} {row}: {:?}", report.notes);
            assert_eq!(bench.rig.pivotal().visible(Object::Customer).count(), 2, "{verb} {row}");
            assert_eq!(bench.rig.pivotal().create_counts()[0], if deleted { 3 } else { 2 }, "{verb} {row}");
            let after = of_company().unwrap();
            assert_eq!((&after.1, after.0 == before.0), (&before.1, !deleted), "{verb} {row}");
            bench.rig.log.clear();
            assert_eq!(bench.run().await.unwrap().status, RunStatus::Complete, "{verb} {row}");
            assert!(bench.rig.writes().is_empty(), "{verb} {row}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_keys_day_pivotal_is_looked_at_before_anything_is_repeated() {
    for (row, effect, expected) in doubts() {
        if expected[0].0 != "unknown" {
            continue;
        }
        let bench = Bench::with("POST").await;
        bench.rig.faults.inject(Fault::next("pivotal", effect).on("POST", "/api/v1/customers").times(TRIES));
        let _ = bench.run().await;
        bench.rig.faults.clear();
        bench.a_day_later().await;
        let carried_out = bench.rig.pivotal().visible(Object::Customer).count() == 3;
        bench.rig.log.clear();
        let report = bench.run().await.unwrap();
        let counts = (report.operations.adopt, report.operations.create);
        assert_eq!(counts, if carried_out { (1, 0) } else { (0, 1) }, "{row}: {:?}", report.notes);
        let asked = bench.rig.log.entries();
        let looked = asked.iter().position(|e| e.method == "GET" && e.path.starts_with("/api/v1/customers")).unwrap();
        let posted = asked.iter().position(|e| e.method == "POST" && e.api == "pivotal");
        assert!(posted.is_none_or(|posted| looked < posted), "{row}: it looked first");
        bench.is_in_step("POST", row).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_first_request_is_still_running_passes_when_that_is_done() {
    // The client gives up before the server is done, and asks again under the same key: in flight, then the replay.
    for (code, replay_status) in [("idempotency_key_in_use", 201), ("whatever_they_call_it", 200)] {
        let bench = Bench::with("POST").await;
        {
            let mut pivotal = bench.rig.pivotal();
            pivotal.switches.in_flight_code = code.to_owned();
            pivotal.switches.replay_status = replay_status;
            pivotal.switches.write_latency = Duration::from_millis(900);
        }
        let first = bench.run().await.unwrap();
        let last = if first.operations.create == 1 {
            first
        } else {
            assert_eq!(first.operations.owed, 1);
            while bench.rig.pivotal().visible(Object::Customer).count() < 3 {
                tokio::task::yield_now().await;
            }
            bench.run().await.unwrap()
        };
        assert_eq!((last.operations.create, last.status), (1, RunStatus::Complete), "{:?}", last.notes);
        bench.rig.pivotal().switches.write_latency = Duration::ZERO;
        bench.is_in_step("POST", code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_never_comes_free_is_looked_up_and_left() {
    // The mismatch: Pivotal holds the key under another body, whatever we say. Looked up, then made under a key of its own.
    let bench = Bench::with("POST").await;
    bench
        .rig
        .faults
        .inject(Fault::next("pivotal", Effect::Status(409)).on("POST", "/api/v1/customers").times(2 * TRIES));
    assert_eq!(bench.run().await.unwrap().operations.owed, 1);
    let report = bench.run().await.unwrap();
    assert_eq!((report.operations.create, report.status), (1, RunStatus::Complete), "{:?}", report.notes);
    let posts: Vec<_> = bench.rig.log.entries().into_iter().filter(|e| e.method == "POST").collect();
    let keys: std::collections::BTreeSet<_> =
        posts.iter().filter(|e| e.api == "pivotal").map(|e| e.idempotency_key.clone()).collect();
    assert_eq!(keys.len(), 2);
    bench.is_in_step("POST", "mismatch").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_doubt_is_not_made_afresh_before_it_is_known() {
    // The first run loses the answer; the second asks again and hears nothing either, but Pivotal answers all else.
    for (effect, found) in [(Effect::Status(500), 0), (Effect::DropAfter, 1)] {
        let bench = Bench::with("POST").await;
        bench.rig.faults.inject(Fault::next("pivotal", effect).on("POST", "/api/v1/customers").times(2 * TRIES));
        assert_eq!(bench.run().await.unwrap().operations.owed, 1);
        let report = bench.run().await.unwrap();
        // What was carried out is among Pivotal's news, and carries our id: no doubt is left.
        let counts = (report.operations.create, report.operations.adopt, report.operations.owed);
        assert_eq!(counts, (0, found, 1 - found), "{:?}", report.notes);
        let posts = bench.rig.log.count("POST", "/api/v1/customers");
        assert_eq!(posts as u32, 2 * TRIES, "no fresh key beside the one in doubt");
        assert_eq!(bench.run().await.unwrap().operations.create, 1 - found);
        bench.is_in_step("POST", "twice").await;
    }
}
