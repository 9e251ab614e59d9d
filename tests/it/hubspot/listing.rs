//! Complete listings.

use std::collections::BTreeMap;

use pivotal_sync::domain::{Cursor, Facts, Fault, PullMode, Pulled, Record, SourceKey, Value};
use pivotal_sync::ports::{PageEnd, Source};
use pivotal_sync::sandbox::hubspot::{DealSeed, ObjectType, StageSeed};

use super::{COMPANIES, CONTACTS, DEALS, Kept, Portal, accounts, at, names};

#[tokio::test]
async fn thousands_of_contacts_come_with_their_links_in_the_fewest_requests() {
    let portal = Portal::start().await;
    let (acme, bolt) = (portal.company("Acme"), portal.company("Bolt"));
    for n in 0..2_450 {
        let company = if n % 2 == 0 { &acme } else { &bolt };
        portal.contact(&format!("p{n}@x.com"), Some((company, n % 3 == 0)));
    }
    let source = portal.source();
    let mut kept = Kept::default();
    let mut ends = Vec::new();
    while ends.last() != Some(&PageEnd::Listing) {
        ends.push(kept.page(&source, CONTACTS, PullMode::Changes).await.unwrap());
        let inside = ends.last() == Some(&PageEnd::More);
        assert_eq!(source.is_listing(CONTACTS, kept.cursor.as_ref().unwrap()), inside);
    }
    assert_eq!(ends, [PageEnd::More, PageEnd::More, PageEnd::Listing]);
    assert_eq!(kept.pages.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 450]);
    assert_eq!(kept.live("email"), portal.truth(ObjectType::Contact, "email"));
    assert_eq!(portal.asked(), BTreeMap::from([("account", 1), ("list", 26), ("links", 3), ("properties", 1)]));
    assert_eq!(source.spent().requests, 31);
    for pulled in kept.pages.iter().flatten() {
        let Pulled::Live(Record { facts: Facts::Person(person), .. }) = pulled else { panic!("{pulled:?}") };
        let n: usize = person.email.as_deref().unwrap()[1..].trim_end_matches("@x.com").parse().unwrap();
        let (company, primary) =
            (if n.is_multiple_of(2) { &acme } else { &bolt }, if n.is_multiple_of(3) { "*" } else { "" });
        assert_eq!(accounts(pulled), [format!("{company}{primary}")]);
    }
}

#[tokio::test]
async fn links_go_on_per_record_whatever_their_ids_look_like() {
    // Traps 13, 15 and 36.
    let portal = Portal::start().await;
    let companies: Vec<String> = (0..5).map(|n| portal.company(&format!("C{n}"))).collect();
    let one = portal.contact("one@x.com", Some((&companies[0], false)));
    let none = portal.contact("none@x.com", None);
    for company in &companies[1..] {
        portal.world().associate(ObjectType::Contact, &one, company, company == &companies[3]).unwrap();
    }
    portal.world().label(ObjectType::Contact, &one, &companies[1], "Primary").unwrap();
    portal.world().switches.association_page = 2;
    portal.world().switches.primary_label = None;
    for numeric in [false, true] {
        portal.world().switches.numeric_association_ids = numeric;
        let mut kept = Kept::default();
        kept.run(&portal.source(), CONTACTS, PullMode::Changes).await.unwrap();
        let of = |id: &str| accounts(&kept.records[&SourceKey::new(CONTACTS, id)]);
        let mut expected = vec![format!("{}*", companies[3])];
        expected.extend([0, 1, 2, 4].map(|n| companies[n].clone()));
        assert_eq!(of(&one), expected, "numeric ids: {numeric}");
        assert!(of(&none).is_empty());
        assert_eq!(portal.asked().get("links"), Some(&3), "five links, two a page");
    }
}

