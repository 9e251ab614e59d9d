//! Evidence that contradicts itself: what is bound stays bound, it is told, and in whatever order it came.

use pivotal_sync::sandbox::pivotal::Object;
use pivotal_sync::sandbox::stripe::{Customer, Interval, PriceSeed, SubscriptionSeed};
use serde_json::{Value, json};

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

/// A desk where a property of a company may name its Stripe customer.
async fn naming_desk() -> Desk {
    let desk = Desk::with("").await;
    let more = "[hubspot]\nstripe_id_properties = [\"billing_account\"]\n";
    std::fs::write(desk.folder.path().join("config.toml"), desk.configuration().replace("[hubspot]\n", more)).unwrap();
    desk
}

/// A company that changed just now, so that the next run reads it.
fn newcomer(desk: &Desk, name: &str, domain: &str) -> String {
    let company = desk.company("New", domain);
    desk.set(&company, "name", name);
    company
}

/// A Stripe customer says which company it is.
fn says_it_is(desk: &Desk, payer: &str, company: &str) {
    let (name, value) = (BY_COMPANY.to_owned(), id(company).to_owned());
    let edit = |customer: &mut Customer| drop(customer.metadata.insert(name, value));
    desk.sandbox.stripe().update_customer(id(payer), edit).unwrap();
}

fn subscribe(desk: &Desk, payer: &str) -> String {
    let mut stripe = desk.sandbox.stripe();
    let (product, created) = (stripe.add_product("Gold"), stripe.now());
    let interval = Some(Interval::Month);
    let price = stripe.add_price(PriceSeed { product, unit_amount: Some(1_000), interval, ..PriceSeed::default() });
    let (customer, items) = (id(payer).to_owned(), vec![(price, Some(1))]);
    stripe.add_subscription(SubscriptionSeed { customer, items, created, ..SubscriptionSeed::default() }).unwrap()
}

/// Customers in Pivotal that carry a payer's id.
fn carrying(desk: &Desk, payer: &str) -> usize {
    desk.sandbox.pivotal().visible(Object::Customer).filter(|row| row.text(BY_PAYER) == Some(id(payer))).count()
}

/// What Pivotal says of every customer, in the order of its numbers.
fn all(desk: &Desk) -> Vec<[Value; 4]> {
    let pivotal = desk.sandbox.pivotal();
    let said = pivotal.visible(Object::Customer).map(|row| {
        [json!(row.display_id), row.value("name").clone(), row.value(BY_COMPANY).clone(), row.value(BY_PAYER).clone()]
    });
    let mut said: Vec<_> = said.collect();
    said.sort_by_key(|row| row[0].as_i64());
    said
}

