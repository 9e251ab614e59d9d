//! List, get, batch read.

use super::*;

#[tokio::test]
async fn a_list_pages_by_id_and_the_last_page_has_no_paging() {
    let portal = Portal::open().await;
    let made: Vec<String> = (0..55).map(|n| portal.company(&format!("c{n}"))).collect();
    assert!(made.contains(&"999".to_owned()) && made.contains(&"1000".to_owned()), "ids change length early on");
    let (mut seen, mut after) = (Vec::new(), String::new());
    for pages in 1.. {
        let got = portal.get(&format!("/crm/objects/2026-09/companies?limit=20{after}")).await;
        seen.extend(got.ids());
        match got.json()["paging"]["next"]["after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => {
                assert_eq!(pages, 3);
                break;
            }
        }
    }
    assert_eq!(seen, made);
    assert_eq!(portal.get("/crm/objects/2026-09/companies").await.ids().len(), 10, "ten by default");
    assert_eq!(portal.get("/crm/objects/2026-09/companies?limit=0").await.status, 400);
}

#[tokio::test]
async fn trap_17_18_19_values_are_text_and_only_what_was_asked_for_is_there() {
    let portal = Portal::open().await;
    let id = portal.deal("Big", "closedwon", None);
    let path = format!("/crm/objects/2026-09/deals/{id}");
    let got = portal.get(&format!("{path}?properties=amount,hs_is_closed_won,closedate,no_such_thing")).await.json();
    assert_eq!(got["properties"], json!({ "amount": "1500.00", "hs_is_closed_won": "true", "closedate": null }));
    let by_default = portal.get(&path).await.json();
    assert_eq!(by_default["properties"]["hs_object_id"], json!(id));
    assert_eq!(by_default["properties"].get("hs_is_closed_won"), None);
    portal.world().set_property(ObjectType::Deal, &id, "closedate", "").unwrap();
    assert_eq!(portal.get(&format!("{path}?properties=closedate")).await.json()["properties"]["closedate"], "");
    portal.world().switches.cleared = super::super::Cleared::Null;
    assert!(portal.get(&format!("{path}?properties=closedate")).await.json()["properties"]["closedate"].is_null());
}

#[tokio::test]
async fn trap_34_a_batch_with_missing_ids_is_a_207_with_both_halves() {
    let portal = Portal::open().await;
    let (one, two) = (portal.company("One"), portal.company("Two"));
    portal.world().archive(COMPANY, &two).unwrap();
    let body = json!({ "inputs": inputs(&[&one, &two, &one, "77", "abc"]), "properties": ["name"] });
    let got = portal.batch("companies", body.clone()).await;
    assert_eq!((got.status, got.ids()), (207, vec![one.clone()]), "duplicates collapse");
    let error = &got.json()["errors"][0];
    assert_eq!(error["category"], "OBJECT_NOT_FOUND");
    assert_eq!(error["context"]["ids"], json!(["77", "abc", two]).sorted());
    let archived = portal.post("/crm/objects/2026-09/companies/batch/read?archived=true", body).await;
    assert_eq!(archived.ids(), vec![two]);
    let whole = portal.batch("companies", json!({ "inputs": inputs(&[&one]), "properties": [] })).await;
    assert_eq!((whole.status, whole.json().get("errors")), (200, None));
}

#[tokio::test]
async fn trap_35_none_found_is_a_207_or_a_404_as_switched() {
    let portal = Portal::open().await;
    let body = json!({ "inputs": inputs(&["1"]), "properties": [] });
    let got = portal.batch("companies", body.clone()).await;
    assert_eq!((got.status, got.ids()), (207, vec![]));
    portal.world().switches.none_found = super::super::NoneFound::NotFound;
    assert_eq!(portal.batch("companies", body).await.status, 404);
}