#[tokio::test]
async fn a_long_property_list_is_read_by_id() {
    // Trap 37: the portal answers 414 with a web page to a URL that is too long.
    let mut portal = Portal::start().await;
    let many: Vec<String> = (0..150).map(|n| format!("custom_property_with_a_long_name_number_{n}")).collect();
    let id = portal.company("Acme");
    for name in &many {
        portal.set(ObjectType::Company, &id, name, "x");
    }
    for n in 0..120 {
        portal.company(&format!("C{n}"));
    }
    portal.reads.insert("company", many.iter().cloned().chain(["name".to_owned()]).collect());
    let mut kept = Kept::default();
    assert_eq!(kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Listing);
    assert_eq!(kept.live("name"), portal.truth(ObjectType::Company, "name"));
    assert_eq!(kept.live(&many[149])[&id], "x");
    assert_eq!(portal.asked(), BTreeMap::from([("account", 1), ("list", 3), ("read", 2), ("properties", 1)]));
}

#[tokio::test]
async fn a_full_listing_starts_anew_and_goes_on_where_it_was() {
    let portal = Portal::start().await;
    for n in 0..1_050 {
        portal.company(&format!("C{n}"));
    }
    let source = portal.source();
    let mut kept = Kept::default();
    kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap();
    portal.asked();
    let (mut ends, mut counts) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        // Full is said again on each page: a listing under way is not begun again.
        ends.push(kept.page(&source, COMPANIES, PullMode::Full).await.unwrap());
        counts.push(portal.asked()["list"]);
    }
    assert_eq!((ends, counts), (vec![PageEnd::More, PageEnd::Listing], vec![11, 1]));
}

