//! What hangs in the air though no money does: who could be one with several customers, names that stand for nothing, a
//! customer that nobody speaks of any more. Each is told where a person looks, together with its like, and not every night.

use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::stripe::{Customer, Interval, PriceSeed, SubscriptionSeed};
use serde_json::json;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

/// The selection of the defaults: who pays nothing is no customer by itself.
async fn desk() -> Desk {
    let desk = Desk::with("").await;
    let all = "where = \"company.name or stripe.name\"";
    let text = desk.configuration();
    assert!(text.contains(all));
    let own = "where = \"company.lifecyclestage == 'customer' or stripe.status in ['active', 'past_due']\"";
    std::fs::write(desk.folder.path().join("config.toml"), text.replace(all, own)).unwrap();
    desk
}

fn customer(desk: &Desk, name: &str, domain: &str) -> String {
    let company = desk.company(name, domain);
    desk.set(&company, "lifecyclestage", "customer");
    company
}

/// A Stripe customer says which company it is.
fn says_it_is(desk: &Desk, payer: &str, company: &str) {
    let id = |reference: &str| reference.rsplit(':').next().unwrap().to_owned();
    let (name, value) = (BY_COMPANY.to_owned(), id(company));
    let edit = |customer: &mut Customer| drop(customer.metadata.insert(name, value));
    desk.sandbox.stripe().update_customer(&id(payer), edit).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_nothing_and_could_be_either_of_two_customers_is_held() {
    let desk = desk().await;
    let (one, two) = (customer(&desk, "Twin One", "twin.com"), customer(&desk, "Twin Two", "twin.com"));
    let payer = desk.payer("Twin billing", "billing@twin.com");
    // Nothing hangs on a lead.
    let leads = [desk.company("Lead One", "lead.com"), desk.company("Lead Two", "lead.com")];
    let lead = desk.payer("Lead billing", "billing@lead.com");
    for (code, line) in [(0, "plan"), (3, "sync"), (3, "status"), (3, "sync"), (3, "status"), (3, "sync --full")] {
        let said = desk.ends(code, line).await.text;
        assert!(!said.contains(&lead), "{line}: {said}");
        let told =
            if line.starts_with("sync") { "1 held".to_owned() } else { format!("pivotal-sync link {payer} {two}") };
        assert!(said.contains(&told), "{line}: {said}");
    }
    assert_eq!((desk.customers(), desk.customer(BY_PAYER, &payer)), (2, None));

    // Once one of the leads is a customer, it matters; and no longer, once it is none.
    desk.set(&leads[0], "lifecyclestage", "customer");
    assert_eq!(desk.ends(3, "sync --json").await.json["operations"]["held"], 2);
    desk.set(&leads[0], "lifecyclestage", "lead");
    assert_eq!(desk.ends(3, "sync --json").await.json["operations"]["held"], 1);
    assert!(!desk.ends(3, "status").await.text.contains(&lead));

    desk.ends(0, &format!("link {payer} {one}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, desk.customer(BY_COMPANY, &one).unwrap().0);
    desk.is_quiet().await;
    assert!(desk.ends(0, "status").await.text.contains("nothing is owed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_nothing_and_is_held_can_be_left_out() {
    let desk = desk().await;
    let payer = desk.payer("Twin billing", "billing@twin.com");
    for name in ["Twin One", "Twin Two"] {
        customer(&desk, name, "twin.com");
    }
    desk.ends(3, "sync").await;
    desk.ends(0, &format!("ignore {payer}")).await;
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    assert!(desk.ends(0, "status").await.text.contains("nothing is owed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_stands_for_nothing_is_told_once_and_listed_while_it_is_so() {
    // stripe-api.md trap 58: metadata is what somebody typed.
    let desk = desk().await;
    let acme = customer(&desk, "Acme", "acme.com");
    let payers = [desk.payer("Acme pays", "pay@acme.com"), desk.payer("Stray", "pay@stray.com")];
    for (payer, company) in payers.iter().zip(["888888", "999999"]) {
        says_it_is(&desk, payer, company);
    }
    let words = "names hubspot:company:888888 or hubspot:company:999999, and no such record is there";
    let told = |said: &str| {
        said.contains(words)
            || said.contains(&words.replace("888888 or hubspot:company:999999", "999999 or hubspot:company:888888"))
    };
    let said = desk.ends(0, "sync").await.text;
    assert!(told(&said) && said.contains("note: 2 records: "), "{said}");
    // By its domain it is with the company all the same.
    assert_eq!(desk.customer(BY_PAYER, &payers[0]).unwrap().0, desk.customer(BY_COMPANY, &acme).unwrap().0);
    assert!(!told(&desk.ends(0, "sync").await.text), "once");
    for _ in 0..2 {
        let said = desk.ends(0, "status").await.text;
        assert!(told(&said) && said.contains("nothing is owed"), "{said}");
    }
    assert_eq!(desk.ends(0, "status --json").await.json["notes"].as_array().unwrap().len(), 2);
    let said = desk.ends(0, &format!("why {}", payers[1])).await.text;
    assert!(said.contains("note: names hubspot:company:999999, and no such record is there"), "{said}");

    // Put right at its source, one way or the other.
    says_it_is(&desk, &payers[0], &acme);
    let stray = customer(&desk, "Stray", "elsewhere.com");
    says_it_is(&desk, &payers[1], &stray);
    desk.ends(0, "sync").await;
    assert_eq!(desk.customer(BY_PAYER, &payers[1]).unwrap().0, desk.customer(BY_COMPANY, &stray).unwrap().0);
    let said = desk.ends(0, "status").await;
    assert!(!said.text.contains("no such record"), "{}", said.text);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_all_its_records_were_set_apart_from_is_listed_until_that_is_taken_back() {
    let desk = Desk::with("").await;
    let (company, payer) = (desk.company("Beacon", "beacon.com"), desk.payer("Beacon Billing", "pay@beacon.com"));
    desk.ends(0, "sync").await;
    let (customer, _) = desk.customer(BY_COMPANY, &company).unwrap();
    for record in [&company, &payer] {
        desk.ends(0, &format!("unlink {record}")).await;
    }
    desk.ends(0, "sync").await;
    let words = format!("was the last to stand for {customer}, which stays in Pivotal");
    for line in ["status".to_owned(), "status".to_owned(), format!("why {customer}")] {
        let said = desk.ends(0, &line).await.text;
        assert!(said.contains(&words) && said.contains("pivotal-sync unlink --undo"), "{line}: {said}");
    }
    assert!(!desk.ends(0, "sync").await.text.contains(&words), "once");
    assert_eq!(desk.ends(0, "status --json").await.json["status"], json!("in_step"));
    desk.ends(0, &format!("unlink --undo {company}")).await;
    desk.run(&["sync"]).await;
    assert!(!desk.run(&["status"]).await.text.contains(&words));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_alike_is_told_by_the_first_and_each_keeps_its_commands_with_what_they_do() {
    let desk = Desk::with("").await;
    let mut ways = Vec::new();
    for name in ["twin", "pair", "duo"] {
        let domain = format!("{name}.com");
        let (one, two) = (desk.company(&format!("{name} one"), &domain), desk.company(&format!("{name} two"), &domain));
        let payer = desk.payer(name, &format!("billing@{domain}"));
        let command = |end: String| format!("`pivotal-sync {end} --config config.toml`");
        let [link, other] = [&one, &two].map(|company| command(format!("link {payer} {company}")));
        ways.push(format!(
            "Say which with {link} or {other}, give it a customer of its own with {}, or leave it out with {}",
            command(format!("unlink {payer}")),
            command(format!("ignore {payer}"))
        ));
    }
    desk.ends(3, "sync").await;
    for (code, line) in [(3, "status"), (0, "plan")] {
        let said = desk.ends(code, line).await.text;
        assert_eq!(said.matches("its domain fits each of them (and 2 more like it)").count(), 1, "{line}: {said}");
        assert!(ways.iter().all(|way| said.contains(way)), "{line}: {said}");
        assert!(!said.replace("why REF", "").contains("REF"), "{line}: {said}");
    }
}

/// Pays so much a month.
fn subscribe(desk: &Desk, payer: &str, currency: &str) {
    let mut stripe = desk.sandbox.stripe();
    let (product, created) = (stripe.add_product("Gold"), stripe.now());
    let (interval, currency) = (Some(Interval::Month), currency.to_owned());
    let seed = PriceSeed { product, unit_amount: Some(10_000), interval, currency, ..PriceSeed::default() };
    let items = vec![(stripe.add_price(seed), Some(1))];
    let customer = payer.rsplit(':').next().unwrap().to_owned();
    stripe.add_subscription(SubscriptionSeed { customer, items, created, ..SubscriptionSeed::default() }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_of_a_currency_without_minor_units_is_told_unless_a_rule_converts_it() {
    // stripe-api.md traps 36, 37: nothing is converted, and 10,000 yen are no 10,000 dollars.
    let desk = Desk::with("").await;
    let text = desk.configuration().replace("workspace = \"acme\"", "workspace = \"acme\"\nmrr_unit = \"dollars\"");
    std::fs::write(desk.folder.path().join("config.toml"), &text).unwrap();
    let (yen, euro) = (desk.company("Tokyo", "tokyo.com"), desk.company("Berlin", "berlin.com"));
    subscribe(&desk, &desk.payer("Tokyo", "pay@tokyo.com"), "jpy");
    subscribe(&desk, &desk.payer("Berlin", "pay@berlin.com"), "eur");
    let words = format!("{yen}: mrr is in JPY and is written as it is");
    for (line, told) in [("plan", true), ("sync", true), ("sync", false), ("status", true)] {
        let said = desk.ends(0, line).await.text;
        assert_eq!(said.contains(&words), told, "{line}: {said}");
        assert!(!said.contains("mrr is in EUR"), "{line}: {said}");
    }
    assert_eq!((desk.says(&yen, "mrr"), desk.says(&euro, "mrr")), (json!(10_000), json!(100)));
    let rule = "[customers.fields]\nmrr = \"stripe.mrr / 100 if stripe.currency == 'jpy' else stripe.mrr\"\n";
    std::fs::write(desk.folder.path().join("config.toml"), format!("{text}{rule}")).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!((desk.says(&yen, "mrr"), desk.says(&euro, "mrr")), (json!(100), json!(100)));
    assert!(!desk.ends(0, "status").await.text.contains("mrr is in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_is_found_by_its_slug_keeps_the_id_it_carries() {
    // Pivotal has it only after it was looked for: between the first write and the second.
    let desk = Desk::with("").await;
    let text = desk.configuration().replace("workspace = \"acme\"", "workspace = \"acme\"\nconcurrency = 1");
    std::fs::write(desk.folder.path().join("config.toml"), text).unwrap();
    desk.company("Acme", "acme.com");
    let company = desk.company("Beacon", "beacon.com");
    let payers = ["one@beacon.com", "two@beacon.com"].map(|address| desk.payer("Beacon", address));
    let said = desk.ends(0, "plan --json").await.json;
    let creates = said["plan"].as_array().unwrap();
    let ours = &creates.iter().find(|o| o["ref"] == json!(company)).unwrap()["changes"][BY_PAYER]["to"];
    let other = payers.iter().map(|payer| payer.rsplit(':').next().unwrap()).find(|id| json!(id) != *ours).unwrap();
    desk.sandbox.faults.inject(Fault::next("pivotal", Effect::SlowBody(1_500)).on("POST", "/api/v1/customers"));
    let child = desk.begin(&["sync"]);
    desk.until(|| desk.customers() > 0).await;
    let id = company.rsplit(':').next().unwrap();
    let there = json!({ "name": "Beacon", "slug": "beacon", BY_COMPANY: id, BY_PAYER: other });
    desk.sandbox.pivotal().add_customer(there, chrono::Utc::now()).unwrap();
    let ended = tokio::task::spawn_blocking(|| {
        let mut child = child;
        child.wait()
    })
    .await
    .unwrap()
    .unwrap();
    assert_eq!((ended.code(), desk.customers()), (Some(0), 2));
    assert!(
        desk.sandbox.log.entries().iter().any(|entry| entry.method == "POST" && entry.status == 409),
        "its slug was taken"
    );
    assert_eq!(desk.says(&company, BY_PAYER), json!(other));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_must_wait_for_its_turn_says_so() {
    let desk = Desk::with("").await;
    let (one, two) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.ends(0, "sync").await;
    let fault = Fault::next("pivotal", Effect::Throttle { retry_after: 3 });
    desk.sandbox.faults.inject(fault.on("GET", "/api/v1/customers"));
    let said = desk.ends(0, &format!("link {one} {two}")).await.text;
    assert!(said.contains("waiting for Pivotal: it allows no more requests for the moment"), "{said}");
    assert!(said.contains(&format!("is {} in Pivotal", desk.customer(BY_COMPANY, &two).unwrap().0)), "{said}");
}