#[tokio::test]
async fn a_batch_takes_100_ids_and_50_with_history() {
    let portal = Portal::open().await;
    let many = |count: usize| (0..count).map(|n| json!({ "id": n })).collect::<Value>();
    assert_eq!(portal.batch("contacts", json!({ "inputs": many(101) })).await.status, 400);
    assert_eq!(portal.batch("contacts", json!({ "inputs": many(100) })).await.status, 207);
    let history = json!({ "inputs": many(51), "propertiesWithHistory": ["email"] });
    assert_eq!(portal.batch("contacts", history).await.status, 400);
}

#[tokio::test]
async fn trap_20_sensitive_properties_vanish_without_their_scope() {
    let portal = Portal::open().await;
    let id = portal.contact("a@b.example", None);
    let secret = super::super::Property {
        sensitive: true,
        ..super::super::Property::custom("salary", super::super::PropertyType::Number)
    };
    portal.world().add_property(CONTACT, secret);
    portal.world().set_property(CONTACT, &id, "salary", "1").unwrap();
    let path = format!("/crm/objects/2026-09/contacts/{id}?properties=salary,email");
    assert_eq!(portal.get(&path).await.json()["properties"], json!({ "email": "a@b.example" }));
    portal.world().grant("crm.objects.contacts.sensitive.read.v2");
    assert_eq!(portal.get(&path).await.json()["properties"]["salary"], "1");
    let names = async |query: &str| {
        let got = portal.get(&format!("/crm/properties/2026-09/contacts{query}")).await.json();
        got["results"].as_array().unwrap().iter().any(|row| row["name"] == "salary")
    };
    assert!(!names("").await && names("?dataSensitivity=sensitive").await);
}

#[tokio::test]
async fn property_definitions_are_typed_and_carry_options() {
    let portal = Portal::open().await;
    let got = portal.get("/crm/properties/2026-09/deals").await.json();
    let find = |name: &str| got["results"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(find("hs_is_closed_won")["type"], "bool");
    assert_eq!(find("amount")["type"], "number");
    assert_eq!(find("closedate")["type"], "datetime");
    assert_eq!(find("dealstage")["type"], "enumeration");
    assert!(find("dealstage")["options"].as_array().unwrap().iter().any(|row| row["value"] == "closedwon"));
}

#[tokio::test]
async fn trap_37_38_a_long_url_is_a_414_with_a_web_page() {
    let portal = Portal::open().await;
    let names = vec!["property_with_a_long_name"; 300].join(",");
    let got = portal.get(&format!("/crm/objects/2026-09/companies?properties={names}")).await;
    assert_eq!(got.status, 414);
    assert!(got.text.starts_with("<html>"));
}

#[tokio::test]
async fn trap_25_26_stages_of_a_portal_decide_what_is_won() {
    let portal = Portal::open().await;
    let stage = |label: &str, probability: &str, closed| super::super::StageSeed {
        label: label.into(),
        probability: probability.into(),
        closed,
    };
    let (line, stages) =
        portal.world().add_pipeline("Renewals", &[stage("Open", "0.5", false), stage("In", "1.0", true)]);
    let id = portal.deal("Renewal", &stages[1], None);
    let path = format!("/crm/objects/2026-09/deals/{id}?properties=hs_is_closed_won,hs_v2_date_entered_{}", stages[1]);
    let won = portal.get(&path).await.json();
    assert_eq!(won["properties"]["hs_is_closed_won"], "true");
    assert_eq!(won["properties"][format!("hs_v2_date_entered_{}", stages[1])], "2026-11-23T11:00:00.000Z");
    portal.world().set_property(ObjectType::Deal, &id, "dealstage", &stages[0]).unwrap();
    assert_eq!(portal.get(&path).await.json()["properties"]["hs_is_closed_won"], "false", "re-opened");
    let lines = portal.get("/crm/pipelines/2026-09/deals").await.json();
    let metadata = json!({ "isClosed": "true", "probability": "1.0" });
    assert_eq!((&lines["results"][1]["id"], &lines["results"][1]["stages"][1]["metadata"]), (&json!(line), &metadata));
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for Value {
    fn sorted(mut self) -> Self {
        self.as_array_mut().unwrap().sort_by_key(Value::to_string);
        self
    }
}
