//! What a person or a webhook touched goes first, also in the middle of a long first load, which goes on afterwards.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use pivotal_sync::domain::{Report, RunKind, RunStatus, SourceKey, Stream};
use pivotal_sync::engine::{Ask, Engine, EngineError, Silent};
use pivotal_sync::pivotal::PivotalWriter;
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, portal};

/// Writes that may be under way, or on their way, when something urgent comes.
const A_FEW: usize = 12;

/// A first load that goes on by itself, and what it may be told meanwhile.
struct Load {
    engine: Arc<Engine>,
    ended: JoinHandle<Result<Report, EngineError>>,
}

impl Load {
    async fn begin(rig: &Rig) -> Self {
        let (engine, writer): (Engine, PivotalWriter) =
            rig.app().for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let engine = Arc::new(engine);
        let working = engine.clone();
        let ended = tokio::spawn(async move {
            let ask = Ask { kind: RunKind::Backfill, asked_by: "test".to_owned(), full: false, only: None };
            working.sync(&writer, &ask, None).await
        });
        Self { engine, ended }
    }

    async fn nudge(&self, ids: &[&str]) {
        let keys: Vec<SourceKey> = ids.iter().map(|id| SourceKey::new(Stream::HubspotCompanies, *id)).collect();
        self.engine.store.nudge(&keys, "webhook", Utc::now()).await.unwrap();
    }

    async fn end(self) -> Report {
        let report = self.ended.await.unwrap();
        self.engine.store.close().await;
        report.unwrap()
    }
}

fn writes(rig: &Rig) -> Vec<(String, String)> {
    let entries = rig.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method != "GET");
    entries.map(|e| (e.method, e.body.unwrap_or_default())).collect()
}

async fn until(mut what: impl FnMut() -> bool) {
    while !what() {
        tokio::task::yield_now().await;
    }
}

fn companies(rig: &Rig) -> Vec<String> {
    rig.hubspot().ids(ObjectType::Company).collect()
}

