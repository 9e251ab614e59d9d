//! What pulls cost, against the table in the documentation of `sources::hubspot`.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use pivotal_sync::domain::{PullMode, RunKind, RunStatus};
use pivotal_sync::ports::PageEnd;
use pivotal_sync::sandbox::hubspot::{ContactSeed, ObjectType};

use super::{CONTACTS, Kept, Portal, at, by_kind};
use crate::rig::{Rig, portal, text};

#[tokio::test(flavor = "multi_thread")]
async fn whole_runs_cost_what_the_table_says() {
    let mut world = portal(150, 0);
    // Three runs of one second share no process that would pace them; a refusal and its repetition would be counted.
    (world.switches.calls_per_ten_seconds, world.switches.searches_per_second) = (None, None);
    for n in 0..2_300 {
        world.add_contact(ContactSeed {
            properties: text([("email", &format!("p{n}@x.com"))]),
            created: Utc::now() - TimeDelta::days(30),
            company: None,
        });
    }
    let rig = Rig::with(world).await;
    rig.configure("[customers]\nwhere = \"company.name == 'nobody'\"\n");
    let run = async |full: bool| {
        let report = rig.try_run(RunKind::Sync, full).await.unwrap();
        assert_eq!((report.status, report.plan.len()), (RunStatus::Complete, 0));
        let entries = rig.log.entries();
        rig.log.clear();
        let paths = entries.iter().filter(|entry| entry.api == "hubspot");
        by_kind(paths.map(|entry| entry.path.split('?').next().unwrap()))
    };
    // Of each stream the archived, all that live, and once more the archived: what changed meanwhile.
    let lists = (1 + 2 + 1) + (1 + 23 + 1);
    let all = BTreeMap::from([("account", 1), ("properties", 2), ("list", lists), ("links", 3), ("search", 2)]);
    assert_eq!(run(false).await, all, "the first run");
    assert_eq!(run(true).await, all, "a full one");
    // The archived of both, and a stretch of 1,000 contacts.
    let quiet = BTreeMap::from([("account", 1), ("properties", 1), ("list", 2 + 10), ("links", 1), ("search", 2)]);
    assert_eq!(run(false).await, quiet, "a quiet one");
}

#[tokio::test]
async fn many_changes_cost_what_the_table_says() {
    let portal = Portal::start().await;
    let acme = portal.company("Acme");
    let contacts: Vec<_> =
        (0..2_300).map(|n| portal.contact(&format!("p{n}@x.com"), Some((&acme, n % 2 == 0)))).collect();
    let mut kept = Kept::default();
    portal.world().pin(at("11:00:00"));
    let source = portal.source();
    kept.run(&source, CONTACTS, PullMode::Changes).await.unwrap();
    portal.world().pin(at("12:00:00"));
    for id in &contacts {
        portal.set(ObjectType::Contact, id, "jobtitle", "Buyer");
    }
    for id in &contacts[..150] {
        portal.world().archive(ObjectType::Contact, id).unwrap();
    }
    portal.asked();
    portal.world().pin(at("13:00:00"));
    assert_eq!(kept.run(&source, CONTACTS, PullMode::Changes).await.unwrap(), PageEnd::Delta);
    assert_eq!(kept.live("jobtitle").values().filter(|title| *title == "Buyer").count(), 2_150);
    // 150 archived are listed in two pages, and each is looked for among the living before it is told: two reads.
    let (searches, reads, links) = (2_150_usize.div_ceil(200), 2 + 2_150_usize.div_ceil(100), 3);
    assert_eq!(portal.asked(), BTreeMap::from([("list", 2), ("search", searches), ("read", reads), ("links", links)]));
}
