//! Search.

use super::super::Lagging;
use super::*;

fn filter(name: &str, operator: &str, value: Value) -> Value {
    json!({ "filterGroups": [{ "filters": [{ "propertyName": name, "operator": operator, "value": value }] }],
            "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }], "limit": 200,
            "properties": ["name", "hs_lastmodifieddate"] })
}

fn since(at: Timestamp) -> Value {
    filter("hs_lastmodifieddate", "GTE", json!(at.timestamp_millis().to_string()))
}

#[tokio::test]
async fn trap_4_contacts_match_on_their_own_stamp_only() {
    let portal = Portal::open().await;
    let id = portal.contact("a@b.example", None);
    let stamp = json!(ago(7200).timestamp_millis().to_string());
    let wrong = portal.search("contacts", filter("hs_lastmodifieddate", "GTE", stamp.clone())).await;
    assert_eq!((wrong.status, wrong.ids()), (200, vec![]));
    let right = portal.search("contacts", filter("lastmodifieddate", "GTE", stamp)).await;
    assert_eq!((right.json()["total"].clone(), right.ids()), (json!(1), vec![id]));
    assert_eq!(portal.search("contacts", filter("no_such_thing", "EQ", json!("1"))).await.status, 400);
}

#[tokio::test]
async fn trap_6_page_51_is_refused_and_a_keyset_gets_past_it() {
    let portal = Portal::open().await;
    for n in 0..10_050 {
        portal.company(&format!("c{n}"));
    }
    let mut last = since(ago(7200));
    last["after"] = json!("9800");
    let got = portal.search("companies", last.clone()).await;
    let body = got.json();
    assert_eq!(
        (got.ids().len(), &body["total"], &body["paging"]["next"]["after"]),
        (200, &json!(10_050), &json!("10000"))
    );
    last["after"] = json!("10000");
    assert_eq!(portal.search("companies", last).await.status, 400);
    let id = got.ids().pop().unwrap();
    let rest = portal.search("companies", filter("hs_object_id", "GT", json!(id))).await;
    assert_eq!((rest.ids().len(), rest.json().get("paging")), (50, None), "all with one timestamp");
}

#[tokio::test]
async fn trap_2_3_the_index_lags_behind_the_record() {
    for (lagging, rows) in [(Lagging::OldRecord, 0), (Lagging::OldValues, 1), (Lagging::Absent, 0)] {
        let portal = Portal::open().await;
        let id = portal.company("Before");
        portal.world().switches.index_lag_ms = 5_000;
        portal.world().switches.lagging = lagging;
        portal.world().set_property(COMPANY, &id, "name", "After").unwrap();
        let fresh = portal.search("companies", since(ago(10))).await;
        assert_eq!(fresh.ids().len(), rows, "{lagging:?}");
        if rows == 1 {
            assert_eq!(fresh.json()["results"][0]["properties"]["name"], "Before");
        }
        let old = portal.search("companies", filter("name", "EQ", json!("before"))).await;
        assert_eq!(old.ids().len(), usize::from(lagging != Lagging::Absent), "matches what no longer holds");
        let record = portal.get(&format!("/crm/objects/2026-09/companies/{id}?properties=name")).await.json();
        assert_eq!(record["properties"]["name"], "After");
        portal.world().pin(noon() + Duration::seconds(5));
        assert_eq!(portal.search("companies", since(ago(10))).await.ids(), vec![id]);
    }
}

#[tokio::test]
async fn trap_1_2_records_of_one_millisecond_become_searchable_at_different_moments() {
    let portal = Portal::open().await;
    portal.world().switches.index_jitter_ms = 60_000;
    let seed = || CompanySeed { name: "x".into(), domain: None, properties: BTreeMap::new(), created: noon() };
    for _ in 0..50 {
        portal.world().add_company(seed());
    }
    portal.world().pin(noon() + Duration::seconds(30));
    let part = portal.search("companies", since(noon())).await.ids().len();
    assert!((1..50).contains(&part), "{part} of 50");
    portal.world().pin(noon() + Duration::seconds(61));
    assert_eq!(portal.search("companies", since(noon())).await.ids().len(), 50);
}

