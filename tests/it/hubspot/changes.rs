//! Runs after the first one: windows of changes and sweeps of archived records.

use std::collections::BTreeMap;

use pivotal_sync::domain::{PullMode, SourceKey};
use pivotal_sync::ports::{PageEnd, Source};
use pivotal_sync::sandbox::hubspot::{DealSeed, Lagging, ObjectType};

use super::{COMPANIES, CONTACTS, DEALS, Kept, Portal, accounts, at};

const COMPANY: ObjectType = ObjectType::Company;

/// A portal of some companies that has been listed, at 11:00.
async fn listed(companies: usize) -> (Portal, Kept, Vec<String>) {
    let portal = Portal::start().await;
    let ids = (0..companies).map(|n| portal.company(&format!("C{n}"))).collect();
    portal.world().pin(at("11:00:00"));
    let mut kept = Kept::default();
    assert_eq!(kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Listing);
    portal.asked();
    (portal, kept, ids)
}

async fn run(portal: &Portal, kept: &mut Kept, time: &str) {
    portal.world().pin(at(time));
    assert_eq!(kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Delta);
}

#[tokio::test]
async fn a_night_without_changes_costs_two_requests_a_stream() {
    let (portal, mut companies, ids) = listed(1_200).await;
    portal.contact("a@x.com", Some((&ids[0], true)));
    let (mut contacts, mut deals) = (Kept::default(), Kept::default());
    contacts.run(&portal.source(), CONTACTS, PullMode::Changes).await.unwrap();
    deals.run(&portal.source(), DEALS, PullMode::Changes).await.unwrap();
    // The contact was made within the overlap: the first window still looks at it.
    for time in ["11:30:00", "12:00:00"] {
        portal.world().pin(at(time));
        contacts.run(&portal.source(), CONTACTS, PullMode::Changes).await.unwrap();
    }
    portal.asked();
    portal.world().pin(at("13:00:00"));
    for (stream, kept) in [(COMPANIES, &mut companies), (CONTACTS, &mut contacts), (DEALS, &mut deals)] {
        let source = portal.source();
        assert_eq!(kept.run(&source, stream, PullMode::Changes).await.unwrap(), PageEnd::Delta);
        assert!(kept.shown().is_empty(), "{:?}", kept.shown());
        assert_eq!(portal.asked(), BTreeMap::from([("account", 1), ("list", 1), ("search", 1)]), "{stream}");
        assert_eq!(source.spent().requests, 3, "two, and one for a process: whose portal is it?");
    }
}

#[tokio::test]
async fn edits_come_once_and_whole_in_every_stream() {
    // Trap 4: contacts have a last-modified property of their own, and the wrong one finds nothing.
    let portal = Portal::start().await;
    let acme = portal.company("Acme");
    let contact = portal.contact("a@x.com", Some((&acme, true)));
    let created = portal.world().now();
    let deal = portal.world().add_deal(DealSeed { properties: BTreeMap::new(), company: Some(acme.clone()), created });
    let source = portal.source();
    // What a portal says to the wrong one, an error or nothing, must not matter.
    for (fails, stream, object, id, name) in [
        (true, COMPANIES, COMPANY, &acme, "name"),
        (true, CONTACTS, ObjectType::Contact, &contact, "email"),
        (false, CONTACTS, ObjectType::Contact, &contact, "email"),
        (true, DEALS, ObjectType::Deal, &deal, "amount"),
        (false, DEALS, ObjectType::Deal, &deal, "amount"),
    ] {
        portal.world().switches.unknown_filter_fails = fails;
        portal.world().pin(at("11:00:00"));
        let mut kept = Kept::default();
        kept.run(&source, stream, PullMode::Changes).await.unwrap();
        portal.world().pin(at("11:10:00.123"));
        portal.set(object, id, name, "7");
        portal.asked();
        portal.world().pin(at("11:20:00"));
        kept.run(&source, stream, PullMode::Changes).await.unwrap();
        assert_eq!((kept.shown(), &kept.live(name)[id]), (vec![format!("{id} live")], &"7".to_owned()));
        if stream != COMPANIES {
            assert_eq!(accounts(&kept.records[&SourceKey::new(stream, id.as_str())]), [format!("{acme}*")]);
        }
        assert_eq!(portal.asked()["read"], 1);
        portal.world().pin(at("11:22:00"));
        kept.run(&source, stream, PullMode::Changes).await.unwrap();
        assert!(kept.shown().is_empty(), "seen under this stamp already");
    }
}

