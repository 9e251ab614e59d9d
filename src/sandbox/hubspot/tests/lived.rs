//! Archive, restore, purge, merge.

use super::*;

#[tokio::test]
async fn trap_7_archiving_moves_no_stamp_and_shows_in_the_archived_list_only() {
    let portal = Portal::open().await;
    let id = portal.company("Gone");
    portal.world().archive(COMPANY, &id).unwrap();
    assert!(portal.get("/crm/objects/2026-09/companies").await.ids().is_empty());
    assert!(portal.search("companies", json!({ "limit": 10 })).await.ids().is_empty());
    assert_eq!(portal.get(&format!("/crm/objects/2026-09/companies/{id}")).await.status, 404);
    let row = portal.get("/crm/objects/2026-09/companies?archived=true").await.json()["results"][0].clone();
    assert_eq!((&row["id"], &row["archived"]), (&json!(id), &json!(true)));
    assert_eq!(
        (&row["updatedAt"], &row["archivedAt"]),
        (&json!("2026-11-23T11:00:00.000Z"), &json!("2026-11-23T12:00:00.000Z"))
    );
    assert_eq!(portal.get(&format!("/crm/objects/2026-09/companies/{id}?archived=true")).await.status, 200);
}

#[tokio::test]
async fn trap_8_old_archived_and_purged_records_are_nowhere() {
    let portal = Portal::open().await;
    let (old, purged) = (portal.company("Old"), portal.company("Purged"));
    portal.world().archive(COMPANY, &old).unwrap();
    portal.world().purge(COMPANY, &purged).unwrap();
    assert_eq!(portal.get("/crm/objects/2026-09/companies?archived=true").await.ids(), vec![old]);
    portal.world().pin(noon() + Duration::days(91));
    assert!(portal.get("/crm/objects/2026-09/companies?archived=true").await.ids().is_empty());
    let got = portal.get(&format!("/crm/objects/2026-09/companies/{purged}?archived=true")).await;
    assert_eq!(got.status, 404);
}

#[tokio::test]
async fn trap_9_a_restored_record_lives_under_its_id_with_its_links_or_without() {
    for keeps in [true, false] {
        let portal = Portal::open().await;
        portal.world().switches.restore_keeps_links = keeps;
        let company = portal.company("Acme");
        let contact = portal.contact("a@acme.example", Some((&company, true)));
        portal.world().archive(COMPANY, &company).unwrap();
        let path = format!("/crm/objects/2026-09/contacts/{contact}?properties=associatedcompanyid");
        assert!(portal.get(&path).await.json()["properties"]["associatedcompanyid"].is_null());
        portal.world().restore(COMPANY, &company).unwrap();
        assert_eq!(portal.get("/crm/objects/2026-09/companies").await.ids(), vec![company.clone()]);
        let linked = portal.get(&path).await.json()["properties"]["associatedcompanyid"].clone();
        assert_eq!(linked, if keeps { json!(company) } else { Value::Null });
    }
}

#[tokio::test]
async fn trap_10_a_merge_makes_a_third_id_that_answers_for_both() {
    let portal = Portal::open().await;
    let (one, two, other) = (portal.company("One"), portal.company("Two"), portal.company("Other"));
    portal.world().set_property(COMPANY, &two, "city", "Reykjavik").unwrap();
    portal.world().set_property(COMPANY, &one, "domain", "one.example").unwrap();
    portal.world().set_property(COMPANY, &two, "domain", "two.example").unwrap();
    let contact = portal.contact("a@two.example", Some((&two, true)));
    let survivor = portal.world().merge(COMPANY, &one, &two).unwrap();
    assert!(![&one, &two, &other].contains(&&survivor));
    let names = ["name", "city", "domain", "hs_additional_domains", "hs_merged_object_ids"];
    let body = json!({ "inputs": inputs(&[&two, &other]), "properties": names });
    let got = portal.batch("companies", body).await;
    assert_eq!((got.status, got.ids()), (200, vec![survivor.clone(), other.clone()]), "nothing says which was asked");
    let row = &got.json()["results"][0];
    assert_eq!(
        row["properties"],
        json!({
            "name": "One", "city": "Reykjavik", "domain": "one.example", "hs_additional_domains": "two.example",
            "hs_merged_object_ids": format!("{one};{two}"),
        })
    );
    assert_eq!(row["updatedAt"], "2026-11-23T12:00:00.000Z", "the normal poll sees the survivor");
    assert_eq!(portal.get(&format!("/crm/objects/2026-09/companies/{one}")).await.json()["id"], json!(survivor));
    assert_eq!(portal.get("/crm/objects/2026-09/companies").await.ids(), vec![other, survivor.clone()]);
    assert!(portal.get("/crm/objects/2026-09/companies?archived=true").await.ids().is_empty());
    let path = format!("/crm/objects/2026-09/contacts/{contact}?properties=associatedcompanyid");
    assert_eq!(portal.get(&path).await.json()["properties"]["associatedcompanyid"], json!(survivor));
}

#[tokio::test]
async fn trap_11_merges_chain_and_old_ones_list_themselves() {
    let portal = Portal::open().await;
    let (a, b, d) =
        (portal.contact("a@x.example", None), portal.contact("b@x.example", None), portal.contact("d@x.example", None));
    let c = portal.world().merge(CONTACT, &a, &b).unwrap();
    let e = portal.world().merge(CONTACT, &c, &d).unwrap();
    let merged = |id: &str| format!("/crm/objects/2026-09/contacts/{id}?properties=hs_merged_object_ids");
    let got = portal.get(&merged(&a)).await.json();
    assert_eq!(
        (&got["id"], &got["properties"]["hs_merged_object_ids"]),
        (&json!(e), &json!(format!("{a};{b};{d};{c}")))
    );
    let (f, g) = (portal.contact("f@x.example", None), portal.contact("g@x.example", None));
    portal.world().switches.merge_keeps_winner = true;
    assert_eq!(portal.world().merge(CONTACT, &f, &g).unwrap(), f);
    let got = portal.get(&merged(&g)).await.json();
    assert_eq!((&got["id"], &got["properties"]["hs_merged_object_ids"]), (&json!(f), &json!(format!("{f};{g}"))));
}

#[tokio::test]
async fn trap_10_a_merged_contact_has_one_primary_company() {
    let portal = Portal::open().await;
    let (one, two) = (portal.company("One"), portal.company("Two"));
    let a = portal.contact("a@x.example", Some((&one, true)));
    let b = portal.contact("b@x.example", Some((&two, true)));
    let survivor = portal.world().merge(CONTACT, &a, &b).unwrap();
    let got = portal
        .get(&format!("/crm/objects/2026-09/contacts/{survivor}?properties=associatedcompanyid&associations=companies"))
        .await
        .json();
    assert_eq!(got["properties"]["associatedcompanyid"], json!(one));
    let links: Vec<_> = got["associations"]["companies"]["results"].as_array().unwrap().clone();
    let primary: Vec<_> = links.iter().filter(|link| link["type"] == "contact_to_company").collect();
    assert_eq!((links.len(), primary.len()), (3, 1));
}

#[tokio::test]
async fn trap_16_ids_collide_across_types() {
    let portal = Portal::open().await;
    let (company, contact, deal) =
        (portal.company("A"), portal.contact("a@a.example", None), portal.deal("A", "closedwon", None));
    assert!(company == contact && contact == deal);
}
