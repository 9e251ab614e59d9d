use super::*;
use crate::domain::{ExternalId, Gone, Role};

async fn page(scene: &Scene, rows: &[PageRow], cursor: &str, listing: Option<i64>, ends: bool) -> PageEffect {
    let cursor = Cursor(cursor.to_owned());
    let page = PageToSave {
        stream: COMPANIES,
        rows,
        cursor: Some(&cursor),
        keeps: "k1",
        listing,
        ends_listing: ends,
        now: at(10),
    };
    scene.store.save_page(page).await.unwrap()
}

fn effect(changed: u64, gone: u64, malformed: u64) -> PageEffect {
    PageEffect { changed, gone, malformed }
}

#[tokio::test]
async fn saving_the_same_page_again_rewrites_nothing() {
    let scene = Scene::new().await;
    let rows = [company("1", "Acme"), company("2", "Ünï \"quoted\" \u{1}")];
    assert_eq!(page(&scene, &rows, "c1", Some(1), false).await, effect(2, 0, 0));
    for row in &rows {
        scene.store.bind(&[bound(row.pulled.key(), Place::New(0), Kind::Customer)], at(11)).await.unwrap();
    }
    for entity in scene.due(Kind::Customer).await {
        scene.look(entity, None).await;
    }
    let before: String = scene.one("SELECT group_concat(seen_at || touched) FROM record").await;
    assert_eq!(page(&scene, &rows, "c2", Some(2), false).await, effect(0, 0, 0));
    assert_eq!(scene.one::<String>("SELECT group_concat(seen_at || touched) FROM record").await, before);
    assert_eq!(scene.one::<i64>("SELECT min(listing) FROM record").await, 2, "the listing's number alone moves");
    assert!(scene.due(Kind::Customer).await.is_empty());
    assert!(scene.store.touched(Role::Account, 10).await.unwrap().is_empty());

    assert_eq!(page(&scene, &[company("1", "Acme Inc")], "c3", None, false).await, effect(1, 0, 0));
    assert_eq!(scene.due(Kind::Customer).await.len(), 1);
    let touched = scene.store.touched(Role::Account, 10).await.unwrap();
    assert_eq!(touched.iter().map(|p| p.known.record.key.to_string()).collect::<Vec<_>>(), ["hubspot:company:1"]);
    assert_eq!(scene.one::<i64>("SELECT listing FROM record WHERE external_id = '1'").await, 2, "a delta keeps it");
}

