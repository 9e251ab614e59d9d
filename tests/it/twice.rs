//! One id on two customers, and one slug for two: told, and foreseen.

use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use reqwest::Method;
use serde_json::json;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_a_link_left_on_two_customers_is_told_by_audits_with_a_command() {
    let desk = Desk::with("").await;
    let payer = desk.payer("Kestrel Billing", "pay@kestrel.com");
    desk.ends(0, "sync").await;
    let theirs = desk.customer(BY_PAYER, &payer).unwrap().0;
    let company = desk.company("Both", "both.com");
    let both = json!({ "name": "B", "slug": "b", BY_COMPANY: id(&company), BY_PAYER: id(&payer) });
    desk.in_pivotal(Method::POST, "/customers", both).await;
    let typed = desk.customer(BY_COMPANY, &company).unwrap().0;
    desk.ends(3, "sync --full").await;
    desk.ends(0, &format!("link {company} {typed}")).await;
    desk.ends(0, "sync").await;
    let said = desk.ends(0, "audit --json").await;
    let found = &said.json["findings"];
    assert_eq!((found.as_array().unwrap().len(), &said.json["audit"]["new"]), (1, &json!(1)), "{}", said.text);
    let words = found[0]["said"].as_str().unwrap();
    let link = format!("link {payer} {typed}");
    assert!(words.starts_with(&format!("carries the id of {payer}, which is customer {}", id(&theirs))), "{words}");
    assert!(words.contains(&format!("`pivotal-sync {link}")), "{words}");
    // As news once, while it is so.
    let again = desk.ends(0, "audit --json").await;
    assert_eq!((&again.json["audit"]["new"], &again.json["audit"]["strangers"]), (&json!(0), &json!(1)));
    assert_eq!(again.json["audit"]["two_writers"], json!(null), "no other tool made it");
    assert!(desk.ends(0, "status").await.text.contains("carries the id of"));
    // By hand: taken off one of the two.
    let typed =
        desk.sandbox.pivotal().customers().iter().find(|row| row.text("name") == Some("Both")).unwrap().id.clone();
    assert!(desk.sandbox.pivotal().edit_customer(&typed, BY_PAYER, json!(null)));
    assert_eq!(desk.ends(0, "audit --json").await.json["audit"]["strangers"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_comes_back_goes_round_a_slug_that_is_another_s_by_now() {
    // pivotal-api.md 10.1: slugs are unique in the workspace.
    let desk = Desk::with("").await;
    desk.sandbox.pivotal().switches.delete_frees_slug = true;
    let company = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    let taken_meanwhile = async |name: &str, domain: &str| {
        desk.in_pivotal(Method::POST, "/customers", json!({ "name": name, "slug": "acme", "domain": domain })).await;
    };
    let comes_back = async || {
        let plan = desk.ends(0, "plan --json").await;
        let slug = plan.json["plan"][0]["changes"]["slug"]["to"].clone();
        assert_eq!(slug, json!(format!("acme-{}", id(&company))), "{}", plan.text);
        desk.sandbox.log.clear();
        desk.ends(0, "sync").await;
        assert_eq!((desk.writes(), desk.says(&company, "slug")), (1, slug), "one request, as planned");
        desk.is_quiet().await;
    };
    // Deleted from here, and restored at its source.
    desk.sandbox.hubspot().archive(ObjectType::Company, id(&company)).unwrap();
    desk.ends(0, "sync").await;
    taken_meanwhile("Other", "other.com").await;
    desk.sandbox.hubspot().restore(ObjectType::Company, id(&company)).unwrap();
    comes_back().await;

    // Deleted by a person, and let come again.
    let ids: Vec<String> = desk.sandbox.pivotal().visible(Object::Customer).map(|row| row.id.clone()).collect();
    for row in ids {
        desk.in_pivotal(Method::DELETE, &format!("/customers/{row}"), json!({})).await;
    }
    desk.set(&company, "name", "Acme ");
    desk.set(&company, "domain", "acme.io");
    desk.ends(3, "sync").await;
    taken_meanwhile("Third", "third.com").await;
    desk.ends(0, &format!("approve {company}")).await;
    comes_back().await;
}
