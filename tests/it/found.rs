//! What was there before this daemon came is not cleared by it (design section 6: a null clears only what it had set).

use pivotal_sync::sandbox::hubspot::ObjectType;
use serde_json::{Value, json};

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

fn row(desk: &Desk, field: &str, reference: &str) -> [Value; 3] {
    let pivotal = desk.sandbox.pivotal();
    let row = pivotal.customer_with(field, id(reference)).unwrap();
    ["domain", BY_COMPANY, BY_PAYER].map(|name| row.value(name).clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_customer_keeps_what_was_found_when_its_company_goes_and_loses_what_was_set() {
    let desk = Desk::with("").await;
    let (acme, payer) = (desk.company("Acme", "acme.com"), desk.payer("Acme", "bills@acme.com"));
    let (beta, other) = (desk.company("Beta", "beta.com"), desk.payer("Beta", "bills@beta.com"));
    let (late, third) = (desk.company("Late", "late.com"), desk.payer("Late", "bills@late.com"));
    let there = json!({ "name": "Acme", "domain": "acme.com", BY_COMPANY: id(&acme) });
    desk.in_pivotal(reqwest::Method::POST, "/customers", there).await;
    // The payer was there, the company's id and domain are not.
    desk.in_pivotal(reqwest::Method::POST, "/customers", json!({ "name": "Late", BY_PAYER: id(&third) })).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 3);
    for (company, payer) in [(&acme, &payer), (&beta, &other), (&late, &third)] {
        assert_eq!(row(&desk, BY_PAYER, payer)[1..], [json!(id(company)), json!(id(payer))]);
        desk.sandbox.hubspot().archive(ObjectType::Company, id(company)).unwrap();
    }
    desk.ends(0, "sync").await;
    let company = Value::from(id(&acme));
    assert_eq!(row(&desk, BY_PAYER, &payer)[..2], [json!("acme.com"), company], "found, so left");
    assert_eq!(row(&desk, BY_PAYER, &other)[..2], [Value::Null, Value::Null], "created, so cleared");
    assert_eq!(
        row(&desk, BY_PAYER, &third)[..2],
        [Value::Null, Value::Null],
        "set after it was taken over, so cleared"
    );
    desk.is_quiet().await;
    desk.ends(0, "sync --full").await;
    assert!(desk.ends(0, "audit --json").await.json["findings"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_and_written_over_since_is_this_daemons_to_clear() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let there = json!({ "name": "Acme", "domain": "acme.com", BY_COMPANY: id(&acme) });
    desk.in_pivotal(reqwest::Method::POST, "/customers", there).await;
    desk.ends(0, "sync").await;
    desk.set(&acme, "domain", "acme.io");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "domain"), "acme.io");
    desk.set(&acme, "domain", "");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "domain"), Value::Null);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_leaves_a_found_field_that_its_source_emptied() {
    let desk = Desk::with("[customers.owner]\ndomain = \"source\"\n").await;
    let acme = desk.company("Acme", "acme.com");
    let there = json!({ "name": "Acme", "domain": "acme.com", BY_COMPANY: id(&acme) });
    desk.in_pivotal(reqwest::Method::POST, "/customers", there).await;
    desk.ends(0, "sync").await;
    desk.set(&acme, "domain", "");
    desk.ends(0, "sync").await;
    desk.edit(&acme, "domain", "hand.com");
    desk.sandbox.log.clear();
    let said = desk.ends(0, "audit --json").await;
    assert_eq!((&said.json["findings"][0]["kind"], desk.writes()), (&json!("edited"), 0), "{}", said.text);
    assert_eq!(desk.says(&acme, "domain"), "hand.com");
    desk.is_quiet().await;
}

/// `fill-if-empty` never goes over a value, also not over one that a person typed in since it was last seen.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_filled_meanwhile_is_not_filled_again() {
    let desk = Desk::with(
        "[customers.fields]\nplan = \"company.industry\"\n[customers.owner]\nplan = \"fill-if-empty\"\n\
         [contacts.owner]\ntitle = \"fill-if-empty\"\n",
    )
    .await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.ends(0, "sync").await;
    desk.edit(&acme, "plan", "By hand");
    for company in [&acme, &beta] {
        desk.set(company, "industry", "RETAIL");
    }
    desk.set(&acme, "name", "Acme Inc");
    let plan = desk.ends(0, "plan").await.text;
    assert_eq!(plan.matches("RETAIL").count(), 1, "{plan}");
    desk.ends(0, "sync").await;
    assert_eq!((desk.says(&acme, "plan"), desk.says(&beta, "plan")), (json!("By hand"), json!("RETAIL")));
    assert_eq!(desk.says(&acme, "name"), json!("Acme Inc"));
    // From then on it is known, and Pivotal is not asked again.
    desk.set(&acme, "industry", "FOOD");
    desk.sandbox.log.clear();
    desk.ends(0, "sync").await;
    let asked = desk.sandbox.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.path.contains("/customers/"));
    assert_eq!((asked.count(), desk.writes()), (0, 0));
    desk.is_quiet().await;
}