#[tokio::test]
async fn a_listing_cut_off_anywhere_goes_on_in_another_process() {
    let portal = Portal::start().await;
    for n in 0..2_100 {
        portal.company(&format!("C{n}"));
    }
    let mut kept = Kept::default();
    let mut cursors: Vec<Option<Cursor>> = vec![None];
    while kept.page(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap() == PageEnd::More {
        cursors.push(kept.cursor.clone());
    }
    let whole = kept.records;
    assert_eq!(cursors.len(), 3);
    for cursor in cursors {
        let from_start = cursor.is_none();
        let mut again = Kept { cursor, ..Kept::default() };
        assert_eq!(again.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Listing);
        assert!(again.records.iter().all(|(key, pulled)| whole.get(key) == Some(pulled)));
        assert_eq!(again.records.len() == whole.len(), from_start);
        assert_eq!(again.cursor.is_some(), kept.cursor.is_some());
    }
}

#[tokio::test]
async fn what_changes_while_a_listing_runs_is_met_by_the_first_window() {
    // Trap 2: the watermark is the server's clock before the listing, not after it.
    let portal = Portal::start().await;
    let first = portal.company("Old");
    for n in 0..1_500 {
        portal.company(&format!("C{n}"));
    }
    portal.world().pin(at("11:00:00"));
    let source = portal.source();
    let mut kept = Kept::default();
    assert_eq!(kept.page(&source, COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::More);
    portal.world().pin(at("11:30:00"));
    portal.set(ObjectType::Company, &first, "name", "New");
    portal.world().pin(at("12:00:00"));
    assert_eq!(kept.page(&source, COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Listing);
    assert_eq!(kept.live("name")[&first], "Old");
    kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap();
    assert_eq!(kept.live("name"), portal.truth(ObjectType::Company, "name"));
    assert_eq!(kept.shown(), [format!("{first} live")]);
}

#[tokio::test]
async fn deals_come_typed_dated_and_linked() {
    // Traps 17, 25: won in a pipeline of its own, by a stage that is a number.
    let portal = Portal::start().await;
    let acme = portal.company("Acme");
    let seed = |label: &str, probability: &str| StageSeed {
        label: label.to_owned(),
        probability: probability.to_owned(),
        closed: probability == "1.0",
    };
    let (pipeline, stages) = portal.world().add_pipeline("Renewals", &[seed("Open", "0.5"), seed("Signed", "1.0")]);
    let add = |stage: &str| {
        let mut world = portal.world();
        let properties =
            [("dealname", "D"), ("pipeline", pipeline.as_str()), ("dealstage", stage), ("amount", "1500.50")];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let created = world.now();
        world.add_deal(DealSeed { properties, company: Some(acme.clone()), created })
    };
    let (open, won) = (add(&stages[0]), add(&stages[1]));
    let mut kept = Kept::default();
    kept.run(&portal.source(), DEALS, PullMode::Changes).await.unwrap();
    let of = |id: &str| match &kept.records[&SourceKey::new(DEALS, id)] {
        Pulled::Live(record @ Record { facts: Facts::Deal(deal), .. }) => (record.properties.clone(), deal.clone()),
        other => panic!("{other:?}"),
    };
    let (properties, deal) = of(&won);
    assert!(deal.won && !of(&open).1.won);
    assert_eq!((deal.closed_at, deal.won_stage_at), (Some(at("10:00:00")), Some(at("10:00:00"))));
    assert_eq!(accounts(&kept.records[&SourceKey::new(DEALS, won.as_str())]), [format!("{acme}*")]);
    assert_eq!(properties["hs_is_closed_won"], Value::Bool(true));
    assert_eq!(properties["amount"], Value::Number("1500.5".parse().unwrap()));
    assert_eq!(properties["hs_object_id"].to_string(), won, "the digits, whatever the type");
    assert_eq!(
        portal.asked(),
        BTreeMap::from([("account", 1), ("list", 2), ("links", 1), ("properties", 1), ("pipelines", 1)])
    );
}

#[tokio::test]
async fn an_unknown_property_stops_the_pull_before_it_starts() {
    // Trap 19: the portal itself would answer nothing and say nothing.
    let mut portal = Portal::start().await;
    portal.company("Acme");
    portal.reads.insert("company", names(&["name", "lifecyclestag"]));
    let error = Kept::default().run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap_err();
    assert_eq!((&error.fault, error.field.as_deref()), (&Fault::Invalid, Some("company.lifecyclestag")), "{error}");
    assert!(error.message.contains("correct the rule"), "{error}");
    // Plain, sensitive and highly sensitive ones were looked through.
    assert_eq!(portal.asked(), BTreeMap::from([("account", 1), ("properties", 3)]));
}

#[tokio::test]
async fn one_bad_record_is_data() {
    let portal = Portal::start().await;
    let body = r#"{"results":[{"id":"1","properties":{"domain":null,"name":"A","lifecyclestage":null,"annualrevenue":null}},{"id":"2"},{"properties":{"name":"C"}},{"id":4,"properties":{"name":{}}},
        {"id":5,"properties":{"domain":null,"name":"E","lifecyclestage":"","annualrevenue":"1"},"createdAt":"yesterday"}]}"#;
    portal.plan("archived=false", 200, &[("date", "Fri, 20 Nov 2026 10:00:00 GMT")], body);
    let mut kept = Kept::default();
    assert_eq!(kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Listing);
    assert_eq!(kept.shown(), ["1 live", "2 malformed", "4 malformed", "5 live", "? malformed"]);
}

#[tokio::test]
async fn an_answer_of_another_shape_stops_the_pull() {
    let portal = Portal::start().await;
    let dated = [("date", "Fri, 20 Nov 2026 10:00:00 GMT")];
    let bad = [("{}", &dated[..]), ("<html>", &dated[..]), (r#"{"results":[]}"#, &[("date", "now")][..])];
    for list in ["archived=true", "archived=false"] {
        for (body, headers) in bad {
            portal.plan(list, 200, headers, body);
            let error = Kept::default().run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap_err();
            assert_eq!(error.fault, Fault::Unexpected, "{list}, {body}: {error}");
        }
        // A page that names itself as the next one would be asked for ever.
        for _ in 0..2 {
            portal.plan(list, 200, &dated, r#"{"results":[],"paging":{"next":{"after":"7"}}}"#);
        }
        let error = Kept::default().run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap_err();
        assert_eq!(error.fault, Fault::Unexpected, "{list}: {error}");
    }
}