/// What waits, as `status` tells it.
async fn held(desk: &Desk) -> String {
    let said = desk.run(&["status"]).await.text;
    let from = said.find("held").map_or(said.len(), |at| at);
    said[from..].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_set_apart_and_taken_back_is_as_ambiguous_as_before() {
    let desk = Desk::with("").await;
    let (one, two) = (desk.company("Twin One", "twin.com"), desk.company("Twin Two", "twin.com"));
    let payer = desk.payer("Twin billing", "billing@twin.com");
    subscribe(&desk, &payer);
    desk.ends(3, "sync").await;
    let ways = [format!("`pivotal-sync link {payer} {one}"), format!("`pivotal-sync link {payer} {two}")];
    desk.ends(0, &format!("link {payer} {one}")).await;
    desk.ends(0, "sync").await;
    desk.ends(0, &format!("unlink {payer}")).await;
    desk.ends(0, "sync").await;
    let (apart, _) = desk.customer(BY_PAYER, &payer).unwrap();
    assert_eq!(carrying(&desk, &payer), 1);
    desk.ends(0, &format!("unlink --undo {payer}")).await;
    for line in ["sync", "sync", "sync --full"] {
        desk.ends(3, line).await;
        let said = desk.ends(3, "status").await.text;
        assert!(ways.iter().all(|way| said.contains(way)), "{line}: {said}");
        assert!(desk.says(&one, BY_PAYER).is_null() && desk.says(&two, BY_PAYER).is_null(), "{line}");
        assert!(carrying(&desk, &payer) <= 1, "{line}");
    }
    // What was made while it stood apart waits for its end, and can be kept: both commands are taken.
    let said = desk.ends(3, "status").await.text;
    for way in [format!("`pivotal-sync approve {apart}"), format!("`pivotal-sync link {payer} {apart}")] {
        assert!(said.contains(&way), "{way}: {said}");
    }
    desk.ends(0, &format!("link {payer} {two}")).await;
    desk.ends(3, "sync").await;
    assert_eq!((carrying(&desk, &payer), desk.says(&two, BY_PAYER)), (1, json!(id(&payer))));
    desk.ends(0, &format!("approve {apart}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 2);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_link_wrote_is_no_evidence_once_the_link_is_taken_back() {
    let desk = Desk::with("").await;
    let (one, two) = (desk.company("Twin One", "twin.com"), desk.company("Twin Two", "twin.com"));
    let payer = desk.payer("Twin billing", "billing@twin.com");
    desk.ends(3, "sync").await;
    desk.ends(0, &format!("link {payer} {one}")).await;
    desk.ends(0, "sync").await;
    // Pivotal's news are read before something is created, and show what the link wrote.
    newcomer(&desk, "Zeta", "zeta.io");
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 3);
    desk.ends(0, &format!("link --undo {payer}")).await;
    desk.ends(3, "sync").await;
    let said = desk.ends(3, "status").await.text;
    let both = format!("{payer} 'Twin billing' could belong to {one} 'Twin One' or {two} 'Twin Two'");
    let (plan, why) = (desk.ends(0, "plan").await.text, desk.ends(0, &format!("why {payer}")).await.text);
    assert!([said, plan, why].iter().all(|told| told.contains(&both)), "{both}");
    assert_eq!(carrying(&desk, &payer), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_outlasts_the_news_of_pivotal() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let payer = desk.payer("Acme Payments", "pay@acme.com");
    desk.ends(0, "sync").await;
    says_it_is(&desk, &payer, &beta);
    let proposal = format!("`pivotal-sync link {payer} {beta}");
    desk.ends(3, "sync --full").await;
    newcomer(&desk, "Zeta", "zeta.io");
    for line in ["sync", "sync", "sync --full", "sync"] {
        desk.ends(3, line).await;
        let said = desk.ends(3, "status").await.text;
        assert!(said.contains(&proposal), "{line}: {said}");
        let why = desk.ends(0, &format!("why {payer}")).await.text;
        assert!(why.contains(&proposal), "{line}: {why}");
    }
    assert_eq!(desk.customers(), 3);
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, desk.customer(BY_COMPANY, &acme).unwrap().0);
    // A lost store does not settle it either.
    let before = (all(&desk), held(&desk).await);
    desk.lose_store();
    desk.ends(3, "sync").await;
    assert_eq!((all(&desk), held(&desk).await), before);
    desk.ends(0, &format!("link {payer} {beta}")).await;
    // What a lost store had written was found by this one, which empties nothing it did not write; nor has two say it.
    let said = desk.ends(0, "sync").await.text;
    let (stays, _) = desk.customer(BY_COMPANY, &acme).unwrap();
    assert!(said.contains(&format!("{BY_PAYER} {} is on {stays}", id(&payer))), "{said}");
    assert_eq!((desk.says(&beta, BY_PAYER), desk.says(&acme, BY_PAYER)), (json!(null), json!(id(&payer))));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_company_that_names_a_bound_customer_is_told_in_every_order() {
    let desk = naming_desk().await;
    let (first, second) = (desk.company("First", "first.com"), desk.company("Second", "second.com"));
    let payer = desk.payer("Payer", "pay@gmail.com");
    desk.set(&first, "billing_account", id(&payer));
    desk.ends(0, "sync").await;
    desk.set(&second, "billing_account", id(&payer));
    let ways = [&first, &second].map(|company| format!("`pivotal-sync link {payer} {company}"));
    for line in ["sync", "sync --full", "sync"] {
        desk.ends(3, line).await;
        let said = desk.ends(3, "status").await.text;
        assert!(said.contains(&format!("{payer} 'Payer' stays with {first} 'First'")), "{line}: {said}");
        assert!(ways.iter().all(|way| said.contains(way)), "{line}: {said}");
    }
    let before = (all(&desk), held(&desk).await);
    desk.lose_store();
    desk.ends(3, "sync").await;
    assert_eq!((all(&desk), held(&desk).await), before, "what Pivotal's customer carries says where it is");
    desk.ends(3, "sync").await;
    assert_eq!((all(&desk), held(&desk).await), before);
    // It ends when the second one no longer says so, or a person decides.
    desk.set(&second, "billing_account", "");
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    desk.set(&second, "billing_account", id(&payer));
    desk.ends(3, "sync").await;
    desk.ends(0, &format!("link {payer} {first}")).await;
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    assert_eq!(all(&desk), before.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_company_on_the_domain_of_a_bound_customer_is_told_too() {
    let desk = Desk::with("").await;
    let first = desk.company("Twin One", "twin.com");
    let payer = desk.payer("Twin billing", "billing@twin.com");
    desk.ends(0, "sync").await;
    let second = newcomer(&desk, "Twin Two", "twin.com");
    for line in ["sync", "sync"] {
        desk.ends(3, line).await;
        let said = desk.ends(3, "status").await.text;
        assert!(said.contains(&format!("{payer} 'Twin billing' stays with {first} 'Twin One'")), "{line}: {said}");
        assert!(said.contains(&format!("`pivotal-sync link {payer} {second}")), "{line}: {said}");
    }
    desk.ends(0, &format!("link {payer} {first}")).await;
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_that_tied_a_stripe_customer_stays_on_its_customer() {
    let desk = Desk::with("").await;
    let (whose, other) = (desk.company("Whose", "whose.com"), desk.company("Other", "other.com"));
    let tied = desk.payer("Tied", "pay@other.com");
    let own = desk.payer("Own", "pay@whose.com");
    subscribe(&desk, &own);
    let body = json!({ "name": "Whose", BY_COMPANY: id(&whose), BY_PAYER: id(&tied) });
    desk.in_pivotal(reqwest::Method::POST, "/customers", body).await;
    let told = format!("{tied} 'Tied' stays with {whose} 'Whose'");
    for line in ["sync", "sync", "sync --full"] {
        desk.ends(3, line).await;
        let said = desk.ends(3, "status").await.text;
        assert!(said.contains(&told), "{line}: {said}");
        assert!(said.contains(&format!("`pivotal-sync link {tied} {other}")), "{line}: {said}");
        assert_eq!(desk.says(&whose, BY_PAYER), json!(id(&tied)), "{line}");
        assert!(desk.says(&other, BY_PAYER).is_null(), "{line}");
    }
    let before = (all(&desk), held(&desk).await);
    for _ in 0..2 {
        desk.lose_store();
        desk.ends(3, "sync").await;
        assert_eq!((all(&desk), held(&desk).await), before, "the same data, the same outcome");
    }
    // Once it is somebody else's, the field says who is left.
    desk.ends(0, &format!("link {tied} {other}")).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.says(&whose, BY_PAYER), desk.says(&other, BY_PAYER)), (json!(id(&own)), json!(id(&tied))));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_left_behind_names_the_stripe_customer_and_not_its_subscription() {
    let desk = Desk::with("").await;
    let company = desk.company("Acme", "acme.com");
    let payer = desk.payer("Acme Payments", "pay@acme-payments.com");
    let subscription = subscribe(&desk, &payer);
    desk.ends(0, "sync").await;
    let (behind, _) = desk.customer(BY_PAYER, &payer).unwrap();
    desk.ends(0, &format!("link {payer} {company}")).await;
    desk.ends(3, "sync").await;
    let way = format!("link {payer} {behind}");
    for (code, line) in [(3, "status".to_owned()), (0, format!("why {behind}")), (0, "plan".to_owned())] {
        let said = desk.ends(code, &line).await.text;
        assert!(said.contains(&format!("`pivotal-sync {way}")), "{line}: {said}");
        assert!(!said.contains(&format!("stripe:subscription:{subscription} stood for")), "{line}: {said}");
        assert!(!said.contains("link stripe:subscription"), "{line}: {said}");
    }
    assert_eq!(carrying(&desk, &payer), 1);
    desk.ends(0, &way).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, behind);
    desk.is_quiet().await;
}
