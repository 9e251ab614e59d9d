//! What moves no date is found by reading some records again in each run; and a portal is never taken for another.

use std::collections::BTreeMap;

use pivotal_sync::domain::{Fault, PullMode, SourceKey};
use pivotal_sync::ports::{PageEnd, Source};
use pivotal_sync::sandbox::hubspot::{ObjectType, World};

use super::{COMPANIES, CONTACTS, Kept, Portal, accounts, at};

const CONTACT: ObjectType = ObjectType::Contact;

async fn run(portal: &Portal, kept: &mut Kept, time: &str) {
    portal.world().pin(at(time));
    assert_eq!(kept.run(&portal.source(), CONTACTS, PullMode::Changes).await.unwrap(), PageEnd::Delta);
}

fn of(kept: &Kept, id: &str) -> Vec<String> {
    accounts(&kept.records[&SourceKey::new(CONTACTS, id)])
}

#[tokio::test]
async fn links_that_move_silently_are_found_within_one_round() {
    // Trap 12: moved, swapped primary, taken away; no timestamp tells of any.
    let mut portal = Portal::start().await;
    let (acme, bolt) = (portal.company("Acme"), portal.company("Bolt"));
    let contacts: Vec<String> = (0..250).map(|n| portal.contact(&format!("p{n}@x.com"), Some((&acme, true)))).collect();
    let mut kept = Kept::default();
    portal.world().pin(at("11:00:00"));
    kept.run(&portal.source(), CONTACTS, PullMode::Changes).await.unwrap();

    portal.settings.link_sweep = 0;
    {
        let mut world = portal.world();
        world.pin(at("11:30:00"));
        world.move_contact(&contacts[10], &bolt).unwrap();
        world.associate(CONTACT, &contacts[120], &bolt, true).unwrap();
        world.dissociate(CONTACT, &contacts[240], &acme).unwrap();
    }
    run(&portal, &mut kept, "12:00:00").await;
    assert_eq!(of(&kept, &contacts[10]), [format!("{acme}*")], "without the sweep nothing tells");

    portal.settings.link_sweep = 100;
    let mut found = Vec::new();
    for time in ["13:00:00", "14:00:00", "15:00:00"] {
        run(&portal, &mut kept, time).await;
        found.push(
            [10, 120, 240]
                .map(|n| of(&kept, &contacts[n]))
                .iter()
                .filter(|links| **links != [format!("{acme}*")])
                .count(),
        );
    }
    assert_eq!(found, [1, 2, 3], "a hundred a run, each going on where the last one stopped");
    assert_eq!(of(&kept, &contacts[10]), [format!("{bolt}*")]);
    assert_eq!(of(&kept, &contacts[120]), [format!("{bolt}*"), acme.clone()]);
    assert!(of(&kept, &contacts[240]).is_empty());

    // Past the end the next round begins.
    portal.world().move_contact(&contacts[0], &bolt).unwrap();
    run(&portal, &mut kept, "16:00:00").await;
    assert_eq!(of(&kept, &contacts[0]), [format!("{bolt}*")]);
}

#[tokio::test]
async fn a_quiet_run_with_its_sweep_costs_what_the_table_says() {
    // The table in the documentation of `sources::hubspot`.
    let mut portal = Portal::start().await;
    let acme = portal.company("Acme");
    for n in 0..2_300 {
        portal.contact(&format!("p{n}@x.com"), Some((&acme, true)));
    }
    let mut kept = Kept::default();
    portal.world().pin(at("11:00:00"));
    kept.run(&portal.source(), CONTACTS, PullMode::Changes).await.unwrap();
    portal.settings.link_sweep = 2_000;
    // What has just been listed is not read again.
    portal.asked();
    run(&portal, &mut kept, "11:00:10").await;
    assert_eq!(portal.asked(), BTreeMap::from([("account", 1), ("list", 1), ("search", 1)]));
    for (time, lists, links) in [("12:00:00", 20, 2), ("13:00:00", 3, 1), ("14:00:00", 20, 2)] {
        portal.asked();
        run(&portal, &mut kept, time).await;
        let expected =
            BTreeMap::from([("account", 1), ("list", 1 + lists), ("search", 1), ("links", links), ("properties", 1)]);
        assert_eq!(portal.asked(), expected, "{time}");
    }
}

#[tokio::test]
async fn the_full_listing_reads_every_link() {
    let portal = Portal::start().await;
    let (acme, bolt) = (portal.company("Acme"), portal.company("Bolt"));
    let contact = portal.contact("a@x.com", Some((&acme, true)));
    let mut kept = Kept::default();
    kept.run(&portal.source(), CONTACTS, PullMode::Changes).await.unwrap();
    portal.world().move_contact(&contact, &bolt).unwrap();
    kept.run(&portal.source(), CONTACTS, PullMode::Full).await.unwrap();
    assert_eq!(of(&kept, &contact), [format!("{bolt}*")]);
}

#[tokio::test]
async fn a_token_of_another_portal_reads_nothing() {
    // Ids are unique per portal: the records of another one would be taken for changes of ours, or for their absence (trap 40).
    let portal = Portal::start().await;
    portal.company("Acme");
    let mut kept = Kept::default();
    kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap();
    let before = (kept.cursor.clone(), kept.records.clone());
    let mut other = World::new(super::TOKEN);
    other.account.portal = 99;
    *portal.world() = other;
    for mode in [PullMode::Changes, PullMode::Full] {
        let error = kept.run(&portal.source(), COMPANIES, mode).await.unwrap_err();
        assert_eq!((&error.fault, error.code.as_deref()), (&Fault::Unauthorised, Some("other_portal")));
        assert!(error.message.contains("62515") && error.message.contains("99"), "{error}");
    }
    portal.asked();
    let error = portal.source().read(COMPANIES, &super::ids(&["951"]), before.0.as_ref()).await.unwrap_err();
    assert_eq!((&error.fault, error.code.as_deref()), (&Fault::Unauthorised, Some("other_portal")));
    assert_eq!(portal.asked(), BTreeMap::from([("account", 1)]), "nothing is asked about a record");
    assert_eq!((kept.cursor.clone(), kept.records.clone()), before);
}
