//! A customer that somebody typed into Pivotal by its name alone: a name joins nobody and holds nothing (design: settled points),
//! but whoever reads the plan is told, with the command that makes the two one.

use reqwest::Method;
use serde_json::json;

use super::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_name_of_a_customer_that_is_created_is_told_and_a_link_makes_them_one() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme Inc", "acme.com");
    desk.in_pivotal(Method::POST, "/customers", json!({ "name": "acme  inc" })).await;
    // Whoever says who it is is somebody else.
    desk.company("Beta", "beta.com");
    desk.in_pivotal(Method::POST, "/customers", json!({ "name": "Beta", "domain": "beta.org" })).await;
    let plan = desk.ends(0, "plan").await.text;
    let told = format!("pivotal-sync link {acme} pivotal:customer:1 ");
    assert!(plan.contains("has the same name") && plan.contains(&told), "{plan}");
    assert_eq!(plan.matches("has the same name").count(), 1, "{plan}");
    desk.ends(0, &format!("link {acme} pivotal:customer:1")).await;
    let plan = desk.ends(0, "plan").await.text;
    assert!(!plan.contains("has the same name"), "{plan}");
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 3);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_alone_holds_nothing() {
    let desk = Desk::with("").await;
    desk.company("Acme", "acme.com");
    desk.in_pivotal(Method::POST, "/customers", json!({ "name": "Acme" })).await;
    let said = desk.ends(0, "sync").await.text;
    assert!(said.contains("has the same name"), "{said}");
    assert_eq!(desk.customers(), 2);
    let said = desk.ends(0, "sync --full").await.text;
    assert!(!said.contains("has the same name"), "{said}");
    desk.is_quiet().await;
}
