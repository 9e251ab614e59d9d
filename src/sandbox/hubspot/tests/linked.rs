//! Associations.

use super::*;

const LINKS: &str = "/crm/associations/2026-09/contacts/companies/batch/read";

fn type_ids(row: &Value) -> Vec<u64> {
    row["associationTypes"].as_array().unwrap().iter().map(|kind| kind["typeId"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn trap_13_15_types_are_directional_and_the_primary_carries_both() {
    let portal = Portal::open().await;
    let (one, two) = (portal.company("One"), portal.company("Two"));
    let contact = portal.contact("a@one.example", Some((&one, false)));
    portal.world().associate(CONTACT, &contact, &two, true).unwrap();
    let got = portal.post(LINKS, json!({ "inputs": inputs(&[&contact, "1"]) })).await.json();
    assert_eq!(got["results"].as_array().unwrap().len(), 1, "ids without links are absent");
    let to = &got["results"][0]["to"];
    assert_eq!((&to[0]["toObjectId"], type_ids(&to[0])), (&json!(one), vec![279]));
    assert_eq!((&to[1]["toObjectId"], type_ids(&to[1])), (&json!(two), vec![279, 1]));
    let back = "/crm/associations/2026-09/companies/contacts/batch/read";
    let got = portal.post(back, json!({ "inputs": inputs(&[&two]) })).await.json();
    assert_eq!(type_ids(&got["results"][0]["to"][0]), vec![280, 2]);
    let deal = portal.deal("D", "closedwon", Some(&one));
    portal.world().associate_deal_contact(&deal, &contact).unwrap();
    let types = async |from: &str, to: &str, id: &str| {
        let path = format!("/crm/associations/2026-09/{from}/{to}/batch/read");
        let got = portal.post(&path, json!({ "inputs": inputs(&[id]) })).await.json();
        type_ids(&got["results"][0]["to"][0])
    };
    assert_eq!(types("deals", "companies", &deal).await, [341, 5]);
    assert_eq!(types("companies", "deals", &one).await, [342, 6]);
    assert_eq!(types("deals", "contacts", &deal).await, [3]);
    assert_eq!(types("contacts", "deals", &contact).await, [4]);
    portal.world().associate(CONTACT, &contact, &one, true).unwrap();
    assert_eq!(types("companies", "contacts", &two).await, [280], "at most one primary");
}

#[tokio::test]
async fn trap_13_labels_come_first_and_texts_change() {
    let portal = Portal::open().await;
    let company = portal.company("One");
    let contact = portal.contact("a@one.example", Some((&company, true)));
    let custom = portal.world().label(CONTACT, &contact, &company, "Billing").unwrap();
    portal.world().switches.primary_label = None;
    let got = portal.post(LINKS, json!({ "inputs": inputs(&[&contact]) })).await.json();
    let to = &got["results"][0]["to"][0];
    assert_eq!(type_ids(to), vec![u64::from(custom), 279, 1]);
    assert!(to["associationTypes"][2]["label"].is_null());
    let labels = portal.get("/crm/associations/2026-09/contacts/companies/labels").await.json();
    assert!(
        labels["results"].as_array().unwrap().iter().any(|row| row["label"] == "Billing" && row["typeId"] == custom)
    );
}

#[tokio::test]
async fn trap_12_a_moved_contact_keeps_its_stamp() {
    let portal = Portal::open().await;
    let (one, two) = (portal.company("One"), portal.company("Two"));
    let contact = portal.contact("a@one.example", Some((&one, true)));
    let path = format!("/crm/objects/2026-09/contacts/{contact}?properties=lastmodifieddate,associatedcompanyid");
    let before = portal.get(&path).await.json();
    portal.world().move_contact(&contact, &two).unwrap();
    let after = portal.get(&path).await.json();
    assert_eq!(before["properties"]["lastmodifieddate"], after["properties"]["lastmodifieddate"]);
    assert_eq!(after["properties"]["associatedcompanyid"], json!(two));
}

#[tokio::test]
async fn trap_36_each_record_pages_on_its_own() {
    let portal = Portal::open().await;
    portal.world().switches.association_page = 2;
    portal.world().switches.numeric_association_ids = true;
    let company = portal.company("Hub");
    let contacts: Vec<String> =
        (0..5).map(|n| portal.contact(&format!("{n}@x.example"), Some((&company, false)))).collect();
    let path = "/crm/associations/2026-09/companies/contacts/batch/read";
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    for _ in 0..3 {
        let got = portal.post(path, json!({ "inputs": [{ "id": company, "after": after }] })).await.json();
        let row = &got["results"][0];
        seen.extend(row["to"].as_array().unwrap().iter().map(|to| to["toObjectId"].as_u64().unwrap().to_string()));
        after = row["paging"]["next"]["after"].clone();
    }
    assert_eq!((seen, after), (contacts, Value::Null));
}

#[tokio::test]
async fn an_association_read_takes_1000_inputs() {
    let portal = Portal::open().await;
    let many = |count: usize| (0..count).map(|n| json!({ "id": n })).collect::<Value>();
    assert_eq!(portal.post(LINKS, json!({ "inputs": many(1_000) })).await.status, 200);
    assert_eq!(portal.post(LINKS, json!({ "inputs": many(1_001) })).await.status, 400);
}