#[tokio::test]
async fn what_is_read_back_is_what_was_shown() {
    let scene = Scene::new().await;
    let mut row = company("1", "Acme");
    let Pulled::Live(record) = &mut row.pulled else { unreachable!() };
    record.properties.insert("mrr".to_owned(), Value::Number("1500.25".parse().unwrap()));
    record.properties.insert("none".to_owned(), Value::Null);
    let record = record.clone();
    scene.save(&[row]).await;
    let touched = scene.store.touched(Role::Account, 10).await.unwrap();
    assert_eq!(touched[0].known.record, record);
    assert_eq!(touched[0].tokens, ["domain:1.com", "is:hubspot:company:1"]);
    assert_eq!((touched[0].entity, &touched[0].object), (None, &None));
    assert!(scene.store.touched(Role::Person, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn new_tokens_for_old_facts_touch_a_record_without_counting_it_as_changed() {
    // Another identity.free_mail_domains makes other evidence of the same facts.
    let scene = Scene::new().await;
    scene.account("1").await;
    let mut row = company("1", "1");
    row.tokens = vec!["domain:other.com".to_owned(), "domain:other.com".to_owned()];
    assert_eq!(scene.save(std::slice::from_ref(&row)).await, effect(0, 0, 0));
    let touched = scene.store.touched(Role::Account, 10).await.unwrap();
    assert_eq!(touched[0].tokens, ["domain:other.com"]);
    let shared = |token: &str| vec![token.to_owned()];
    assert!(scene.store.sharing(&shared("domain:1.com")).await.unwrap().is_empty());
    assert_eq!(scene.store.sharing(&shared("domain:other.com")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_gone_record_keeps_its_facts_and_the_time_it_was_first_seen_gone() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.look(entity, None).await;
    let key = key(COMPANIES, "1");
    assert_eq!(scene.save_at(&[gone(key.clone(), Gone::Archived)], at(20)).await, effect(0, 1, 0));
    assert_eq!(scene.save_at(&[gone(key.clone(), Gone::Archived)], at(30)).await, effect(0, 0, 0));
    assert_eq!(scene.save_at(&[gone(key.clone(), Gone::Deleted)], at(40)).await, effect(0, 0, 0));
    let touched = scene.store.touched(Role::Account, 10).await.unwrap();
    assert_eq!(touched[0].known.gone, Some((Gone::Deleted, at(20))));
    assert!(matches!(&touched[0].known.record.facts, Facts::Account(f) if f.name.as_deref() == Some("1")));
    assert_eq!(touched[0].tokens.len(), 2, "its evidence stays");
    assert_eq!((scene.due(Kind::Customer).await, scene.store.live_count(COMPANIES).await.unwrap()), (vec![entity], 0));

    let into = ExternalId::new("2");
    scene.save_at(&[gone(key.clone(), Gone::Merged { into: into.clone() })], at(50)).await;
    let touched = scene.store.touched(Role::Account, 10).await.unwrap();
    assert_eq!(touched[0].known.gone, Some((Gone::Merged { into }, at(20))));

    assert_eq!(scene.save_at(&[company("1", "1")], at(60)).await, effect(1, 0, 0));
    let touched = scene.store.touched(Role::Account, 10).await.unwrap();
    assert_eq!((&touched[0].known.gone, touched[0].entity), (&None, Some(entity)), "restored under its entity");
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM record WHERE gone_at IS NULL AND merged_into IS NULL").await, 1);
}

#[tokio::test]
async fn a_record_that_was_never_kept_leaves_nothing_when_it_is_gone() {
    let scene = Scene::new().await;
    assert_eq!(scene.save(&[gone(key(COMPANIES, "9"), Gone::Deleted)]).await, effect(0, 0, 0));
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM record").await, 0);
}

#[tokio::test]
async fn a_malformed_showing_keeps_older_facts_and_never_counts_as_gone() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.look(entity, None).await;
    let rows = [malformed(key(COMPANIES, "1"), "no id"), malformed(key(COMPANIES, "2"), "no name")];
    assert_eq!(page(&scene, &rows, "c1", Some(1), false).await, effect(0, 0, 2));
    assert_eq!(page(&scene, &rows, "c1", Some(1), false).await, effect(0, 0, 2));
    assert!(scene.store.unseen(COMPANIES, 1, None, 10).await.unwrap().is_empty(), "it was shown");
    assert_eq!(scene.store.live_count(COMPANIES).await.unwrap(), 1);
    assert!(scene.due(Kind::Customer).await.is_empty(), "its older facts stay valid");
    assert!(scene.store.touched(Role::Account, 10).await.unwrap().is_empty());
    let subject = scene.store.to_look_at(Kind::Customer, true, at(9), None, 9).await.unwrap().remove(0);
    assert_eq!(subject.records[0].unreadable.as_deref(), Some("no id"));
    assert_eq!((&subject.records[0].gone, &subject.records[0].problem), (&None, &None));

    // Readable again: the one with the same facts is not "changed", the one never read before is.
    assert_eq!(scene.save(&[company("1", "1"), company("2", "2")]).await, effect(1, 0, 0));
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM record WHERE state = 'live' AND unreadable IS NULL").await, 2);
    // One that never could be read and is gone leaves nothing.
    scene.save(&[malformed(key(COMPANIES, "3"), "bad")]).await;
    assert_eq!(scene.save(&[gone(key(COMPANIES, "3"), Gone::Deleted)]).await, effect(0, 0, 0));
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM record WHERE external_id = '3'").await, 0);
}

#[tokio::test]
async fn of_a_record_shown_twice_in_one_page_the_last_counts() {
    let scene = Scene::new().await;
    assert_eq!(scene.save(&[company("1", "old"), company("1", "new")]).await, effect(1, 0, 0));
    let name: String = scene.one("SELECT facts ->> '$.name' FROM record").await;
    assert_eq!(name, "new");
}

#[tokio::test]
async fn a_listing_is_numbered_resumed_and_ended() {
    let scene = Scene::new().await;
    assert_eq!(scene.store.stream_state(COMPANIES).await.unwrap(), None);
    assert_eq!(scene.store.begin_listing(COMPANIES).await.unwrap(), 1);
    page(&scene, &[company("1", "a"), company("2", "b"), company("3", "c")], "p1", Some(1), false).await;
    let state = scene.store.stream_state(COMPANIES).await.unwrap().unwrap();
    assert_eq!((state.listing, state.cursor.0.as_str(), state.complete_at), (Some(1), "p1", None));
    assert_eq!(state.pulled_at, at(10));
    page(&scene, &[], "p2", Some(1), true).await;
    let state = scene.store.stream_state(COMPANIES).await.unwrap().unwrap();
    assert_eq!((state.listing, state.complete_at), (None, Some(at(10))));

    assert_eq!(scene.store.begin_listing(COMPANIES).await.unwrap(), 2);
    page(&scene, &[company("2", "b")], "p1", Some(2), false).await;
    let unseen = |after: Option<&'static str>, most| {
        let store = scene.store.clone();
        async move { store.unseen(COMPANIES, 2, after.map(ExternalId::new).as_ref(), most).await.unwrap() }
    };
    assert_eq!(unseen(None, 10).await, [ExternalId::new("1"), ExternalId::new("3")]);
    assert_eq!(unseen(None, 1).await, [ExternalId::new("1")]);
    assert_eq!(unseen(Some("1"), 10).await, [ExternalId::new("3")]);

    // The absences are read by id: one is gone, one was there all the time.
    let rows = [gone(key(COMPANIES, "1"), Gone::Deleted), company("3", "c")];
    let by_id = PageToSave {
        stream: COMPANIES,
        rows: &rows,
        cursor: None,
        keeps: "k1",
        listing: Some(2),
        ends_listing: true,
        now: at(99),
    };
    assert_eq!(scene.store.save_page(by_id).await.unwrap(), effect(0, 1, 0));
    assert!(unseen(None, 10).await.is_empty());
    let state = scene.store.stream_state(COMPANIES).await.unwrap().unwrap();
    assert_eq!((state.listing, state.complete_at, state.cursor.0.as_str()), (None, Some(at(99)), "p1"));
    page(&scene, &[], "d1", None, false).await;
    let state = scene.store.stream_state(COMPANIES).await.unwrap().unwrap();
    assert_eq!((state.listing, state.complete_at), (None, Some(at(99))), "a delta ends no listing");
}

#[tokio::test]
async fn equal_ids_of_two_streams_are_two_records() {
    // hubspot-api.md trap 16: ids are unique per type only.
    let scene = Scene::new().await;
    scene.save(&[company("1", "a")]).await;
    scene.save(&[contact("1", &key(COMPANIES, "1"))]).await;
    scene.save(&[gone(key(CONTACTS, "1"), Gone::Deleted)]).await;
    assert_eq!(scene.store.live_count(COMPANIES).await.unwrap(), 1);
    assert_eq!(scene.store.live_count(CONTACTS).await.unwrap(), 0);
}

#[tokio::test]
async fn a_property_that_was_not_answered_stays_as_it_was() {
    // hubspot-api.md trap 18: missing is neither null nor empty.
    let scene = Scene::new().await;
    let with = |row: &mut crate::store::PageRow, pairs: &[(&str, Value)]| {
        let (Pulled::Live(record) | Pulled::Partial(record, _)) = &mut row.pulled else { unreachable!() };
        record.properties = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    };
    let mut whole = company("1", "Acme");
    with(&mut whole, &[("plan", "pro".into()), ("size", "9".into()), ("old", "x".into())]);
    scene.save(&[whole]).await;
    let partly = |pairs: &[(&str, Value)], unanswered: &[&str]| {
        let mut row = company("1", "Acme");
        with(&mut row, pairs);
        let Pulled::Live(record) = row.pulled else { unreachable!() };
        row.pulled = Pulled::Partial(record, unanswered.iter().map(|name| (*name).to_owned()).collect());
        row
    };
    assert_eq!(scene.save(&[partly(&[("size", Value::Null)], &["plan", "new"])]).await, effect(1, 0, 0));
    let kept = || scene.one::<String>("SELECT properties FROM record");
    assert_eq!(kept().await, r#"{"plan":"pro","size":null}"#, "answered with null, kept, no longer asked for");
    assert_eq!(scene.save(&[partly(&[("size", Value::Null)], &["plan", "new"])]).await, effect(0, 0, 0));
    scene.save(&[partly(&[("size", Value::Null), ("plan", Value::Null)], &["new"])]).await;
    assert_eq!(kept().await, r#"{"plan":null,"size":null}"#);
}

#[tokio::test]
async fn a_listing_cut_off_before_its_cursor_leaves_its_number_to_nobody() {
    let scene = Scene::new().await;
    let rows = [company("1", "a"), company("2", "b")];
    let cut_off = PageToSave {
        stream: COMPANIES,
        rows: &rows,
        cursor: None,
        keeps: "k1",
        listing: Some(scene.store.begin_listing(COMPANIES).await.unwrap()),
        ends_listing: false,
        now: at(10),
    };
    scene.store.save_page(cut_off).await.unwrap();
    // The first is deleted before the next listing, which must miss it.
    let again = scene.store.begin_listing(COMPANIES).await.unwrap();
    assert!(!scene.store.listing_shows(COMPANIES, again).await.unwrap());
    page(&scene, &[company("2", "b")], "p1", Some(again), false).await;
    assert!(scene.store.listing_shows(COMPANIES, again).await.unwrap());
    assert_eq!(scene.store.unseen(COMPANIES, again, None, 10).await.unwrap(), [ExternalId::new("1")]);
}
