//! What is put away, merged or brought back where no later stamp tells of it.

use pivotal_sync::domain::PullMode;
use pivotal_sync::ports::{PageEnd, Source};
use pivotal_sync::sandbox::hubspot::ObjectType;

use super::{COMPANIES, Kept, Portal, at};

const COMPANY: ObjectType = ObjectType::Company;

async fn run(portal: &Portal, kept: &mut Kept, time: &str) -> PageEnd {
    portal.world().pin(at(time));
    kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap()
}

#[tokio::test]
async fn the_merged_are_gone_though_their_survivor_was_archived_unread() {
    // Traps 7, 10 and 11: neither search nor the archived list shows the old ids, and only the survivor names them. As of
    // today the survivor is a third record; as before 2025 it is the winner itself.
    for keeps in [false, true] {
        let portal = Portal::start().await;
        let [one, two, three, other] = ["One", "Two", "Three", "Other"].map(|name| portal.company(name));
        let mut kept = Kept::default();
        assert_eq!(run(&portal, &mut kept, "11:00:00").await, PageEnd::Listing);
        {
            let mut world = portal.world();
            world.switches.merge_keeps_winner = keeps;
            world.pin(at("11:30:00"));
            let first = world.merge(COMPANY, &one, &two).unwrap();
            let last = world.merge(COMPANY, &first, &three).unwrap();
            world.archive(COMPANY, &last).unwrap();
        }
        portal.asked();
        assert_eq!(run(&portal, &mut kept, "12:00:00").await, PageEnd::Delta);
        assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"), "keeps: {keeps}");
        assert_eq!(kept.live("name").keys().collect::<Vec<_>>(), [&other]);
        for id in [&two, &three] {
            assert!(kept.shown().iter().any(|line| line.starts_with(&format!("{id} into "))), "{:?}", kept.shown());
        }
        let asked = portal.asked();
        assert_eq!((asked["list"], asked["search"]), (1, 1), "the sweep itself tells: nothing more is asked");
    }
}

#[tokio::test]
async fn archived_before_the_first_listing_and_restored_after_it() {
    // Trap 9, where a restore moves no stamp: neither the listing nor any search ever shows the record.
    for moves in [false, true] {
        let portal = Portal::start().await;
        let [back, away, other] = ["Back", "Away", "Other"].map(|name| portal.company(name));
        portal.world().switches.restore_moves_modified = moves;
        portal.world().archive(COMPANY, &back).unwrap();
        portal.world().archive(COMPANY, &away).unwrap();
        for mode in [PullMode::Changes, PullMode::Full] {
            let mut kept = Kept::default();
            portal.world().pin(at("11:00:00"));
            kept.run(&portal.source(), COMPANIES, mode).await.unwrap();
            assert_eq!(kept.shown(), [format!("{other} live")], "what was never read is not told as gone");
            portal.world().restore(COMPANY, &back).unwrap();
            run(&portal, &mut kept, "12:00:00").await;
            assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"), "moves: {moves}, {mode:?}");
            portal.world().archive(COMPANY, &back).unwrap();
        }
    }
}

#[tokio::test]
async fn a_long_archived_list_before_a_listing_goes_on_in_another_process() {
    let portal = Portal::start().await;
    let ids: Vec<String> = (0..2_150).map(|n| portal.company(&format!("C{n}"))).collect();
    for id in &ids[..2_050] {
        portal.world().archive(COMPANY, id).unwrap();
    }
    portal.world().switches.restore_moves_modified = false;
    portal.world().pin(at("11:00:00"));
    let mut kept = Kept::default();
    let mut pages = Vec::new();
    loop {
        // Each page by a process of its own.
        let source = portal.source();
        let end = kept.page(&source, COMPANIES, PullMode::Changes).await.unwrap();
        let lists = portal.asked()["list"];
        pages.push((kept.pages.last().unwrap().len(), lists));
        assert_eq!(source.is_listing(COMPANIES, kept.cursor.as_ref().unwrap()), end == PageEnd::More);
        if end == PageEnd::Listing {
            break;
        }
    }
    assert_eq!(pages, [(0, 10), (0, 10), (100, 2)]);
    // The latest 500 are watched.
    portal.world().restore(COMPANY, &ids[2_000]).unwrap();
    run(&portal, &mut kept, "12:00:00").await;
    assert_eq!(kept.live("name"), portal.truth(COMPANY, "name"));
}