#[tokio::test]
async fn an_edit_within_the_lag_waits_for_the_next_window() {
    let (portal, mut kept, ids) = listed(3).await;
    portal.world().pin(at("11:59:45"));
    portal.set(COMPANY, &ids[1], "name", "New");
    run(&portal, &mut kept, "12:00:00").await;
    assert!(kept.shown().is_empty());
    run(&portal, &mut kept, "12:01:00").await;
    assert_eq!(kept.shown(), [format!("{} live", ids[1])]);
}

#[tokio::test]
async fn a_window_includes_the_instant_at_which_the_last_one_ended() {
    // Trap 1, with nothing else to fall back on.
    let (mut portal, mut kept, ids) = listed(3).await;
    (portal.settings.overlap, portal.settings.lag) = ("0s".parse().unwrap(), "0s".parse().unwrap());
    portal.set(COMPANY, &ids[0], "name", "as the listing began");
    run(&portal, &mut kept, "12:00:00").await;
    assert_eq!(kept.shown(), [format!("{} live", ids[0])]);
    portal.set(COMPANY, &ids[1], "name", "as the window ended");
    run(&portal, &mut kept, "13:00:00").await;
    assert_eq!(kept.shown(), [format!("{} live", ids[1])]);
}

#[tokio::test]
async fn records_of_one_instant_that_are_indexed_at_different_moments_all_come() {
    // Traps 1, 2, 3 and 5, whatever the index shows meanwhile.
    for lagging in [Lagging::OldRecord, Lagging::OldValues, Lagging::Absent] {
        let (portal, mut kept, ids) = listed(450).await;
        portal.world().switches.index_lag_ms = 20_000;
        portal.world().switches.index_jitter_ms = 200_000;
        portal.world().switches.lagging = lagging;
        portal.world().pin(at("11:10:00.500"));
        for id in &ids {
            portal.set(COMPANY, id, "name", "New");
        }
        let mut shown = Vec::new();
        for time in ["11:10:05", "11:11:00", "11:12:00", "11:13:30", "11:15:00"] {
            run(&portal, &mut kept, time).await;
            shown.push(kept.shown().len());
        }
        assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"), "{lagging:?} {shown:?}");
        run(&portal, &mut kept, "11:30:00").await;
        assert!(kept.shown().is_empty(), "{lagging:?}");
    }
}

#[tokio::test]
async fn more_than_ten_thousand_of_one_instant_come_in_one_window() {
    // Trap 6: by date alone they could never be paged, and past 10,000 search answers 400.
    let (portal, mut kept, ids) = listed(10_450).await;
    portal.world().pin(at("11:10:00"));
    for id in &ids {
        portal.world().touch(COMPANY, id).unwrap();
    }
    portal.set(COMPANY, &ids[10_449], "name", "Last");
    portal.world().switches.searches_per_second = Some(5);
    run(&portal, &mut kept, "12:00:00").await;
    let sizes: Vec<usize> = kept.pages.iter().map(Vec::len).collect();
    assert_eq!((sizes.iter().sum::<usize>(), sizes.iter().max()), (10_450, Some(&1_000)));
    assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"));
    assert_eq!(portal.asked()["search"], 53);
    assert_eq!(portal.world().refused(), 0, "four searches a second are never too many");
}