fn rename(rig: &Rig, id: &str, name: &str) {
    rig.hubspot().set_property(ObjectType::Company, id, "name", name).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nudged_is_written_within_a_few_operations_of_a_first_load() {
    let rig = Rig::with(portal(150, 1)).await;
    rig.pivotal().switches.write_latency = Duration::from_millis(10);
    let ids = companies(&rig);
    let load = Load::begin(&rig).await;
    until(|| writes(&rig).len() >= 20).await;
    // One that is there already, one that is still to come, one that nobody has heard of.
    rename(&rig, &ids[0], "Urgent Inc");
    rename(&rig, &ids[140], "Late Inc");
    load.nudge(&[&ids[0], &ids[140], "404404"]).await;
    let before = writes(&rig).len();
    let report = load.end().await;

    let writes = writes(&rig);
    let at = |name: &str| writes.iter().position(|(_, body)| body.contains(name)).unwrap();
    for name in ["Urgent Inc", "Late Inc"] {
        assert!((before..before + A_FEW).contains(&at(name)), "{name} at {} after {before}", at(name));
    }
    assert_eq!(writes.len(), 301, "each once, and one PATCH");
    assert_eq!((report.operations.create, report.operations.update, report.operations.owed), (300, 1, 0));
    assert_eq!((report.status, report.plan.len()), (RunStatus::Complete, 301));
    assert_eq!(rig.pivotal().create_counts()[..2], [150, 150]);
    assert!(rig.pivotal().duplicates().is_empty());
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_in_the_middle_pulls_what_changed_and_nothing_is_lost_or_sent_twice() {
    let rig = Rig::with(portal(120, 1)).await;
    rig.pivotal().switches.write_latency = Duration::from_millis(10);
    // Answers that are lost just then are asked for again before anything is planned afresh.
    rig.faults.inject(Fault::next("pivotal", Effect::DropAfter).on("POST", "/api/v1/customers").after(15).times(3));
    let ids = companies(&rig);
    let load = Load::begin(&rig).await;
    for (round, id) in ids.iter().take(4).enumerate() {
        until(|| writes(&rig).len() >= 15 + round * 40).await;
        rename(&rig, id, &format!("Round {round}"));
        load.engine.again.notify_one();
    }
    let report = load.end().await;
    assert_eq!((report.operations.create, report.operations.owed), (240, 0), "{:?}", report.notes);
    assert_eq!(report.operations.create + report.operations.update, report.plan.len() as u64);
    assert_eq!(rig.pivotal().create_counts()[..2], [120, 120]);
    assert!(rig.pivotal().duplicates().is_empty());
    rig.sync().await;
    let names = |name: &str| rig.pivotal().customer_with("name", name).is_some();
    assert!((0..4).all(|round| names(&format!("Round {round}"))));
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_the_limit_makes_way_too() {
    let rig = Rig::with(portal(60, 0)).await;
    rig.pivotal().limit = Some(20);
    let ids = companies(&rig);
    let load = Load::begin(&rig).await;
    // Of 20 a minute the reserve leaves 18; two went to who and what is there. The next would leave in a minute.
    until(|| writes(&rig).len() == 16).await;
    rename(&rig, &ids[55], "Urgent Inc");
    load.nudge(&[&ids[55]]).await;
    // Half of the reserve is for what somebody waits for.
    until(|| writes(&rig).len() == 17).await;
    assert!(writes(&rig)[16].1.contains("Urgent Inc"), "{:?}", writes(&rig)[16]);
    rename(&rig, &ids[56], "Late Inc");
    load.nudge(&[&ids[56]]).await;
    while load.engine.store.urgent().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    load.engine.stop.cancel();
    let report = load.end().await;
    assert_eq!((report.status, report.operations.create), (RunStatus::Interrupted, 17));
    assert_eq!(writes(&rig).len(), 17);

    // What was urgent is so after a stop as well.
    rig.pivotal().limit = None;
    rig.log.clear();
    let report = rig.sync().await;
    assert_eq!(report.operations.create, 43);
    assert!(writes(&rig)[0].1.contains("Late Inc"), "{:?}", writes(&rig)[0]);
    assert_eq!(rig.pivotal().visible(Object::Customer).count(), 60);
}

/// Somebody asks for a sync while a first load has used up the minute.
#[tokio::test(flavor = "multi_thread")]
async fn what_changed_goes_first_when_somebody_asks_for_it() {
    let rig = Rig::with(portal(60, 0)).await;
    rig.pivotal().limit = Some(20);
    let ids = companies(&rig);
    let load = Load::begin(&rig).await;
    until(|| writes(&rig).len() == 16).await;
    rename(&rig, &ids[55], "Urgent Inc");
    load.engine.again.notify_one();
    until(|| writes(&rig).len() == 17).await;
    assert!(writes(&rig)[16].1.contains("Urgent Inc"), "{:?}", writes(&rig)[16]);
    load.engine.stop.cancel();
    assert_eq!(load.end().await.operations.create, 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nudge_that_cannot_be_read_stays_and_one_without_a_record_goes() {
    let rig = Rig::with(portal(3, 0)).await;
    rig.backfill().await;
    let ids = companies(&rig);
    let nudges = async || {
        let (engine, _) = rig.app().for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let nudges = engine.store.nudges().await.unwrap();
        engine.store.close().await;
        nudges.len()
    };
    let nudge = async |id: &str| {
        let (engine, _) = rig.app().for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let key = SourceKey::new(Stream::HubspotCompanies, id);
        engine.store.nudge(&[key], "webhook", Utc::now()).await.unwrap();
        engine.store.close().await;
    };
    nudge(&ids[0]).await;
    nudge("404404").await;
    rig.faults.inject(Fault::next("hubspot", Effect::Status(403)).times(1000));
    rig.sync().await;
    assert_eq!(nudges().await, 2, "nothing could be read");
    rig.faults.clear();
    rig.sync().await;
    assert_eq!(nudges().await, 0);
    // An id that no record of this kind can have must not stand in the way of the others for ever.
    nudge(&ids[1]).await;
    nudge("not-a-number").await;
    let report = rig.sync().await;
    assert_eq!((nudges().await, report.status), (0, RunStatus::Complete), "{:?}", report.notes);
}
