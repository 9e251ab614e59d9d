//! An audit is nobody's hurry: what is asked for meanwhile goes first, and it goes on afterwards.

use std::sync::{Arc, Mutex};

use chrono::Utc;
use pivotal_sync::domain::{Kind, Report, RunStatus, SourceKey, Stream};
use pivotal_sync::engine::{Event, Look, Watch};
use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, portal};

/// Does something once, when the first page of customers was compared.
struct OnPage(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Watch for OnPage {
    fn tell(&self, event: Event) {
        if matches!(event, Event::Walked { kind: Kind::Customer, .. })
            && let Some(what) = self.0.lock().unwrap().take()
        {
            what();
        }
    }
}

/// A workspace in step, of which the source has the last word on names; the ids of its companies.
async fn in_step(customers: usize) -> (Rig, Vec<String>) {
    let rig = Rig::with(portal(customers, 0)).await;
    rig.configure("[customers.owner]\nname = \"source\"\n");
    rig.backfill().await;
    let ids: Vec<String> = rig.hubspot().ids(ObjectType::Company).collect();
    rig.log.clear();
    (rig, ids)
}

/// An audit during which something happens.
async fn audit(rig: &Rig, meanwhile: impl FnOnce(Arc<Notify>, Store) + Send + 'static) -> Report {
    let watch = Arc::new(OnPage(Mutex::new(None)));
    let (engine, writer) = rig.app().for_writing(watch.clone(), CancellationToken::new()).await.unwrap();
    let (again, store) = (engine.again.clone(), engine.store.clone());
    *watch.0.lock().unwrap() = Some(Box::new(move || meanwhile(again, store)));
    let report = engine.audit(Some(&writer), &Look::Customers, "schedule").await;
    engine.store.close().await;
    report.unwrap()
}

/// Pivotal's calls of the audit, a letter each: who, walk, update, create.
fn calls(rig: &Rig) -> String {
    let entries = rig.log.entries().into_iter().filter(|e| e.api == "pivotal");
    let letter = |method: &str, path: &str| match (method, path.ends_with("/me")) {
        ("GET", true) => '?',
        ("GET", false) => 'w',
        ("PATCH", _) => 'u',
        _ => 'c',
    };
    entries.map(|e| letter(&e.method, &e.path)).collect()
}

fn edit(rig: &Rig, company: &str, name: &str) {
    let mut pivotal = rig.pivotal();
    let id = pivotal.customer_with("hubspot_company_id", company).unwrap().id.clone();
    assert!(pivotal.edit_customer(&id, "name", name.into()));
}

fn name(rig: &Rig, company: &str) -> String {
    rig.pivotal().customer_with("hubspot_company_id", company).unwrap().text("name").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_in_the_middle_of_an_audit_is_served_before_its_next_page() {
    let (rig, ids) = in_step(250).await;
    let was = name(&rig, &ids[1]);
    edit(&rig, &ids[1], "By hand");
    let (hubspot, company) = (rig.hubspot.clone(), ids[200].clone());
    let report = audit(&rig, move |again, _| {
        hubspot.lock().unwrap().set_property(ObjectType::Company, &company, "name", "Urgent Inc").unwrap();
        again.notify_one();
    })
    .await;
    assert_eq!(name(&rig, &ids[200]), "Urgent Inc");
    assert_eq!(name(&rig, &ids[1]), was, "put back all the same");
    // Who it is, a page, what came meanwhile; what is put back goes along with that or at the end, as its page comes.
    let calls = calls(&rig);
    assert!(calls.starts_with("?wu"), "{calls}");
    assert_eq!((calls.matches('w').count(), calls.matches('u').count(), calls.len()), (3, 2, 6), "{calls}");
    let counts = report.audit.unwrap();
    assert_eq!((counts.customers, counts.put_back, counts.edited, counts.missing), (250, 1, 0, 0));
    assert_eq!((report.status, report.operations.update, report.operations.held), (RunStatus::Complete, 2, 0));
    rig.log.clear();
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nudge_in_the_middle_of_an_audit_is_read_and_what_was_just_written_is_no_drift() {
    let (rig, ids) = in_step(150).await;
    let (hubspot, company) = (rig.hubspot.clone(), ids[0].clone());
    let report = audit(&rig, move |_, store| {
        hubspot.lock().unwrap().set_property(ObjectType::Company, &company, "name", "Nudged Inc").unwrap();
        let key = SourceKey::new(Stream::HubspotCompanies, company);
        let nudged = async move { store.nudge(&[key], "webhook", Utc::now()).await };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(nudged)).unwrap();
    })
    .await;
    assert_eq!((calls(&rig).as_str(), name(&rig, &ids[0]).as_str()), ("?wuw", "Nudged Inc"));
    let counts = report.audit.unwrap();
    assert_eq!((counts.customers, counts.put_back + counts.edited + counts.missing), (150, 0));
    assert_eq!((report.status, report.operations.update), (RunStatus::Complete, 1));
}
