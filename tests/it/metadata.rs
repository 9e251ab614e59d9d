//! Metadata on customers, whatever Pivotal makes of it: the real binary against the whole sandbox.

use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::{Metadata, Object};
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{BY_COMPANY, Desk};

const ON: &str = "[customers.metadata]\ntier = \"company.industry\"\nseats = \"company.numberofemployees\"\n";

/// A desk whose Pivotal does so with metadata, without rules for it.
async fn desk(metadata: Metadata) -> Desk {
    let desk = Desk::with("").await;
    desk.sandbox.pivotal().switches.metadata = metadata;
    desk
}

fn configure(desk: &Desk, more: &str) {
    std::fs::write(desk.folder.path().join("config.toml"), format!("{}{more}", desk.configuration())).unwrap();
}

fn company(desk: &Desk, number: usize, tier: &str) -> String {
    let company = desk.company(&format!("Company {number}"), &format!("company{number}.com"));
    set(desk, &company, "industry", tier);
    company
}

fn set(desk: &Desk, company: &str, name: &str, value: &str) {
    let id = company.rsplit(':').next().unwrap();
    desk.sandbox.hubspot().set_property(ObjectType::Company, id, name, value).unwrap();
}

/// What the customer of a company holds.
fn held(desk: &Desk, company: &str) -> Value {
    let id = company.rsplit(':').next().unwrap();
    desk.sandbox.pivotal().customer_with(BY_COMPANY, id).unwrap().value("metadata").clone()
}

/// Requests to Pivotal of a kind since the log was last cleared.
fn asked(desk: &Desk, method: &str, part: &str) -> usize {
    let entries = desk.sandbox.log.entries().into_iter();
    entries.filter(|e| e.api == "pivotal" && e.method == method && e.path.contains(part)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_until_a_rule_names_a_key() {
    let desk = desk(Metadata::Replaced).await;
    let acme = company(&desk, 1, "gold");
    desk.ends(0, "sync").await;
    assert_eq!((held(&desk, &acme), asked(&desk, "GET", "/customers/c")), (Value::Null, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_proven_on_one_customer_and_the_rest_follows_in_the_same_run() {
    // pivotal-api.md 10.1, CONFLICT metadata: replaced or merged, both come to the same.
    for metadata in [Metadata::Replaced, Metadata::Merged] {
        let desk = desk(metadata).await;
        let companies: Vec<String> = (0..5).map(|n| company(&desk, n, "gold")).collect();
        configure(&desk, ON);
        let said = desk.ends(0, "sync --json").await;
        assert!(said.text.contains("Pivotal keeps metadata"), "{}", said.text);
        for company in &companies {
            assert_eq!(held(&desk, company), json!({ "tier": "gold" }), "{metadata:?}");
        }
        assert_eq!(
            (asked(&desk, "POST", "/customers"), asked(&desk, "GET", "/customers/c")),
            (5, 1),
            "one is read back"
        );
        desk.is_quiet().await;

        // What people keep there survives, whatever they put there since it was last read.
        let id = companies[0].rsplit(':').next().unwrap();
        let cuid = desk.sandbox.pivotal().customer_with(BY_COMPANY, id).unwrap().id.clone();
        let theirs =
            json!({ "metadata": { "tier": "gold", "note": "call Bob", "score": 1.5, "tags": ["a", { "b": null }] } });
        desk.in_pivotal(Method::PATCH, &format!("/customers/{cuid}"), theirs).await;
        set(&desk, &companies[0], "industry", "silver");
        set(&desk, &companies[0], "numberofemployees", "12");
        let plan = desk.ends(0, "plan --json").await;
        assert_eq!(
            plan.json["plan"][0]["changes"]["metadata.tier"],
            json!({ "from": "gold", "to": "silver" }),
            "{}",
            plan.text
        );
        desk.sandbox.log.clear();
        desk.ends(0, "sync").await;
        let expected =
            json!({ "tier": "silver", "seats": 12, "note": "call Bob", "score": 1.5, "tags": ["a", { "b": null }] });
        assert_eq!(held(&desk, &companies[0]), expected, "{metadata:?}");
        assert_eq!((asked(&desk, "GET", &cuid), asked(&desk, "PATCH", &cuid)), (1, 1));
        desk.is_quiet().await;

        // A value that is cleared is cleared, and only that one.
        set(&desk, &companies[0], "industry", "");
        desk.ends(0, "sync").await;
        let left = held(&desk, &companies[0]);
        assert_eq!((&left["tier"], &left["note"], &left["seats"]), (&Value::Null, &json!("call Bob"), &json!(12)));
        desk.is_quiet().await;
        let why = desk.ends(0, &format!("why {}", companies[1])).await.text;
        assert!(why.contains("metadata.tier") && why.contains("from company.industry"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_pivotal_keeps_none_it_is_left_off_and_told() {
    // Dropped without a word, and refused: `strict_keys`.
    for strict in [false, true] {
        let desk = desk(Metadata::Absent).await;
        desk.sandbox.pivotal().switches.strict_keys = strict;
        let companies: Vec<String> = (0..5).map(|n| company(&desk, n, "gold")).collect();
        configure(&desk, ON);
        // Alone: what the trial on one customer brings to light within the run, no plan can know.
        let said = desk.run_alone(&["sync", "--json"]).await;
        assert_eq!(said.code, if strict { 3 } else { 0 }, "{}", said.text);
        assert!(said.text.contains("Pivotal does not keep metadata"), "{}", said.text);
        assert_eq!(desk.customers(), if strict { 4 } else { 5 }, "at most the one it was tried on waits");
        let said = desk.ends(0, "sync --json").await;
        assert!(said.text.contains("sync --full` tries again"), "{}", said.text);
        assert_eq!(desk.customers(), 5);
        desk.is_quiet().await;
        let why = desk.ends(0, &format!("why {}", companies[0])).await.text;
        let holds = why.split("what Pivotal holds").nth(1).unwrap().split("what was sent").next().unwrap();
        assert!(!holds.contains("metadata"), "the mirror holds what Pivotal holds: {why}");

        // It is there after all: everything re-read tries again, and all is made up for.
        desk.sandbox.pivotal().switches.metadata = Metadata::Replaced;
        desk.sandbox.pivotal().switches.strict_keys = false;
        desk.is_quiet().await;
        let said = desk.ends(0, "sync --full").await;
        assert!(said.text.contains("Pivotal keeps metadata"), "{}", said.text);
        for company in &companies {
            assert_eq!(held(&desk, company), json!({ "tier": "gold" }), "{}", said.text);
        }
        desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_was_there_before_keeps_what_people_put_there() {
    let desk = desk(Metadata::Replaced).await;
    let acme = company(&desk, 1, "gold");
    let theirs =
        json!({ "name": "Company 1", "domain": "company1.com", "metadata": { "note": "call Bob", "tier": "tin" } });
    desk.in_pivotal(Method::POST, "/customers", theirs).await;
    configure(&desk, ON);
    let said = desk.ends(0, "sync --json").await;
    assert_eq!(said.json["operations"]["adopt"], json!(1), "{}", said.text);
    assert_eq!(held(&desk, &acme), json!({ "note": "call Bob", "tier": "gold" }));
    assert_eq!(desk.sandbox.pivotal().visible(Object::Customer).count(), 1);
    desk.is_quiet().await;
}