#[tokio::test]
async fn operators_read_values_by_type() {
    let portal = Portal::open().await;
    let (acme, beta) = (portal.company("ACME Corp"), portal.company("Beta"));
    portal.world().set_property(COMPANY, &acme, "numberofemployees", "1000").unwrap();
    portal.world().set_property(COMPANY, &beta, "numberofemployees", "90").unwrap();
    portal.world().set_property(COMPANY, &acme, "industry", "RETAIL").unwrap();
    let one = async |filter: Value| {
        let body = json!({ "filterGroups": [{ "filters": [filter] }] });
        portal.search("companies", body).await.ids()
    };
    let of =
        |name: &str, operator: &str, value: &str| json!({ "propertyName": name, "operator": operator, "value": value });
    let values = |name: &str, operator: &str, values: &[&str]| json!({ "propertyName": name, "operator": operator, "values": values });
    let number = "numberofemployees";
    assert_eq!(one(of(number, "GT", "100")).await, [acme.as_str()], "numbers, not text");
    assert_eq!(one(of(number, "LTE", "90")).await, [beta.as_str()]);
    assert_eq!(
        one(json!({ "propertyName": number, "operator": "BETWEEN", "value": "90", "highValue": "1000" })).await.len(),
        2
    );
    assert_eq!(one(of("name", "EQ", "acme corp")).await, [acme.as_str()]);
    assert_eq!(one(values("name", "IN", &["beta"])).await, [beta.as_str()]);
    assert!(one(values("name", "IN", &["Beta"])).await.is_empty(), "text lists must be lower case");
    assert_eq!(one(values("name", "NOT_IN", &["beta"])).await, [acme.as_str()]);
    assert!(one(of("industry", "EQ", "retail")).await.is_empty(), "enumerations are case-sensitive");
    assert_eq!(one(of("industry", "NEQ", "OTHER")).await, [acme.as_str()]);
    assert_eq!(one(json!({ "propertyName": "industry", "operator": "NOT_HAS_PROPERTY" })).await, [beta.as_str()]);
    assert_eq!(one(json!({ "propertyName": "industry", "operator": "HAS_PROPERTY" })).await, [acme.as_str()]);
    assert_eq!(one(of("name", "CONTAINS_TOKEN", "acme")).await, [acme.as_str()]);
    assert_eq!(one(of("name", "CONTAINS_TOKEN", "bet*")).await, [beta.as_str()]);
    assert_eq!(one(of("name", "NOT_CONTAINS_TOKEN", "acme")).await, [beta.as_str()]);
    portal.contact("a@acme.example", Some((&acme, true)));
    let id = portal.world().ids(CONTACT).next().unwrap();
    assert_eq!(one(of("associations.contact", "EQ", &id)).await, [acme]);
}

#[tokio::test]
async fn a_query_that_is_too_big_is_refused() {
    let portal = Portal::open().await;
    let one = json!({ "propertyName": "name", "operator": "HAS_PROPERTY" });
    let group = |filters: usize| json!({ "filters": vec![one.clone(); filters] });
    let status = async |body: Value| portal.search("companies", body).await.status;
    assert_eq!(status(json!({ "filterGroups": vec![group(1); 5] })).await, 200);
    assert_eq!(status(json!({ "filterGroups": vec![group(1); 6] })).await, 400);
    assert_eq!(status(json!({ "filterGroups": [group(7)] })).await, 400);
    assert_eq!(status(json!({ "filterGroups": vec![group(4); 5] })).await, 400);
    assert_eq!(status(json!({ "limit": 201 })).await, 400);
    assert_eq!(status(json!({ "sorts": ["name", "domain"] })).await, 400);
    assert_eq!(status(json!({ "properties": vec!["x".repeat(30); 100] })).await, 400);
}