#[tokio::test]
async fn a_window_cut_off_anywhere_goes_on_in_another_process() {
    // Trap 5: the window is frozen, so what happens meanwhile moves nothing within it.
    let (portal, mut kept, ids) = listed(1_300).await;
    portal.world().pin(at("11:10:00"));
    for id in &ids {
        portal.set(COMPANY, id, "name", "New");
    }
    portal.world().archive(COMPANY, &ids[0]).unwrap();
    portal.world().pin(at("11:20:00"));
    let mut stored = Vec::new();
    while kept.page(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap() == PageEnd::More {
        stored.push((kept.cursor.clone(), kept.records.clone()));
        let minute = at("11:20:00") + chrono::TimeDelta::minutes(stored.len() as i64);
        portal.world().pin(minute);
        // Leaves the window, or is not reached yet: it comes again in the next one.
        portal.set(COMPANY, &ids[1], "name", &format!("Again {}", stored.len()));
    }
    assert!(stored.len() >= 2);
    stored.push((kept.cursor.clone(), kept.records.clone()));
    for (cursor, records) in stored {
        let mut resumed = Kept { cursor, records, ..Kept::default() };
        run(&portal, &mut resumed, "11:40:00").await;
        run(&portal, &mut resumed, "11:50:00").await;
        assert_eq!(resumed.live("name"), portal.truth(COMPANY, "name"));
    }
}

#[tokio::test]
async fn archived_restored_and_archived_again() {
    // Traps 7, 8 and 9, whether or not a restore moves the modified date.
    for moves in [true, false] {
        let (portal, mut kept, ids) = listed(5).await;
        portal.world().switches.restore_moves_modified = moves;
        portal.world().pin(at("11:30:00"));
        portal.world().archive(COMPANY, &ids[1]).unwrap();
        portal.world().archive(COMPANY, &ids[2]).unwrap();
        run(&portal, &mut kept, "12:00:00").await;
        assert_eq!(kept.shown(), [format!("{} archived", ids[1]), format!("{} archived", ids[2])]);
        run(&portal, &mut kept, "13:00:00").await;
        assert!(kept.shown().is_empty(), "old news");

        portal.world().restore(COMPANY, &ids[1]).unwrap();
        run(&portal, &mut kept, "14:00:00").await;
        assert!(kept.shown().contains(&format!("{} live", ids[1])), "moves: {moves}, {:?}", kept.shown());
        assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"));

        portal.world().archive(COMPANY, &ids[1]).unwrap();
        portal.world().purge(COMPANY, &ids[2]).unwrap();
        run(&portal, &mut kept, "15:00:00").await;
        assert_eq!(kept.shown(), [format!("{} archived", ids[1]), format!("{} deleted", ids[2])]);
        assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"));
    }
}

#[tokio::test]
async fn a_long_archived_list_is_swept_page_by_page_and_told_once() {
    // Trap 8: there is no filter, so every sweep lists all of them.
    let (portal, mut kept, ids) = listed(1_250).await;
    portal.world().pin(at("11:30:00"));
    for id in &ids[..1_150] {
        portal.world().archive(COMPANY, id).unwrap();
    }
    run(&portal, &mut kept, "12:00:00").await;
    assert_eq!(kept.shown().len(), 1_150);
    assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"));
    portal.asked();
    portal.world().pin(at("12:30:00"));
    portal.world().archive(COMPANY, &ids[1_200]).unwrap();
    run(&portal, &mut kept, "13:00:00").await;
    assert_eq!(kept.shown(), [format!("{} archived", ids[1_200])]);
    let asked = portal.asked();
    assert_eq!((asked["list"], asked["search"]), (12, 1));
}

#[tokio::test]
async fn what_search_still_shows_but_is_gone_is_told_as_gone() {
    // Trap 3: the record vanished between the search and the read by id.
    let (portal, mut kept, ids) = listed(3).await;
    let (archived, purged) = (&ids[0], &ids[1]);
    portal.world().archive(COMPANY, archived).unwrap();
    portal.world().purge(COMPANY, purged).unwrap();
    portal.world().pin(at("10:59:59"));
    let body =
        format!(r#"{{"results":[{{"id":"{archived}","properties":{{}}}},{{"id":"{purged}","properties":{{}}}}]}}"#);
    portal.plan("/search", 200, &[], &body);
    run(&portal, &mut kept, "12:00:00").await;
    let last = kept.pages.last().unwrap().iter().map(super::told).collect::<Vec<_>>();
    assert_eq!(last, [format!("{archived} archived"), format!("{purged} deleted")]);
}

#[tokio::test]
async fn a_search_out_of_order_stops_the_pull() {
    // Trap 5: below the last id it would repeat for ever, or skip.
    let (portal, mut kept, _) = listed(3).await;
    for ids in [["9", "9"], ["10", "9"], ["x", "y"]] {
        let hits = ids.map(|id| format!(r#"{{"id":"{id}","properties":{{}}}}"#)).join(",");
        portal.plan("/search", 200, &[], &format!(r#"{{"results":[{hits}]}}"#));
        portal.world().pin(at("12:00:00"));
        let error = kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap_err();
        assert_eq!(error.fault, pivotal_sync::domain::Fault::Unexpected, "{ids:?}: {error}");
    }
}

#[tokio::test]
async fn windows_are_cut_by_the_servers_clock() {
    // Trap 30: nothing is lost when that clock runs ahead, falls back, and runs ahead again.
    let (portal, mut kept, ids) = listed(3).await;
    for (time, skew, name) in [
        ("11:10:00", 120_000, "one"),
        ("11:11:00", -60_000, "two"),
        ("11:12:00", 0, "three"),
        ("11:13:00", 60_000, "four"),
    ] {
        portal.world().pin(at(time));
        portal.world().switches.date_skew_ms = skew;
        portal.set(COMPANY, &ids[0], "name", name);
        kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap();
    }
    portal.world().switches.date_skew_ms = 0;
    run(&portal, &mut kept, "11:20:00").await;
    assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"));
    assert!(!portal.source().is_listing(COMPANIES, kept.cursor.as_ref().unwrap()));
}
